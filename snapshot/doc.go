// Package snapshot reads the totals of all pages at one consistent progress, and seeds an empty
// deployment with them.
//
// The heat table is written by transactions that contain a partition's dirty pages together with its
// progress, so the committed state of a partition is the exact totals at its progress
// ([ReadPartition]). Each partition has a progress of its own. A [Cut] is one progress for all of
// them: of each input partition, the lowest that any of them has. [Take] finds the cut, recounts from
// the input what other partitions have counted beyond it, and subtracts that from their pages. So
// the pipeline may run in the meantime.
//
// [Seed] writes such totals into a deployment that has counted nothing, with any number of heat
// partitions, in one transaction. It then continues at the cut.
//
//   - topic.go looks topics up, table.go reads table partitions and pages, input.go the input;
//   - cut.go finds the cut, take.go reads the pages at it;
//   - seed.go writes.
package snapshot
