package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

// logLine is a line of a log of JSON.
type logLine map[string]any

func (l logLine) text(key string) string {
	if v, ok := l[key]; ok {
		return fmt.Sprint(v)
	}
	return ""
}

// logLines checks that every line of a log is as docs/logs.md says, and returns them.
func logLines(t *testing.T, log, secret string) []logLine {
	t.Helper()
	manual, err := os.ReadFile("../../docs/logs.md")
	require.NoError(t, err)
	assert.NotContains(t, log, secret)
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	said := make(map[string]time.Time)
	var lines []logLine
	for raw := range strings.Lines(log) {
		var line logLine
		require.NoError(t, json.Unmarshal([]byte(raw), &line), raw)
		lines = append(lines, line)
		at, err := time.Parse(time.RFC3339Nano, line.text("time"))
		require.NoError(t, err, raw)
		assert.Regexp(t, `^(DEBUG|INFO|WARN|ERROR)$`, line.text("level"), raw)
		assert.NotEmpty(t, line.text("msg"), raw)
		assert.NotEmpty(t, line.text("role")+line.text("roles")+line.text("component"), raw)
		if line.text("level") == "DEBUG" {
			continue // of libraries, which name things as they like
		}
		for key := range line {
			assert.Regexp(t, snake, key, raw)
			assert.Contains(t, string(manual), "`"+key+"`", "docs/logs.md: %s", raw)
		}
		subject := []string{line.text("msg")}
		for _, key := range []string{"role", "component", "topic", "partition", "input_partition", "group", "right", "feature", "address"} {
			subject = append(subject, line.text(key))
		}
		key := strings.Join(subject, "\x00")
		if before, known := said[key]; known {
			assert.GreaterOrEqual(t, at.Sub(before), time.Minute, "twice within a minute: %s", raw)
		}
		said[key] = at
	}
	return lines
}

// TestLogsThroughFaults: while members come and go, without a broker, and when an operator has to
// act, every line can be read by a program, says what it is about, and comes once.
func TestLogsThroughFaults(t *testing.T) {
	const secret = "canary-c5f1d2"
	cluster := kafkatest.Embedded(t)
	brokers := cluster.Bootstrap()
	t.Setenv("PAGEHEAT_TOKEN", secret)
	do := func(args ...string) {
		t.Helper()
		var out strings.Builder
		require.Equal(t, exitDone, run(t.Context(), append(args, "--brokers", brokers), strings.NewReader(""), &out, &out), "%v: %s", args, &out)
	}
	do("topics", "create", "--partitions", "2")
	said := func(i *command, from int, pattern string) int {
		t.Helper()
		match := regexp.MustCompile(pattern)
		var at []int
		require.Eventually(t, func() bool {
			at = match.FindStringIndex(i.log.String()[from:])
			return at != nil
		}, 40*time.Second, 20*time.Millisecond, "%s after %d:\n%s", pattern, from, i.log)
		return from + at[1]
	}
	args := []string{"--brokers", brokers, "--listen", "127.0.0.1:0", "--session-timeout", "6s", "--roles", "ingest,heat,rank,serve,collect"}
	first := launch(t, args...)
	said(first, 0, "took over the ranking")
	do("produce", "--count", "50", "--rate", "max")
	do("top", "--once")

	// A rebalance, and another one; with all that libraries say.
	second := launch(t, append(args, "--log-level", "debug")...)
	said(second, 0, "took over a heat partition")
	second.stop()
	require.Equal(t, exitDone, <-second.ended, "%s", second.log)

	// Without a broker.
	var gone atomic.Bool
	cluster.Fake().Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake().KeepControl()
		return nil, errors.New("gone"), gone.Load()
	})
	gone.Store(true)
	before := len(first.log.String())
	for _, role := range []string{"ingest", "heat", "rank"} {
		said(first, before, `"level":"WARN"[^\n]*"role":"`+role+`"`)
	}
	gone.Store(false)

	// What only an operator can mend.
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	kafkatest.ProduceRecords(t, cluster, &kgo.Record{Topic: topo.Behavior, Value: []byte{0xff, 0, 1}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	select {
	case code := <-first.ended:
		assert.Equal(t, exitFailed, code)
	case <-ctx.Done():
		t.Fatalf("it has not ended:\n%s", first.log)
	}

	lines := logLines(t, first.log.String(), secret)
	roles := make(map[string]bool)
	for _, line := range lines {
		roles[line.text("role")] = true
	}
	for _, role := range []string{"ingest", "heat", "rank"} {
		assert.True(t, roles[role], "a line of %s:\n%s", role, first.log)
	}
	last := lines[len(lines)-1]
	assert.Equal(t, "ERROR", last.text("level"))
	assert.Equal(t, "heat", last.text("role"))
	assert.Contains(t, last.text("error"), topo.Behavior+" partition ")
	assert.Contains(t, last.text("hint"), `"A record does not decode" in docs/operations.md`)
	assert.NotContains(t, last.text("error"), last.text("hint"))

	components := make(map[string]bool)
	for _, line := range logLines(t, second.log.String(), secret) {
		components[line.text("component")] = true
	}
	assert.True(t, components["goka"] && components["franz-go"], "%v", components)
}
