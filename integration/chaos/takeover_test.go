package chaos

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

const (
	// longestHandOver is how long a clean stop should hold anybody up, and
	// longestToStandby where the others follow the table.
	longestHandOver  = 3 * time.Second
	longestToStandby = time.Second
	// longestTakeOver is how long a killed instance should: the group misses it after
	// the session timeout.
	longestTakeOver = sessionTimeout + 3*time.Second
)

// takeOverSize is how many pages the table has at least when it is taken over, and
// how often the times above may pass: "make chaos" holds to them with a million
// pages. Otherwise the machine may do much else, and the test still catches a sleep
// or a needless restore; how long it took is in the table.
func takeOverSize() (pages, slack int) {
	if os.Getenv(duration) != "" {
		return 1_000_000, 1
	}
	return 150_000, 3
}

// TestTakeOver measures how long the boards do not get on, somewhere, when the one
// of two instances with a big table is stopped, or killed.
func TestTakeOver(t *testing.T) {
	t.Run("without standby", func(t *testing.T) { testTakeOver(t, longestHandOver) })
	if os.Getenv(duration) != "" { // the short suite takes under four minutes
		t.Run("with standby", func(t *testing.T) { testTakeOver(t, longestToStandby, "--standby") })
	}
}

func testTakeOver(t *testing.T, handOver time.Duration, flags ...string) {
	pages, slack := takeOverSize()
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	site.Create(inputPartitions)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	boards := site.Follow()
	start := func(name string) *harness.Instance {
		return site.Start(name, append([]string{"--session-timeout", sessionTimeout.String()}, flags...)...)
	}
	first := start("first")
	var once []byte
	for i := range pages {
		once = fmt.Appendf(once, "/page-of-a-site/%d|1|0.5|0\n", i)
	}
	site.ProduceFile(once)
	_, err := boards.WaitFor(ctx, site.Ends())
	require.NoError(t, err)
	second := start("second")
	require.NoError(t, second.WaitOwner(ctx, 1))
	// As a rolling restart should, it goes on once the instance is ready.
	require.NoError(t, second.WaitReady(ctx))

	const slow = 500 // messages a second: the instances are caught up
	load := startLoad(t, site, inputPartitions, slow, loadPages, 4)
	goesOn := func() {
		t.Helper()
		version := boards.Newest().Version
		_, err := boards.Wait(ctx, func(b *harness.Board) bool { return b.Version > version+20 })
		require.NoError(t, err)
		_, err = boards.WaitFor(ctx, load.acknowledgedEnds())
		require.NoError(t, err)
	}
	measure := func(name, what string, most time.Duration, change func()) {
		goesOn()
		from := time.Now()
		change()
		goesOn()
		to := time.Now()
		stall := boards.LongestStall(from, to)
		t.Logf("%s: no board for %v, no progress somewhere for %v", what, boards.LongestPause(from, to), stall)
		assert.LessOrEqual(t, stall, time.Duration(slack)*most, what)
		shared.add(row{name: strings.Join(append([]string{name}, flags...), " "), seed: 4, took: to.Sub(from), faults: what, pause: boards.LongestPause(from, to), stall: stall,
			pages: pages, boards: boards.Count(), exact: true, audited: true})
	}
	measure("hand-over", "SIGTERM of one of two", handOver, func() {
		require.NoError(t, second.Stop())
	})
	measure("joining", "start of the second", handOver, func() {
		second = start("second again")
		require.NoError(t, second.WaitOwner(ctx, 1))
	})
	require.NoError(t, second.WaitReady(ctx))
	measure("take-over", "kill -9 of one of two", longestTakeOver, func() {
		require.NoError(t, first.Kill())
	})
	measure("restart of the last", "SIGTERM of the only one, started again", longestHandOver, func() {
		require.NoError(t, second.Stop())
		second = start("alone")
	})
	require.NoError(t, load.end(ctx))
	_, err = boards.WaitFor(ctx, load.ends)
	require.NoError(t, err)
	assert.Empty(t, boards.Wrong())
	audit := site.Command("audit")
	assert.Zero(t, audit.Code, "%s%s", audit.Stdout, audit.Stderr)
	require.NoError(t, second.Stop())
	t.Logf("took %v", time.Since(began))
}
