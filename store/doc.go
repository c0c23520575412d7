// Package store holds one partition of the heat table, in memory or on disk: the exact
// totals of every page, the order of the hottest, how far the partition has
// read (its progress), and which pages are dirty: changed since they were last written.
//
// A [Partition] is a write-behind cache, as Kafka Streams has one in front of
// its stores. Ranges are applied to it at once, where the ranking sees them;
// from time to time a [Checkpoint] takes the dirty pages and the progress, to be written to
// the changelog in one transaction. A checkpoint lies exactly between two ranges, even
// while further ranges are applied: a page that changes before it is written leaves a
// pre-image, its totals at the checkpoint (copy on write). The written table is therefore
// always the exact totals at its progress.
//
// The rules are the same wherever the pages are. [New] makes a partition that has
// all of them in memory. One that [Disk.New] makes has in memory those that have
// are dirty or wait to be written, and those that may be among the hottest;
// the others it reads from disk when they change. It writes states to disk as a checkpoint
// hands them out, which may be before the transaction is committed: the disk is
// part of what would be memory otherwise, and a partition that fails is restored
// from the changelog, never from disk.
//
// The package knows nothing of a network. It implements goka's
// storage.Storage, so that goka restores a partition from its changelog.
package store
