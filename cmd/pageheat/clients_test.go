package main

import (
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// TestClientsOfAProcess: all look-ups share one client, and nothing follows the table where the
// process owns all of it.
func TestClientsOfAProcess(t *testing.T) {
	seen := newBrokerTraffic()
	connections := func() map[string]int { open, _ := seen.now(); return open }
	brokers := broker(t, kfake.ListenFn(seen.listen))
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	i := start(t, "--brokers", brokers, "--roles", "ingest,heat,rank,serve,collect")
	require.Equal(t, exitDone, run(t.Context(), []string{"produce", "--brokers", brokers, "--count", "10", "--rate", "max"}, strings.NewReader(""), io.Discard, &out), &out)
	for _, path := range []string{"/readyz", "/api/v1/boards/all-time", "/api/v1/overview"} {
		answered(t, "http://"+i.address+path, path)
	}
	wanted := []string{"pageheat-dead-letters", "pageheat-forget", "pageheat-heat", "pageheat-ingest", "pageheat-lookup", "pageheat-rank", "pageheat-rank-output", "pageheat-view"}
	require.Eventually(t, func() bool {
		return slices.Equal(wanted, slices.Sorted(maps.Keys(connections())))
	}, 10*time.Second, 20*time.Millisecond, "%v", connections())
	total := 0
	for _, n := range connections() {
		total += n
	}
	t.Log(total, "connections", connections())
	assert.LessOrEqual(t, total, 38)
}
