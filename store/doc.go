// Package store holds one partition of the heat table, in memory or on disk: the exact
// totals of every page, the order of the hottest, how far the partition has
// read (its progress), and which pages changed since they were last written.
//
// A [Partition] is a write-behind cache, as Kafka Streams has one in front of
// its stores. Ranges are applied to it at once, where the ranking sees them;
// now and then a [Cut] takes everything that changed, with the progress, to be
// written to the changelog in one transaction. A cut lies exactly between two
// ranges, also while further ranges are applied during its writing: a page
// that changes before it was written leaves its totals of the cut behind
// (copy on write). The written table is therefore always the exact totals at
// its progress.
//
// The rules are the same wherever the pages are. [New] makes a partition that has
// all of them in memory. One that [Disk.New] makes has in memory those that have
// changed since they were handed to a cut, and those that may be among the hottest;
// the others it reads from disk when they change. It writes states to disk as a cut
// hands them out, which may be before the transaction is committed: the disk is
// part of what would be memory otherwise, and a partition that fails is restored
// from the changelog, never from disk.
//
// The package knows nothing of a network. It implements goka's
// storage.Storage, so that goka restores a partition from its changelog.
package store
