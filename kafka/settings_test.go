package kafka

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
