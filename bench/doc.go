// Command bench measures pageheat beside what it is to be judged by: a bare
// sarama consumer, which is the ceiling with this client, and goka as its
// examples write it. It starts the brokers itself, embedded ones and Apache
// Kafka, and runs the built program in processes of its own. docs/benchmarks.md
// says what each number is, and how to repeat it; "make bench"
// compares them all.
//
//	bench               throughput: messages a second, processor time, memory, bytes
//	bench latency       from a message's creation to the board in a reader's hands
//	bench pages         memory per page, the collector's pauses, and a restore of all pages
//	bench growth        what more partitions, larger boards and more instances cost
//	bench streams       what clients that follow the board cost, and when they see it
//	bench all           several of these, judged together; --set says which
//	bench judge         judges the medians of several runs
//	bench --quick       a little of everything, as a smoke test
//	bench plot          draws curves from results
//	bench hotspots      says where the time goes, from profiles
//
// A number counts only if the answer is exact: every run is compared with a
// recount of what was sent, and a wrong one ends bench with exit code 1. So does a
// target that is missed, see targets.go.
//
// The files:
//
//   - main.go is the command line, scenario.go what there is to measure;
//   - backlog.go sends the messages, recount.go knows what has to come out;
//   - cluster.go has brokers and topics, process.go the processes that are
//     measured, watch.go reads boards, and durable.go the ends of the changelog;
//   - throughput.go runs one contender after the other: ceiling.go, goka.go,
//     pipeline.go;
//   - latency.go, pages.go and growth.go are the other benchmarks; heattable.go
//     fills and restores the table, drain.go is the bare reader that a restore is
//     judged by, pauses.go finds the collector's pauses in an execution trace;
//   - streams.go measures event streams, with the clients of streamclients.go;
//     streamscost.go says what processor time was for;
//   - results.go and pagesresult.go are what is written as JSON, report.go prints
//     and compares it, targets.go judges it, judge.go several runs, output.go does
//     all that at the end;
//   - plot.go says which curves there are, svg.go draws them;
//   - profile.go builds a program that writes profiles or a trace, hotspots.go reads
//     profiles;
//   - all.go runs several benchmarks, quick.go a little of each.
package main
