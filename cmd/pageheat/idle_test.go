package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/integration/kafkatest"
)

// TestAnIdleInstanceSendsFewRequests: they are most of what it costs, itself and its brokers.
func TestAnIdleInstanceSendsFewRequests(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	seen := newBrokerTraffic()
	brokers := broker(t, kfake.ListenFn(seen.listen))
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	i := start(t, "--brokers", brokers)
	require.Equal(t, exitDone, run(t.Context(), []string{"produce", "--brokers", brokers, "--count", "10", "--rate", "max"}, strings.NewReader(""), io.Discard, &out), &out)
	answered(t, "http://"+i.address+"/api/v1/boards/all-time", "all-time")

	// The first windows have what comes after messages: commits, and the offsets of ingest.
	const window, most, windows = 5 * time.Second, 64, 6 // 60 are usual, and 55 once leaders are repeated less often
	var list strings.Builder
	for range windows {
		_, before := seen.now()
		time.Sleep(window)
		_, after := seen.now()
		total := 0
		list.Reset()
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if n := after[name] - before[name]; n > 0 {
				total += n
				fmt.Fprintf(&list, "%4d  %s\n", n, name)
			}
		}
		t.Logf("%d requests in %s:\n%s", total, window, &list)
		if total <= most {
			return
		}
	}
	assert.Fail(t, "too many requests", "more than %d in each of %d times %s, the last time\n%s", most, windows, window, &list)
}
