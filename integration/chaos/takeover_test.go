package chaos

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

const (
	// bigTable is the number of pages that the table has when it is taken over.
	bigTable = 200_000
	// longestHandOver is how long a clean stop should hold anybody up.
	longestHandOver = 3 * time.Second
	// longestTakeOver is how long a killed instance should: the group misses it after
	// the session timeout.
	longestTakeOver = sessionTimeout + 3*time.Second
	// slack is how often the time may pass on a machine that does much else: the
	// test then still catches a sleep or a needless restore. How long it took is in
	// the table, to be held against the times above.
	slack = 3
)

// TestTakeOver measures how long the boards do not get on, somewhere, when the one
// of two instances with a big table is stopped, or killed.
func TestTakeOver(t *testing.T) {
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	site.Create(inputPartitions)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	boards := site.Follow()
	start := func(name string) *harness.Instance {
		return site.Start(name, "--session-timeout", sessionTimeout.String())
	}
	first := start("first")
	for _, count := range []int{bigTable, bigTable} {
		site.Must("produce", "--rate", "max", "--pages", strconv.Itoa(bigTable), "--count", strconv.Itoa(count))
	}
	_, err := boards.WaitFor(ctx, site.Ends())
	require.NoError(t, err)
	second := start("second")
	require.NoError(t, second.WaitOwner(ctx, 0))

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
		assert.LessOrEqual(t, stall, slack*most, what)
		shared.add(row{name: name, seed: 4, took: to.Sub(from), faults: what, pause: boards.LongestPause(from, to), stall: stall,
			pages: bigTable, boards: boards.Count(), exact: true, audited: true})
	}
	measure("hand-over", "SIGTERM of one of two", longestHandOver, func() {
		require.NoError(t, second.Stop())
	})
	measure("joining", "start of the second", longestHandOver, func() {
		second = start("second again")
		require.NoError(t, second.WaitOwner(ctx, 0))
	})
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
