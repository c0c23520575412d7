package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

func TestBrokersWithAndWithoutPort(t *testing.T) {
	for value, want := range map[string]string{
		"kafka":              "kafka:9092",
		"kafka:":             "kafka:9092",
		"kafka:1":            "kafka:1",
		" kafka-1.local:93 ": "kafka-1.local:93",
		"10.0.0.1":           "10.0.0.1:9092",
		"::1":                "[::1]:9092",
		"[::1]":              "[::1]:9092",
		"[::1]:":             "[::1]:9092",
		"[::1]:65535":        "[::1]:65535",
		"fe80::1%eth0":       "[fe80::1%eth0]:9092",
		"::ffff:10.0.0.1":    "[::ffff:10.0.0.1]:9092",
	} {
		got, err := parseBrokers([]string{"", value})
		require.NoError(t, err, value)
		assert.Equal(t, []string{want}, got, value)
	}
	got, err := parseBrokers([]string{"a", "b", "a:9092"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a:9092", "b:9092"}, got)

	for value, want := range map[string]string{
		"kafka:0":        "from 1 to 65535",
		"kafka:65536":    "from 1 to 65535",
		"kafka:x":        `"x"`,
		"kafka:-1":       "from 1 to 65535",
		"kafka:9092:1":   "host:port",
		":9092":          "host is missing",
		"[::1":           "[address]:port",
		"[::1]9092":      "[address]:port",
		"[kafka]:9092":   "IPv6",
		"kafka://a:9092": "leave out kafka://",
		"a b:9092":       `' '`,
		"a;b":            `';'`,
		"a/b":            `'/'`,
	} {
		_, err := parseBrokers([]string{value})
		require.ErrorContains(t, err, want, value)
		assert.ErrorContains(t, err, value)
	}
	_, err = parseBrokers([]string{" ", ""})
	require.ErrorContains(t, err, "at least one")
}

// TestASilentBrokerCostsSeconds: the others answer for it, whatever the command.
func TestASilentBrokerCostsSeconds(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	brokers := kafkatest.Listen(t, kafkatest.Silent) + "," + cluster.Bootstrap()
	const within = 8 * time.Second
	command := func(t *testing.T, args ...string) (code int, stdout, stderr string) {
		t.Helper()
		var out, log bytes.Buffer
		began := time.Now()
		code = run(t.Context(), append(args, "--brokers", brokers), strings.NewReader(""), &out, &log)
		assert.Less(t, time.Since(began), within, args)
		return code, out.String(), log.String()
	}
	code, out, log := command(t, "topics", "create")
	require.Equal(t, exitDone, code, out+log)
	for _, args := range [][]string{
		{"topics", "check"}, {"produce", "--count", "3", "--rate", "max"}, {"dead-letters", "list"}, {"audit"},
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			code, out, log := command(t, args...)
			require.Equal(t, exitDone, code, out+log)
		})
	}
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		code, _, log := command(t, "page", "/a")
		require.Equal(t, exitFailed, code)
		require.Contains(t, log, "is not known")
	})
}
