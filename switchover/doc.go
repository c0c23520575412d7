// Package switchover hands the output of one deployment over to another, which goes on with its boards.
//
// [Plan] decides what to write, without I/O. [Run] reads, writes, and waits until the ranking that had the output has
// ended. Each step follows from what the topics hold, so Run can be interrupted and repeated at any point.
//
// First it marks the table of the ranking that has the output, in a transaction of that ranking's
// transactional.id. This fences the ranking: it can begin no further epoch, whose versions could be above those of
// the new ranking, and instances that come back do not publish. Then it tells the owner of the ranking to end, with
// a notice in the leaders topic, and waits until the ranking's group is empty. It writes the last boards of that
// ranking to the output once more, unchanged but for higher versions and the new group: see [codec.HandOver]. The new
// ranking begins from these as from boards of its own, and publishes nothing that has counted less.
//
// The boards are not written in a transaction, and neither are those of a ranking: if it were aborted, programs that
// read uncommitted records would have seen versions that were never handed over.
package switchover
