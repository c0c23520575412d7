// Package processors holds the three goka processors of pageheat, the places
// where a behaviour becomes a rank:
//
//   - ingest (NewIngest) reads behaviours, sets invalid ones aside as dead
//     letters, and sends on the sums per page over ranges of input offsets;
//   - heat (NewHeat) keeps every page's totals in its group table and sends on
//     the hottest pages of each partition;
//   - ranking (NewRanking) merges these into the board and publishes it.
//
// Each is plain goka: a graph and a callback. What they compute is in
// [Gatherer] and [Ranker] (and, for heat, in package store), which know
// nothing of goka or of a network and are tested, and broken, alone.
//
// Each constructor takes goka's options last, so that a test runs the very
// wiring that production runs. In production the options come from package
// adapter, which feeds the processors: many input records as one message,
// a changed page at each commit, and the ticks that a callback can not have by
// itself (see codec.Feed).
package processors
