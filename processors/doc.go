// Package processors holds the three stages of pageheat, the places where a behaviour
// becomes a rank, and the goka groups that they work in:
//
//   - ingest (NewIngest, [IngestStage], [Combiner]) reads behaviours, sets invalid ones
//     aside as dead letters, and sends on the sums per page and minute over ranges of input offsets;
//   - heat (NewHeat, [HeatStage]) counts them: it keeps every page's totals in package
//     store and, behind that, in its group table, and sends on the hottest pages of each
//     partition;
//   - ranking (NewRanking, [RankStage], [Ranker]) merges these into the board and
//     publishes it.
//
// A stage is a state machine without I/O: it is told what happens and what time it is,
// and says what to do ([Action]). Every policy of the pipeline is in here: when a
// range ends, when a commit is due, which offset may be committed, when input is held
// back, when an epoch is taken. What drives the stages decides nothing.
//
// A stage works in two goroutines. The one with Stage in its name belongs to its driver;
// it feeds messages (codec.Feed) through goka, one after the other, to the callback, which
// hands them to the stage's other part: the Combiner, the Ranker. The two share nothing
// but these messages and their acknowledgements. Heat's callback has nothing to compute.
//
// The groups are plain goka: a graph, and a callback that makes one call. Each constructor
// takes goka's options last, so that a test runs the very wiring that production runs; in
// production they come from package pipeline, which drives the stages.
package processors
