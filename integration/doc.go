// Package integration tests pageheat as a whole: the built program, in separate processes,
// against an embedded broker and against Apache Kafka. Each test runs on both. Package harness
// computes the expected results without code of the program.
//
// All tests on Kafka share one broker, which starts with the first of them; they use different
// topic and group names. Package integration/chaos injects faults.
package integration
