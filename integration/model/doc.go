// Package model is a model of the pipeline for tests. It injects faults thousands of times a
// second: it drives the production code (the stages of package processors, package store, and
// every encoding of package codec) over Kafka partitions that are slices in memory, with a
// scheduler that derives every step, and the time, from a seed. Only tests import it.
//
// # What is real, and what is not
//
// All decisions are real: how messages become ranges and when these are sent, which offset is
// committed, how ranges are applied, when a commit is due and what it contains, how a partition
// is restored, how leaders become a board and when. The model plays Kafka, goka and package
// pipeline: it passes events to the stages, carries out their actions, and takes over
// transactional.ids. In schedules with further
// boards, the clocks of processes differ and jump; in the others all share one.
//
// What can happen, between any two steps: processes crash; a consumer group reassigns a
// partition without its owner noticing, which continues, frozen for a while or not, and sends
// and commits what it can; records in flight are late, arrive twice, or never after a crash;
// acknowledgements arrive in any order; a new leader lacks records that were not replicated;
// answers to commits are lost; transactions time out; the changelog is compacted; time passes,
// a little or a lot; the input grows, also by partitions, with gaps in its offsets, invalid
// messages and producer transactions that stay open or are aborted; and retention deletes a
// part of it, in some schedules before it was read. In some schedules processes follow the
// partitions of others, as standbys do, and in some the table's pages are on disk. In half of the
// schedules there are further boards: windows, trending and calendar boards, some with boards of groups, which are
// added, removed and redefined while processes with old and new settings run beside each other; minutes and hours
// pass, and behaviours come late, early, or without a time. In half of the schedules behaviours have titles, and in
// a third something writes events of boards. In half of the schedules somebody asks for pages to be forgotten, with
// and without a block, more than once, by name and by hash, pages that nobody knows among them. In a third of the schedules,
// with and without further boards, days pass and instances drop pages without a behaviour, most of them all the time and some
// from later on; periods end while the pages are removed.
//
// # What must hold
//
// At every commit, the committed state of a table partition is the exact totals at its
// progress, including its count and its losses, and the changelog restores to that state,
// compacted or not. Every board in the output is the exact board of its positions, including
// its offsets. For a reader that ignores versions not above the last, nothing goes back.
// Permanent errors occur only if something is truly lost. After the end of the faults,
// everything is counted, committed and on the last board after a bounded number of steps. The
// recount shares no code with production, not even the parser. That of further boards adds up the
// model's own messages with package boards, which has an independent recount of its own.
//
// What a heat partition counts as late for a further board depends on the clock of the owner that
// applied it. So each owner has books of what it should have; a published board is right if
// it is the exact merge of what leaders with its positions had by their books. The T of a board
// never goes back, in a partition or for a reader, and its final boards are there in the end.
// They say how far the heat partitions had counted when they closed the period.
//
// A page that is forgotten is gone with the commit that takes the request in, in the table and on every board that says
// that the request is in: its behaviours up to there do not count, nor do its titles, and those of a blocked page never do.
// No board says that a request is in before its commit. In the end every request is taken in, once, and answered, and the
// forget topic has no name.
//
// A page that is dropped because it had no behaviour for a time is gone with the commit of the sweep, which has its record:
// which pages those are follows from the input and this record. No board shows a part of what one sweep drops, nor does the
// number of behaviours that a period had when it was closed. A page that a further board still counts is not dropped, except
// for behaviours from before days were kept.
//
// Each version of a board has its events once, and a page is called what its newest behaviour with a title says.
//
// One thing is tolerated and counted (Counts.Crossed): boards are not fenced, so a previous
// owner may publish one more board while the next owner publishes its first, and neither has
// seen the other's.
//
// # A schedule that fails
//
// The test names the seed. The same seed gives the same schedule:
//
//	PAGEHEAT_MODEL_SEED=4711 go test -run TestSchedules -v ./integration/model
//
// prints its trace: first the character of the schedule (the number of partitions, the faults),
// then a line for each event, with the number of the step, and at its end the line that begins
// with VIOLATION. Read it from there upwards:
//
//   - "heat-1/instance-0/3" is an actor: its role and partition, its process, and the generation
//     of its tenure. If two generations of one partition alternate, there are two owners at
//     once; the lower one does not know yet that it was replaced.
//   - "range (4, 9] of input-0 to behaviour-1" covers the input offsets above 4, up to 9. Its
//     sending, its arrival (with its offset) and its acknowledgement are separate lines; search
//     for the range.
//   - "is restored: counted 7 up to [9 3]" is where an owner continues; the lines "commits the
//     table" and "deletes behaviour-1" before it show its source.
//   - A wrong number in a table names the page: search for the lines that write it, and for the
//     ranges applied before.
//   - "made from [5 2]" are the positions of a board: the offsets in each partition of the
//     behaviour topic up to which its leaders had counted.
//
// A seed is only valid for the current code: one step more or less in the model makes a
// different schedule.
//
// # The protections
//
// [Protections] has a switch for every rule. TestEachProtectionMatters turns off one rule at a
// time, and expects the model to find a violation. If the rule is in the production code, the
// model undoes it from the outside: for the gap check it rewrites a range's From so that it
// follows.
package model
