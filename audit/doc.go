// Package audit checks the pipeline from outside: it recounts the input on its
// own and compares every page's totals with the table, exactly. It also reads
// the table for those who only want to see one page.
//
// It shares the formats (codec), the names and the placing of pages (topology)
// and the arithmetic (heat) with the pipeline, and nothing of how the pipeline
// reads and counts. The input it reads in another way than ingest does, with the
// client that decompresses and decodes batches by itself: a mistake in reading does not
// repeat itself in its own check.
//
// An audit needs no pause. The table is written by transactions that hold a
// partition's dirty pages and its progress together, so whatever is committed
// is the exact totals at that progress. [Run] reads each table partition as
// committed, with its progress, then recounts the input, and counts a message
// for a partition only where the partition's progress covers it:
//
//   - topics.go looks topics up and reads a partition as committed, up to a given offset;
//   - table.go reads table partitions: [ReadPartition], [ReadPage];
//   - recount.go recounts the input, in parallel over its partitions;
//   - deadletters.go checks that each message that was not counted lies among
//     the dead letters;
//   - audit.go is the order of these steps, report.go what comes out.
package audit
