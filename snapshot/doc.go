// Package snapshot reads all pages at one consistent progress, with their totals, titles and states on boards, and
// seeds an empty deployment with them.
//
// The heat table is written by transactions that contain a partition's dirty pages together with its
// progress, so the committed state of a partition is exact at its progress ([ReadPartition]). Each partition
// has a progress of its own. A [Cut] is one progress for all of them: of each input partition, the highest
// that any of them has. [Take] finds the cut, reads from the input what other partitions lack up to it, and adds
// that to their pages. So the pipeline may run in the meantime.
//
// A board's T at the cut is the greatest that any partition has. Pages of partitions with an earlier T stay exact:
// each partition is as it would be if its owner's clock had jumped forward to that T, and had then counted what it
// lacks. Both are what an owner does: T does not change states, but for what leaves them, and a behaviour that
// comes when its slot is closed is late. A state belongs to one page alone, so pages of several partitions do not
// touch each other, whatever partition they go to.
//
// [Seed] writes such pages into a deployment that has counted nothing, with any number of heat
// partitions, in one transaction. It then continues at the cut.
//
//   - topic.go looks topics up, table.go reads table partitions and pages, input.go the input;
//   - cut.go finds the cut, board.go its boards, lacking.go what partitions lack; take.go reads the pages, page.go
//     has one;
//   - forgotten.go reads what is kept of forgotten pages;
//   - seed.go writes.
package snapshot
