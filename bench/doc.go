// Command bench measures pageheat beside what it is to be judged by: a bare
// sarama consumer, which is the ceiling with this client, and goka as its
// examples write it. It starts the brokers itself, embedded ones and Apache
// Kafka, and runs the built program in processes of its own. docs/benchmarks.md
// says what each number is, and how to repeat it; "make bench" runs it all.
//
//	bench               throughput: messages a second, processor time, memory, bytes
//	bench latency       from a message's creation to the board in a reader's hands
//	bench pages         memory per page, and how long a restore of all pages takes
//	bench --quick       everything above with few messages, as a smoke test
//
// A number counts only if the answer is exact: every run is compared with a
// recount of what was sent, and a wrong one ends bench with exit code 1.
//
// The files:
//
//   - main.go is the command line, scenario.go what there is to measure;
//   - backlog.go sends the messages, recount.go knows what has to come out;
//   - cluster.go has brokers and topics, process.go the processes that are
//     measured, watch.go reads boards, and durable.go the ends of the changelog;
//   - throughput.go runs one contender after the other: ceiling.go, goka.go,
//     pipeline.go;
//   - latency.go and pages.go are the other two benchmarks, drain.go the bare
//     reader that a restore is judged by;
//   - report.go prints tables, results.go writes and compares JSON;
//   - profile.go builds a program that writes profiles.
package main
