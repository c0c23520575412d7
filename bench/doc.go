// Command bench compares pageheat with two baselines: a bare sarama consumer, which is the
// upper limit with this client, and goka as in its examples. It starts the brokers, embedded
// ones and Apache Kafka, and runs the built program in separate processes. docs/benchmarks.md
// explains each number and how to reproduce it.
//
//	bench               throughput: messages a second, CPU time, memory
//	bench latency       from a message's creation until a reader has the board
//	bench pages         memory per page, garbage collector pauses, and a restore of all pages
//	bench growth        the cost of more partitions, larger boards and more instances
//	bench streams       the cost of clients that follow the board, and their delay
//	bench idle          the cost of an instance with little or no input
//	bench compression   the cost of compressed topics, and their size
//	bench scale         the stages at the size of a large cluster, in simulated time
//	bench all           several of these, judged together; --set selects them
//	bench judge         judges the medians of several reports
//	bench plot          draws curves from results
//	bench --quick       a little of everything, as a smoke test
//
// A number is only valid if the result is exact: every run is compared with a recount of the
// messages sent, and a wrong result ends bench with exit code 1. So does a missed target.
//
// A run has a name, like a Go benchmark, and figures by unit (results.go). All benchmarks
// produce runs; printing, writing, judging and drawing need nothing else (output.go,
// targets.go, plot.go, svg.go).
//
// Processes, boards and the recount come from package harness of the integration tests. In
// addition, cluster.go has brokers and topics, backlog.go sends messages, process.go starts
// hidden commands of bench, durable.go reads committed data, and profile.go takes profiles and
// traces over HTTP.
//
// throughput.go runs the contenders one after the other: reader.go, the bare consumer, goka.go
// and pipeline.go. latency.go, pages.go, growth.go, streams.go and idle.go are the other
// benchmarks: heattable.go fills and restores the table, pauses.go finds the collector's pauses
// in an execution trace, streamclients.go follows the board.
package main
