// Package kafkatest starts Kafka brokers for tests, benchmarks and fault
// injection, without Docker and on loopback addresses only.
//
// There are three kinds of cluster behind one type:
//
//   - embedded: kfake, a broker written in Go that runs inside the test's own
//     process. It starts in a millisecond, needs nothing installed, and injects
//     faults (Cluster.Fake). Most tests use it.
//   - real: Apache Kafka in KRaft mode, from the jars on Maven Central, each
//     broker a process of its own that can be killed, stopped, frozen and
//     started again. It needs Java 17 or later, and Maven for the first start.
//   - external: whatever the environment variable KAFKA_BROKERS names. Tests use
//     it instead of a real one; its processes cannot be touched.
//
// A test asks for a cluster with Embedded or Real, and the cluster ends with
// the test. Programs that are not tests call Start and Cluster.Close. A broker
// process never outlives the process that started it, not even where that one is
// killed (on Linux).
//
// A test that needs something which is not installed is skipped with one line
// that names it, and only through this package: see Skip, NeedTool and NeedKafka.
// With PAGEHEAT_TEST_ALL=1, as set by "make test-all", such a test fails instead,
// so a machine on which half the tests never run cannot look green.
package kafkatest
