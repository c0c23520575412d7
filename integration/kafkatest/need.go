package kafkatest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// testAll is the environment variable that turns every skip into a failure. "make test-all"
// sets it.
const testAll = "PAGEHEAT_TEST_ALL"

// Skip skips a test because the machine lacks something, with one line that names it. With
// PAGEHEAT_TEST_ALL=1 the test fails instead. Every skip in this project uses this function.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(testAll) == "1" {
		t.Fatalf(format+" ("+testAll+"=1: no test may be skipped)", args...)
	}
	t.Skipf(format, args...)
}

// Long skips the test with "go test -short": it takes seconds, or much of the machine. "make
// test" is short, "make test-all" is not.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		Skip(t, "takes too long for -short")
	}
}

// NeedTool returns the path of the first of the named programs that is installed. It skips the
// test if none is, and with -short; see Skip.
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

// NeedKafka skips the test if Real cannot start a cluster: without Java, without Maven until
// Kafka's jars have been fetched, and without KAFKA_BROKERS. It also skips it with -short; see
// Skip.
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

// NeedProcesses skips the test if the cluster's brokers cannot be killed or frozen because they
// are those of KAFKA_BROKERS; see Skip.
func NeedProcesses(t testing.TB, c *Cluster) {
	t.Helper()
	if len(c.nodes) == 0 {
		Skip(t, "needs brokers that it can kill, and %s names a running cluster", externalBrokers)
	}
}
