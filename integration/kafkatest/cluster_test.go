package kafkatest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
)

func values(records []*kgo.Record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = string(r.Value)
	}
	return out
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// roundTrip checks that produced records can be read.
func roundTrip(t *testing.T, c *kafkatest.Cluster) {
	t.Helper()
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 3, "retention.ms", "-1")
	kafkatest.Produce(t, c, topic, "a", "b", "c", "d")
	assert.ElementsMatch(t, []string{"a", "b", "c", "d"}, values(kafkatest.Read(t, c, topic, 4)))

	configs, err := kafkatest.Admin(t, c).DescribeTopicConfigs(testContext(t), topic)
	require.NoError(t, err)
	config, err := configs.On(topic, nil)
	require.NoError(t, err)
	for _, cf := range config.Configs {
		if cf.Key == "retention.ms" {
			assert.Equal(t, "-1", cf.MaybeValue())
		}
	}
}

func TestEmbeddedRoundTrip(t *testing.T) {
	c := kafkatest.Embedded(t)
	require.NotNil(t, c.Fake())
	roundTrip(t, c)
	require.ErrorIs(t, c.Kill(0), kafkatest.ErrNoProcess)
	_, err := c.CPU()
	require.ErrorIs(t, err, kafkatest.ErrNoProcess)
}

func TestEmbeddedKeepsItsDirectory(t *testing.T) {
	dir, topic := t.TempDir(), kafkatest.Prefix(t)
	first := kafkatest.Embedded(t, kafkatest.WithDir(dir))
	kafkatest.CreateTopic(t, first, topic, 1)
	kafkatest.Produce(t, first, topic, "kept")
	require.NoError(t, first.Close())
	again := kafkatest.Embedded(t, kafkatest.WithDir(dir))
	assert.Equal(t, []string{"kept"}, values(kafkatest.Read(t, again, topic, 1)))
}

func TestRealRoundTrip(t *testing.T) {
	began := time.Now()
	c := kafkatest.Real(t, 1)
	t.Logf("ready after %v", time.Since(began))
	roundTrip(t, c)
}

func TestRealUsesBrokersOfTheEnvironment(t *testing.T) {
	c := kafkatest.Embedded(t)
	t.Setenv("KAFKA_BROKERS", c.Bootstrap())
	external := kafkatest.Real(t, 3)
	assert.Equal(t, c.Brokers(), external.Brokers())
	roundTrip(t, external)
	require.ErrorIs(t, external.Kill(0), kafkatest.ErrNoProcess)
	require.NoError(t, external.Close())
	roundTrip(t, c)
}

func TestThreeBrokersLoseOne(t *testing.T) {
	c := kafkatest.Real(t, 3)
	kafkatest.NeedProcesses(t, c)
	ctx := testContext(t)
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 6)
	kafkatest.Produce(t, c, topic, "before")

	before, err := c.CPU()
	require.NoError(t, err)
	pid, err := c.PID(1)
	require.NoError(t, err)
	require.NoError(t, c.Kill(1))
	_, err = c.PID(1)
	require.Error(t, err)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "the process is gone")
	kafkatest.Produce(t, c, topic, "without", "one", "of", "three", "brokers", "!")

	require.NoError(t, c.Start(1))
	require.Error(t, c.Start(1), "it runs already")
	require.NoError(t, c.WaitReady(ctx))
	require.NoError(t, c.WaitInSync(ctx))
	again, err := c.PID(1)
	require.NoError(t, err)
	assert.NotEqual(t, pid, again)

	require.NoError(t, c.Stop(0))
	kafkatest.Produce(t, c, topic, "after")
	assert.ElementsMatch(t,
		[]string{"before", "without", "one", "of", "three", "brokers", "!", "after"},
		values(kafkatest.Read(t, c, topic, 8)))
	after, err := c.CPU()
	require.NoError(t, err)
	assert.Greater(t, after, before, "it counts the brokers that have ended too")
}

func TestFrozenBrokerDoesNotAnswer(t *testing.T) {
	c := kafkatest.Real(t, 1)
	kafkatest.NeedProcesses(t, c)
	ctx := testContext(t)
	cl := kafkatest.Client(t, c, kgo.RequestRetries(0), kgo.RequestTimeoutOverhead(500*time.Millisecond))
	require.NoError(t, cl.Ping(ctx))
	require.NoError(t, c.Freeze(0))
	require.Error(t, cl.Ping(ctx), "its connections are open, and it does not answer")
	require.NoError(t, c.Thaw(0))
	require.NoError(t, kafkatest.Client(t, c).Ping(ctx))
}

func TestBrokerThatCannotStart(t *testing.T) {
	kafkatest.NeedKafka(t)
	t.Setenv("KAFKA_BROKERS", "")
	_, err := kafkatest.Start(testContext(t), kafkatest.Config{
		Properties: map[string]string{"num.io.threads": "none"},
	})
	require.ErrorContains(t, err, "num.io.threads", "it says what Kafka said")
}

func TestConfigRefuses(t *testing.T) {
	for _, cfg := range []kafkatest.Config{
		{Brokers: -1},
		{Brokers: 10},
		{Brokers: 1, MinInSync: 2},
		{Embedded: true, External: []string{"127.0.0.1:1"}},
	} {
		_, err := kafkatest.Start(t.Context(), cfg)
		require.Error(t, err, "%+v", cfg)
	}
}

// TestBrokersEndWithTheirStarter runs itself as a second process, which starts a
// broker and is then killed.
func TestBrokersEndWithTheirStarter(t *testing.T) {
	const child = "KAFKATEST_CHILD"
	if os.Getenv(child) == "1" {
		c, err := kafkatest.Start(testContext(t), kafkatest.Config{})
		require.NoError(t, err)
		pid, err := c.PID(0)
		require.NoError(t, err)
		fmt.Fprintf(os.Stderr, "pid=%d\n", pid)
		<-t.Context().Done()
		return
	}
	kafkatest.NeedKafka(t)
	_, err := os.Stat("/proc/self/stat")
	if err != nil {
		kafkatest.Skip(t, "only Linux tells a process of its parent's end")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1", "KAFKA_BROKERS=", "TMPDIR="+t.TempDir())
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	_, err = fmt.Fscanf(stderr, "pid=%d\n", &pid)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	require.NoError(t, err, "the child names its broker")
	require.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 10*time.Millisecond, "broker %d has ended", pid)
}

// gone reports whether the process has ended; a zombie counts as ended.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	return err == nil && strings.Contains(string(stat), ") Z ")
}
