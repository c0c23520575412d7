// Package audit checks the pipeline from the outside: it recounts the input independently and
// compares every page's totals with the table, exactly.
//
// It shares the formats (codec), the names and the placement of pages (topology) and the
// arithmetic (heat) with the pipeline, but nothing of how the pipeline reads and counts. It
// also reads the input differently than ingest does, with the client that decompresses and
// decodes batches itself, so a mistake in reading cannot hide from this check.
//
// An audit needs no pause. The table is written by transactions that contain a partition's
// dirty pages together with its progress, so the committed state is always the exact totals at
// that progress. [Run] reads each table partition as committed, with its progress. Then it
// recounts the input, and counts a message for a partition only if the partition's progress
// covers it. Package snapshot reads both.
//
//   - recount.go recounts the input, in parallel over its partitions;
//   - deadletters.go checks that each message that was not counted has a dead letter;
//   - audit.go has the order of these steps, report.go the result.
//
// [RecountBoard] counts any board of any time from the input alone: board.go reads, boardcount.go counts,
// boardcut.go finds out what exactly a published board was made from, boardcompare.go compares with a board that was published.
package audit
