// Package model is a model of the pipeline that is broken some thousands of
// times a second: it drives the production code (the stages of package processors, package
// store, and every encoding of package codec) over Kafka partitions that are plain slices
// in memory, with a scheduler that draws every step, and the time, from a seed. It is there
// for the tests; nothing else imports it.
//
// # What is real, and what is not
//
// Real is everything that is decided: how messages become ranges and when these go out,
// which offset is committed, how ranges are applied, when a commit is due and what it
// holds, how a partition is restored, how leaders become a board and when. The model plays
// Kafka, goka and package pipeline: it carries events to the stages and their actions out,
// and takes over transactional.ids. Its clock is one for all processes.
//
// What can happen, between any two steps: processes crash; a consumer group
// gives a partition away without its owner noticing, which goes on, frozen for a
// while or not, and sends and commits what it can; records on their way are
// late, arrive twice, or never after a crash; acknowledgements come in any
// order; a new leader lacks what was not replicated; answers to commits are
// lost; transactions time out; the changelog is compacted; time goes by, a little
// or a lot; the input grows, also by partitions, has holes in its offsets, invalid
// messages and transactions of its producers that stay open or are aborted, and
// retention takes a part of it, in some schedules before it was read. In some
// schedules processes follow the partitions of others, as a standby does, and in some
// the table's pages are on disk.
//
// # What must hold
//
// At every commit, what is committed of a table partition is the exact totals at
// its progress, counted and lost with it; and what the changelog holds restores
// to that, compacted or not. Every board in the output is exactly the board of
// the positions that it says it was made from, its offsets with it. For a reader
// that ignores versions not above the last, nothing goes back. A permanent error
// comes only where something is truly lost. When the faults end, everything is
// counted, committed and on the last board after a bounded number of steps. The
// recount knows nothing of the production code, not even its parser.
//
// One thing is let pass, and counted (Counts.Crossed): nothing fences a board,
// so an owner of before may publish one more while the next owner publishes its
// first, neither having seen the other's.
//
// # A schedule that fails
//
// The test names the seed. The same seed gives the same schedule:
//
//	PAGEHEAT_MODEL_SEED=4711 go test -run TestSchedules -v ./integration/model
//
// prints its trace: first the character of the schedule (how many partitions,
// which faults), then a line for each thing that happens, with the number of the
// step, and at its end the line that begins with VIOLATION. Read it from there
// upwards:
//
//   - "heat-1/instance-0/3" is who acts: its role and partition, its process, and
//     the generation of its tenure. Two generations of one partition that act in
//     turn are two owners at once; the lower does not know yet that it has lost.
//   - "range (4, 9] of input-0 to behaviour-1" holds what lies at input offsets
//     above 4, up to 9. Its sending, its arrival (with its offset) and its
//     acknowledgement are lines of their own; search for the range.
//   - "is restored: counted 7 up to [9 3]" is where an owner goes on; the lines
//     "commits the table" and "deletes behaviour-1" before it say from what.
//   - A wrong number in a table names the page: search for the lines that write
//     it, and for the ranges applied before.
//   - "made from [5 2]" are the positions of a board: the offsets in each
//     partition of the behaviour topic up to which its leaders had counted.
//
// A seed belongs to the code as it is: a step more or less in the model, and it
// is another schedule.
//
// # The protections
//
// [Protections] has a switch for every rule. TestEachProtectionMatters turns off
// one after the other, and expects the model to find what it is there for. Where
// the protection is in the production code, it is undone from outside: for the
// gap check a range's From is rewritten so that it follows.
package model
