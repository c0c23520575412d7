package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestRebuildBesideAndSwitch counts the input again beside a running deployment, from its beginning and in other
// partitions, and hands the output over while behaviours come: one growing sequence of boards.
func TestRebuildBesideAndSwitch(t *testing.T) { everywhere(t, rebuildBesideAndSwitch) }

func rebuildBesideAndSwitch(t *testing.T, site *harness.Site) {
	const partitions = 3
	p := newPipeline(t, site, partitions)
	hour, sections, gone := []string{"--board", "hour kind=window window=1h"}, []string{"--board", "parts kind=window window=1h group-by=/(page1|page2).*"}, []string{"--board", "gone kind=trending half-life=2h"}
	old := site.Start("old", append(append(gone, hour...), sections...)...)
	traffic := startTraffic(t, site, partitions)
	defer traffic.end()
	_, err := p.boards.Wait(within(t), func(b *harness.Board) bool { return b.Counted > 1000 })
	require.NoError(t, err)

	to := *site
	to.Prefix = site.Prefix + "-v2"
	to.Must("topics", "create", "--partitions", "5")
	says := refuses(t, to.Start("publishes at once", hour...))
	assert.Contains(t, says, "each prefix needs an output of its own")
	r := site.Command("switch", "--from", site.Prefix, "--to", to.Prefix)
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stderr, "does not run")

	beside := to.Start("beside", append(append(hour, sections...), "--await-switch")...)
	require.NoError(t, beside.WaitReady(within(t)))
	r = site.Command("switch", "--from", site.Prefix, "--to", to.Prefix)
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stderr, "does not have these boards of the output: gone")
	_, ended := old.Ended()
	require.False(t, ended, "nothing has changed")

	// Killed at any time, it goes on where it stopped.
	move := []string{"switch", "--from", site.Prefix, "--to", to.Prefix, "--delete-boards"}
	for after := 50 * time.Millisecond; ; after = after * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		r, err := site.Run(ctx, nil, move...)
		cancel()
		if err == nil {
			require.Equal(t, 0, r.Code, r.Stdout+r.Stderr)
			break
		}
	}
	assert.Contains(t, site.Must(move...), "nothing to do")
	says = refuses(t, old)
	assert.Contains(t, says, "pageheat switch")
	assert.Contains(t, refuses(t, site.Start("comes back", hour...)), "pageheat switch")
	traffic.finish(t)

	goesOn(t, p, beside, traffic.ends, traffic.want)
	_, err = p.boards.Covering(within(t), "hour", traffic.ends)
	require.NoError(t, err)
	keys := boardKeys(t, site)
	assert.NotContains(t, keys, "gone")
	assert.Contains(t, keys, "parts/page1")
	assert.Equal(t, to.Prefix+"-rank", keys["parts/page1"])
	stopped(t, beside)
	(&pipeline{&to, p.boards}).audited(t)

	site.Must("reset", "--yes") // of the old one: the output stays

	after := to.Start("needs no flag any more", append(hour, sections...)...)
	goesOn(t, p, after, somePages(t, site, partitions, traffic.want), traffic.want)
	stopped(t, after)
}

// TestRebuildInterrupted kills the deployment that counts the input again, each time later, until it is let catch up.
// Its boards and pages are exact then, and it takes the output over.
func TestRebuildInterrupted(t *testing.T) {
	t.Parallel()
	if len(kafkatest.SecurityOfTests()) > 0 {
		return // its users have the rights of one deployment
	}
	const partitions, messages = 2, 40_000
	site := harness.NewSite(t, kafkatest.Embedded(t), shared.program)
	p, want := newPipeline(t, site, partitions), harness.NewRecount()
	old := site.Start("old")
	var text strings.Builder
	for i := range messages {
		fmt.Fprintf(&text, "/page%d|%d|%d.%d|%d\n", i%501, i%5, i%7, i%1000, i%3-1)
	}
	require.NoError(t, want.AddLines([]byte(text.String()), 1))
	ends := sent(t, site, records(site, []byte(text.String()), nil, func(i int) int32 { return int32(i % partitions) }))
	p.exact(t, old, ends, want)

	to := *site
	to.Prefix = site.Prefix + "-v2"
	to.Must("topics", "create", "--partitions", "3")
	flags := []string{"--await-switch", "--commit-every", "1s", "--instance-id", "beside"} // which has its partitions again at once
	for i := range 4 {
		in := to.Start(fmt.Sprintf("killed %d", i), flags...)
		require.NoError(t, in.WaitOwner(within(t), 3))
		time.Sleep(time.Duration(i) * 100 * time.Millisecond) // at any time of its work
		require.NoError(t, in.Kill())
	}
	beside := to.Start("beside", flags...)
	require.NoError(t, beside.WaitReady(within(t)))
	require.Eventually(t, func() bool { return site.Command("switch", "--from", site.Prefix, "--to", to.Prefix).Code == 0 }, harness.Within, 200*time.Millisecond, "it catches up")
	refuses(t, old)
	goesOn(t, p, beside, ends, want)
	goesOn(t, p, beside, somePages(t, site, partitions, want), want)
	stopped(t, beside)
	(&pipeline{&to, p.boards}).audited(t)
}

// TestSwitchThereAndBack hands the output over, and back to the deployment that has gone on counting.
func TestSwitchThereAndBack(t *testing.T) { everywhere(t, switchThereAndBack) }

func switchThereAndBack(t *testing.T, site *harness.Site) {
	const partitions = 2
	p, want := newPipeline(t, site, partitions), harness.NewRecount()
	to := *site
	to.Prefix = site.Prefix + "-v2"
	to.Must("topics", "create")
	first := site.Start("first")
	p.exact(t, first, somePages(t, site, partitions, want), want)
	stopped(t, first)
	one, two := site.Start("one", "--await-switch"), to.Start("two", "--await-switch")
	for range 2 {
		site.Must("switch", "--from", site.Prefix, "--to", to.Prefix)
		goesOn(t, p, two, somePages(t, site, partitions, want), want)
		assert.Equal(t, to.Prefix+"-rank", boardKeys(t, site)["all-time"])
		site.Must("switch", "--from", to.Prefix, "--to", site.Prefix)
		goesOn(t, p, one, somePages(t, site, partitions, want), want)
		assert.Equal(t, site.Prefix+"-rank", boardKeys(t, site)["all-time"])
	}
	stopped(t, one, two)
}

// goesOn is pipeline.exact where the output was handed over: until it notices, the ranking that had it may
// publish boards with versions that readers ignore.
func goesOn(t *testing.T, p *pipeline, in *harness.Instance, ends harness.Ends, want *harness.Recount) {
	t.Helper()
	board, err := p.waitFor(within(t), in, ends)
	require.NoError(t, err)
	assert.Empty(t, want.CompareBoard(board), "the board")
	pages, err := want.ComparePages(within(t), in)
	require.NoError(t, err)
	assert.Empty(t, pages.Wrong, "lost %d behaviours, counted %d twice", pages.Lost, pages.Twice)
	assert.Empty(t, p.boards.Wrong(), "no board went back")
}

// boardKeys reads the output: which group published the last board of each key.
func boardKeys(t *testing.T, site *harness.Site) map[string]string {
	t.Helper()
	ends, err := kafkatest.Admin(t, site.Cluster).ListEndOffsets(within(t), site.Output)
	require.NoError(t, err)
	end, _ := ends.Lookup(site.Output, 0)
	keys := map[string]string{}
	for _, r := range kafkatest.Read(t, site.Cluster, site.Output, int(end.Offset)) {
		delete(keys, string(r.Key))
		for _, h := range r.Headers {
			if h.Key == codec.HeaderPositions {
				origin, err := codec.DecodeOrigin(h.Value)
				require.NoError(t, err)
				keys[string(r.Key)] = origin.Group
			}
		}
	}
	return keys
}
