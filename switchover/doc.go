// Package switchover hands the output of one deployment over to another, which goes on with its boards.
//
// [Plan] decides what to write, without I/O; [Run] looks, writes, and waits until the ranking that had the
// output has ended. What it does follows from what it finds, so it may be interrupted and repeated at any point.
//
// First it marks the table of the ranking that has the output, in a transaction of that ranking's
// transactional.id. So the ranking is fenced: it begins no epoch any more, with versions that could be above
// those of the new one, and instances that come back do not publish, whatever becomes of the output. Then it
// tells the owner of the ranking to end, with a notice among the leaders that it reads, and waits until its
// group is empty. What it has published last is written to the output once more, as it stands, with higher
// versions and as of the new group: see [codec.HandOver]. The new ranking begins from these as from boards of its
// own, and publishes nothing that has counted less.
//
// The boards are no transaction, as those of rankings are none: programs that do not wait for the end of a
// transaction would see versions of boards that were never handed over, if it was aborted.
package switchover
