package integration

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestCollectUnderLoad posts behaviours while Kafka is killed and restarted: each behaviour
// answered with 202 is in the topic once, and everything in the topic is counted.
func TestCollectUnderLoad(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Real(t, 1, kafkatest.WithSecurity(kafkatest.SecurityOfTests()...))
	kafkatest.NeedProcesses(t, cluster)
	site := harness.NewSite(t, cluster, shared.program)
	p := newPipeline(t, site, 3)
	in := site.Start("pipeline")
	collector := site.Start("collect", "--roles", "collect",
		"--collect-rate", "1000000", "--collect-burst", "1000000", "--collect-timeout", "1s")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	require.NoError(t, collector.WaitReady(ctx))
	address, err := collector.Address(ctx)
	require.NoError(t, err)

	// Each request has three behaviours for its own pages.
	const each = 3
	var requests atomic.Int64
	target := func(to *vegeta.Target) error {
		n := requests.Add(1)
		var body strings.Builder
		for i := range each {
			fmt.Fprintf(&body, "/r%d/%d|1|0.25|1\n", n, i)
		}
		*to = vegeta.Target{Method: http.MethodPost, URL: fmt.Sprintf("http://%s/api/v1/behaviours?n=%d", address, n),
			Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(body.String())}
		return nil
	}
	attacker := vegeta.NewAttacker(vegeta.Timeout(20*time.Second), vegeta.Workers(20), vegeta.MaxWorkers(60))
	results := attacker.Attack(target, vegeta.Rate{Freq: 150, Per: time.Second}, 0, "collect")
	codes := map[uint16]int{}
	accepted := map[string]bool{} // numbers of requests
	// until receives results until there are enough of a kind.
	until := func(n int, kind uint16) {
		t.Helper()
		for seen := 0; seen < n; {
			select {
			case result, ok := <-results:
				require.True(t, ok)
				codes[result.Code]++
				if result.Code == http.StatusAccepted {
					_, number, _ := strings.Cut(result.URL, "?n=")
					accepted[number] = true
				}
				if result.Code == kind {
					seen++
				}
			case <-ctx.Done():
				t.Fatalf("%d of %d answers with status %d: %v", seen, n, kind, codes)
			}
		}
	}
	for range 2 {
		until(150, http.StatusAccepted)
		require.NoError(t, cluster.Kill(0))
		until(50, http.StatusServiceUnavailable)
		require.NoError(t, cluster.Start(0))
		until(150, http.StatusAccepted)
	}
	attacker.Stop()
	for result := range results {
		codes[result.Code]++
		if result.Code == http.StatusAccepted {
			_, number, _ := strings.Cut(result.URL, "?n=")
			accepted[number] = true
		}
	}
	t.Logf("answers by status: %v", codes)
	assert.Zero(t, codes[0], "requests without an answer")

	// Behaviours answered with 503 may have been in flight. After the end of the collector
	// nothing more arrives.
	require.NoError(t, cluster.WaitReady(ctx))
	stopped(t, collector)
	ends := site.Ends()
	records := 0
	for _, end := range ends {
		records += int(end)
	}
	want := harness.NewRecount()
	times := map[string]int{}
	for _, record := range kafkatest.Read(t, cluster, site.Input, records) {
		require.NoError(t, want.AddLines(append(record.Value, '\n'), 1))
		page, _, _ := strings.Cut(string(record.Value), "|")
		times[page]++
	}
	for number := range accepted {
		for i := range each {
			assert.Equal(t, 1, times[fmt.Sprintf("/r%s/%d", number, i)], "behaviour %d of request %s, which was accepted", i, number)
		}
	}
	p.exact(t, in, ends, want)
	stopped(t, in)
}
