// Package kafkatest starts Kafka brokers for tests, benchmarks and fault injection, without
// Docker and on loopback addresses only.
//
// There are three kinds of cluster behind one type:
//
//   - embedded: kfake, a broker written in Go that runs inside the test's process. It starts in
//     a millisecond, needs no installation, and can inject faults (Cluster.Fake). Most tests use
//     it.
//   - real: Apache Kafka in KRaft mode, from the jars on Maven Central. Each broker is a
//     separate process that can be killed, stopped, frozen and restarted. It needs Java 17 or
//     later, and Maven for the first start.
//   - external: the cluster in the environment variable KAFKA_BROKERS. Tests use it instead of a
//     real one; its processes cannot be controlled.
//
// A test gets a cluster from Embedded or Real, and the cluster ends with the test. Other
// programs call Start and Cluster.Close. A broker process never outlives the process that
// started it, even if that one is killed (on Linux).
//
// A test that needs something that is not installed is skipped with one line that names it, and
// only through this package: see Skip, NeedTool and NeedKafka. With PAGEHEAT_TEST_ALL=1, as set
// by "make test-all", such a test fails instead. So a machine that skips half of the tests
// never looks green.
package kafkatest
