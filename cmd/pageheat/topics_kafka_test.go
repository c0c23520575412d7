package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// TestTopicsOnKafka: that a Kafka takes every setting, and tells it again.
func TestTopicsOnKafka(t *testing.T) {
	cluster := kafkatest.Real(t, 3)
	prefix := kafkatest.Prefix(t)
	topics := func(command string, args ...string) (code int, stdout string) {
		var out, log bytes.Buffer
		code = run(t.Context(), append([]string{"topics", command, "--brokers", cluster.Bootstrap(),
			"--prefix", prefix, "--input", prefix + "-in", "--output", prefix + "-out"}, args...), strings.NewReader(""), &out, &log)
		t.Logf("topics %s: %d\n%s%s", command, code, &out, &log)
		return code, out.String()
	}
	code, _ := topics("check")
	assert.Equal(t, exitDifference, code)

	code, out := topics("create", "--partitions", "4")
	require.Equal(t, exitDone, code)
	assert.Contains(t, out, prefix+"-in created: 3 partitions, replication 3")
	assert.Contains(t, out, prefix+"-heat-table created: 4 partitions, replication 3")

	code, _ = topics("create")
	assert.Equal(t, exitDone, code)
	code, out = topics("check")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, out, "4 partitions for pages, replication 3")

	code, out = topics("check", "--partitions", "3")
	assert.Equal(t, exitDifference, code)
	assert.Equal(t, 2, strings.Count(out, "has 4 partitions, 3 needed"))
}
