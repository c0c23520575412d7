package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// traffic sends behaviours one after the other, each acknowledged, until it is stopped, and
// counts them.
type traffic struct {
	stop chan struct{}
	done chan struct{}
	err  error
	want *harness.Recount
	ends harness.Ends
}

// startTraffic sends a given number of behaviours at a time, over and over.
func startTraffic(t *testing.T, site *harness.Site, partitions int32) *traffic {
	t.Helper()
	const burst = 50
	f := &traffic{stop: make(chan struct{}), done: make(chan struct{}), want: harness.NewRecount(), ends: harness.Ends{}}
	client := kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	go func() {
		defer close(f.done)
		for n := 0; f.err == nil; {
			select {
			case <-f.stop:
				return
			default:
			}
			var some []*kgo.Record
			for range burst {
				n++
				some = append(some, &kgo.Record{Topic: site.Input, Partition: int32(n) % partitions,
					Value: fmt.Appendf(nil, "/page%d|%d|%d.%d|%d", n%237, n%5, n%7, n%1000, n%3-1)})
			}
			if f.err = client.ProduceSync(context.Background(), some...).FirstErr(); f.err != nil {
				return
			}
			for _, r := range some {
				if f.err = f.want.Add(r.Value, 1); f.err != nil {
					return
				}
				f.ends.Include(r)
			}
		}
	}()
	t.Cleanup(func() { f.end() })
	return f
}

func (f *traffic) end() {
	select {
	case <-f.stop:
	default:
		close(f.stop)
	}
	<-f.done
}

// finish stops the traffic; afterwards the count is stable.
func (f *traffic) finish(t *testing.T) {
	t.Helper()
	f.end()
	require.NoError(t, f.err)
}

// waitShared waits until all of the expected members of the groups own partitions.
func waitShared(t *testing.T, ctx context.Context, site *harness.Site, members int, groups ...string) {
	t.Helper()
	for _, group := range groups {
		for {
			state, owned := site.Describe(site.Prefix + group)
			if state == "Stable" && len(owned) == members && !slices.Contains(owned, 0) {
				break
			}
			select {
			case <-time.After(20 * time.Millisecond): // groups have no signal to wait for
			case <-ctx.Done():
				require.NoError(t, ctx.Err(), "group %s: state %s, members own %v", group, state, owned)
			}
		}
	}
}

// TestInstancesShareTheWork starts and stops a second instance under load, twice. Then the
// first one is stopped, and the second one continues alone.
func TestInstancesShareTheWork(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		const partitions = 4
		p := newPipeline(t, site, partitions)
		ctx := within(t)
		first := site.Start("first")
		input := startTraffic(t, site, partitions)
		_, err := p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > 0 })
		require.NoError(t, err)
		for round := range 2 {
			second := site.Start(fmt.Sprintf("second %d", round))
			waitShared(t, ctx, site, 2, "-ingest", "-heat")
			require.NoError(t, second.WaitOwner(ctx, 1))
			counted := p.boards.Newest().Counted
			_, err = p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
			require.NoError(t, err)
			assert.Eventually(t, func() bool { return len(second.TakeOvers(ctx)) == partitions/2 }, time.Minute, 10*time.Millisecond,
				"the second has set up its half")
			stopped(t, second)
		}
		last := site.Start("last")
		waitShared(t, ctx, site, 2, "-ingest", "-heat")
		stopped(t, first)
		counted := p.boards.Newest().Counted
		_, err = p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
		require.NoError(t, err)
		input.finish(t)
		p.exact(t, last, input.ends, input.want)
		waitShared(t, ctx, site, 1, "-ingest", "-heat", "-rank")
		p.audited(t)
		stopped(t, last)
		t.Logf("%d behaviours, %d boards", input.want.Counted, p.boards.Count())
	})
}

// TestRolesInProcessesOfTheirOwn runs each role in its own process.
func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	file := readData(t, "testdata", smallest)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		var all []*harness.Instance
		for _, role := range []string{"rank", "heat", "heat", "ingest", "serve"} {
			all = append(all, site.Start(role, "--roles", role))
		}
		site.ProduceFile(file.lines)
		p.exact(t, all[len(all)-1], site.Ends(), file.recount(t, 1))
		p.audited(t)
		stopped(t, all...)
	})
}

// history is what a board remembers about its pages.
func history(b *harness.Board) map[string]string {
	all := map[string]string{}
	for _, page := range b.Pages {
		all[page.Page] = fmt.Sprintf("rank %d since %s, before that %d", page.Rank, page.RankSince, page.PreviousRank)
	}
	return all
}

// TestRestart stops and starts everything, twice: nothing is counted twice, versions grow, and
// the board keeps its history.
func TestRestart(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		want := harness.NewRecount()
		send := func(text string) harness.Ends {
			require.NoError(t, want.AddLines([]byte(text), 1))
			return sent(t, site, records(site, []byte(text), nil, func(i int) int32 { return int32(i % 3) }))
		}
		in := site.Start("first")
		p.exact(t, in, send("/a|5|0|0\n/b|4|0|0\n/c|3|0|0\n"), want)
		board := p.exact(t, in, send("/c|4|0|0\n/d|1|0.000000001|1\n"), want) // c overtakes a and b
		require.Equal(t, "/c", board.Pages[0].Page)
		require.Equal(t, 3, board.Pages[0].PreviousRank)
		require.Equal(t, 1, board.Pages[1].PreviousRank)
		for round := range 2 {
			stopped(t, in)
			before := p.boards.Newest()
			in = site.Start(fmt.Sprintf("again %d", round))
			// A board with the same contents need not be published; the next one must keep the
			// history. It changes no rank.
			after := p.exact(t, in, send("/c|1|0|0\n"), want)
			assert.Greater(t, after.Version, before.Version)
			assert.Equal(t, history(before), history(after))
		}
		restores, err := in.Restores(within(t))
		require.NoError(t, err)
		assert.Len(t, restores, 3, "each heat partition was restored")
		p.audited(t)
		stopped(t, in)
	})
}

// total is the sum over all partitions.
func total(byPartition map[string]float64) (n float64) {
	for _, v := range byPartition {
		n += v
	}
	return n
}

// TestStaticMembership restarts an instance with the same ID: no partitions of other instances
// move.
func TestStaticMembership(t *testing.T) {
	kafkatest.Long(t)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		const partitions = 4
		p := newPipeline(t, site, partitions)
		ctx := within(t)
		first := site.Start("first", "--instance-id", "one")
		// It leads the group: the embedded broker moves partitions when a leader returns.
		require.Eventually(t, func() bool { return len(first.TakeOvers(ctx)) == partitions }, time.Minute, 10*time.Millisecond,
			"the first has set up all partitions")
		alone := total(first.TakeOvers(ctx))
		second := site.Start("second", "--instance-id", "two")
		input := startTraffic(t, site, partitions)
		waitShared(t, ctx, site, 2, "-ingest", "-heat")
		require.Eventually(t, func() bool { return total(first.TakeOvers(ctx)) >= alone+partitions/2 }, time.Minute, 10*time.Millisecond,
			"the first has set up what it keeps")
		_, err := p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > 1000 })
		require.NoError(t, err)
		stopped(t, second)
		seen := first.TakeOvers(ctx)
		second = site.Start("second again", "--instance-id", "two")
		require.NoError(t, second.WaitOwner(ctx, 1))
		counted := p.boards.Newest().Counted
		_, err = p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
		require.NoError(t, err)
		assert.Equal(t, seen, first.TakeOvers(ctx), "the first keeps its partitions")
		input.finish(t)
		p.exact(t, first, input.ends, input.want)
		p.audited(t)
		stopped(t, first, second)
	})
}
