// Package integration tests pageheat as a whole: the built program, in processes
// of its own, against an embedded broker and against Apache Kafka, each test on
// both. What must be true is computed again by package harness, without code of the
// program.
//
// All tests on Kafka share one broker, which starts with the first of them; they
// differ in the names of topics and groups. Faults are not injected here: see
// package integration/chaos.
package integration
