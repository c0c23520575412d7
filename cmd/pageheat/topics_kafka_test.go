package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
	"pageheat/kafka"
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
	assert.Regexp(t, prefix+`-heat-table +4 +3 +2 +compact`, out)

	code, out = topics("check", "--partitions", "3")
	assert.Equal(t, exitDifference, code)
	assert.Equal(t, 3, strings.Count(out, "has 4 partitions, 3 needed"), "the behaviours, the table and the requests to forget pages")
}

// TestTopicsWithABrokerDown: the number of replicas stays forever, so it must not
// follow from who is up at the moment.
func TestTopicsWithABrokerDown(t *testing.T) {
	cluster := kafkatest.Real(t, 3)
	if len(cluster.Brokers()) != 3 || cluster.Kill(2) != nil {
		kafkatest.Skip(t, "the brokers are not ours to stop")
	}
	clients := kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"})
	defer clients.Close()
	require.Eventually(t, func() bool {
		down, err := clients.DownBrokers(t.Context())
		return err == nil && len(down) == 1
	}, time.Minute, 200*time.Millisecond, "Kafka has not noticed that a broker is down")
	prefix := kafkatest.Prefix(t)
	topics := func(args ...string) (code int, stdout, stderr string) {
		var out, log bytes.Buffer
		code = run(t.Context(), append(append([]string{"topics"}, args...), "--brokers", cluster.Bootstrap(),
			"--prefix", prefix, "--input", prefix+"-in", "--output", prefix+"-out"), strings.NewReader(""), &out, &log)
		return code, out.String(), log.String()
	}
	code, out, log := topics("create")
	require.Equal(t, exitFailed, code, out)
	assert.Empty(t, out)
	assert.Contains(t, log, "2 of 3 brokers are up")
	assert.Contains(t, log, "--replication 2")

	code, out, log = topics("create", "--replication", "2")
	require.Equal(t, exitDone, code, out+log)
	assert.Contains(t, out, prefix+"-heat-table created: 3 partitions, replication 2")
	code, out, log = topics("create")
	assert.Equal(t, exitDone, code, "nothing is missing: %s%s", out, log)
	code, out, _ = topics("check")
	assert.Equal(t, exitDifference, code)
	assert.Regexp(t, prefix+`-heat-table +3 +2 +1 +compact`, out)
	assert.Contains(t, out, prefix+"-heat-table has 2 replicas, 3 needed")
}
