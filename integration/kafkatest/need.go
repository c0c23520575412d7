package kafkatest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// testAll is the environment variable with which "make test-all" turns every skip
// of Skip into a failure.
const testAll = "PAGEHEAT_TEST_ALL"

// Skip skips a test for want of something that the machine does not have, with one
// line that names it. With PAGEHEAT_TEST_ALL=1 the test fails instead. Every skip
// of this project goes through here.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(testAll) == "1" {
		t.Fatalf(format+" ("+testAll+"=1: no test may be skipped)", args...)
	}
	t.Skipf(format, args...)
}

// Long leaves the test out of "go test -short": it takes seconds, or much of the
// machine. "make test" is short, "make test-all" is not.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		Skip(t, "takes too long for -short")
	}
}

// NeedTool returns the path of the first of the named programs that is installed,
// and skips the test where none is, and with -short; see Skip.
func NeedTool(t testing.TB, names ...string) string {
	t.Helper()
	Long(t)
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Skip(t, "needs %s, which is not installed", strings.Join(names, " or "))
	return ""
}

// NeedKafka skips the test where Real could not give it a cluster: without Java,
// without Maven as long as Kafka's jars have not been fetched, and without
// KAFKA_BROKERS; and with -short; see Skip.
func NeedKafka(t testing.TB) {
	t.Helper()
	Long(t)
	if os.Getenv(externalBrokers) != "" {
		return
	}
	if _, err := javaProgram(); err != nil {
		Skip(t, "needs a real Kafka: Java 17 or later is not installed")
	}
	dir, err := jarsDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		return
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		Skip(t, "needs a real Kafka: its jars have not been fetched (make kafka-jars), and Maven is not installed")
	}
}

// NeedProcesses skips the test where the cluster's brokers cannot be killed or
// frozen, because they are those of KAFKA_BROKERS; see Skip.
func NeedProcesses(t testing.TB, c *Cluster) {
	t.Helper()
	if len(c.nodes) == 0 {
		Skip(t, "needs brokers that it can kill, and %s names a running cluster", externalBrokers)
	}
}
