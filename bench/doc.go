// Command bench measures pageheat beside what it is to be judged by: a bare
// sarama consumer, which is the ceiling with this client, and goka as its
// examples write it. It starts the brokers itself, embedded ones and Apache
// Kafka, and runs the built program in processes of its own. docs/benchmarks.md
// says what each number is, and how to repeat it.
//
//	bench               throughput: messages a second, processor time, memory
//	bench latency       from a message's creation to the board in a reader's hands
//	bench pages         memory per page, the collector's pauses, and a restore of all pages
//	bench growth        what more partitions, larger boards and more instances cost
//	bench streams       what clients that follow the board cost, and when they see it
//	bench all           several of these, judged together; --set says which
//	bench judge         judges the medians of several reports
//	bench plot          draws curves from results
//	bench --quick       a little of everything, as a smoke test
//
// A number counts only if the answer is exact: every run is compared with a
// recount of what was sent, and a wrong one ends bench with exit code 1. So does a
// target that is missed.
//
// A run is a name, as a Go benchmark has it, with figures by their units (results.go).
// All benchmarks make runs; what prints, writes, judges and draws them knows no more
// (output.go, targets.go, plot.go, svg.go).
//
// Processes, boards and the recount are those of the integration tests: package harness.
// Around them, cluster.go has brokers and topics, backlog.go sends messages, process.go
// starts hidden commands of bench, durable.go reads what is committed, and profile.go
// takes profiles and traces over HTTP.
//
// throughput.go runs one contender after the other: reader.go, the bare consumer, goka.go
// and pipeline.go. latency.go, pages.go, growth.go and streams.go are the other
// benchmarks: heattable.go fills and restores the table, pauses.go finds the collector's
// pauses in an execution trace, streamclients.go follows the board.
package main
