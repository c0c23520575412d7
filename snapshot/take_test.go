package snapshot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/snapshot"
)

// TestTakeIsARecount takes a snapshot of tables whose partitions stand anywhere: the totals are
// those of the input below the cut.
func TestTakeIsARecount(t *testing.T) {
	const most = 60
	w := newWorld(t)
	w.traffic(most)
	rapid.Check(t, func(t *rapid.T) {
		cut := []int64{codec.Unknown, codec.Unknown, codec.Unknown}
		for partition := range int32(tables) {
			to := make([]int64, inputs)
			for q := range to {
				to[q] = rapid.Int64Range(codec.Unknown, most-1).Draw(t, "to")
				cut[q] = max(cut[q], to[q])
			}
			w.commit(partition, to)
		}
		s, err := w.take()
		require.NoError(t, err)
		assert.Equal(t, cut, s.Cut().To)
		got, err := w.pages(s)
		require.NoError(t, err)
		want, behaviours := w.totals(-1, tables, cut)
		require.Equal(t, behaviours, s.Cut().Behaviours)
		require.Equal(t, want, got)
	})
}

func TestTakeWithoutTotals(t *testing.T) {
	w := newWorld(t)
	_, err := w.take()
	require.ErrorIs(t, err, snapshot.ErrNothing)
}

// TestTakeNeedsNoInputOfADrainedTable: where all partitions stand at the same offsets, the input
// may be gone.
func TestTakeNeedsNoInputOfADrainedTable(t *testing.T) {
	w := newWorld(t)
	w.traffic(50)
	for partition := range int32(tables) {
		w.commit(partition, []int64{49, 49, 20})
	}
	_, err := kafkatest.Admin(t, w.cluster).DeleteTopics(t.Context(), w.topo.Input)
	require.NoError(t, err)
	s, err := w.take()
	require.NoError(t, err)
	got, err := w.pages(s)
	require.NoError(t, err)
	want, _ := w.totals(-1, tables, []int64{49, 49, 20})
	assert.Equal(t, want, got)
}

// TestTakeRefuses what it cannot make exact.
func TestTakeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		harm       func(w *world)
		says, hint string
	}{
		"input that is gone": {func(w *world) { w.deleteBefore(1, 30) },
			"does not have offset 21 any more", "stop all instances"},
		"another input": {func(w *world) {
			w.commit(3, []int64{49, 49, 49}, func(p *codec.Progress) { p.Input = codec.TopicID{7} })
		},
			"another one with", ""},
		"a missing input": {func(w *world) {
			_, err := kafkatest.Admin(w.T, w.cluster).DeleteTopics(w.Context(), w.topo.Input)
			require.NoError(w, err)
		}, "does not exist", ""},
		"an input that ends before": {func(w *world) { w.commit(3, []int64{49, 51, 49}) },
			"does not reach offset 51", "reset"},
		"another number of partitions": {func(w *world) { w.commit(0, []int64{49, 49, 49}, func(p *codec.Progress) { p.Partitions = 3 }) },
			"P was 3 and is 4", "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.traffic(50)
			for partition := range int32(tables) {
				w.commit(partition, []int64{49, 20 + int64(partition), 49})
			}
			c.harm(w)
			_, err := w.take()
			require.ErrorContains(t, err, c.says)
			if c.hint != "" {
				require.NotNil(t, failure.As(err))
				assert.Contains(t, failure.As(err).Hint, c.hint)
			}
		})
	}
}

// TestTakeWithOtherLimits than those of the instances: what partitions that are ahead have counted shows it, or the
// totals of pages.
func TestTakeWithOtherLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.traffic(50)
	for partition := range int32(tables) {
		w.commit(partition, []int64{49, 49, 20})
	}
	take := func(limits heat.Limits) (*snapshot.Snapshot, error) {
		s, err := snapshot.Take(t.Context(), snapshot.Config{Cluster: w.clients, Topology: w.topo, Limits: limits})
		require.NoError(t, err)
		_, err = w.pages(s)
		return s, err
	}
	w.commit(1, []int64{49, 49, 49})
	s, err := take(heat.DefaultLimits())
	require.NoError(t, err)
	assert.Empty(t, s.Exceeding())
	s, err = take(heat.Limits{MaxClicks: 1, MaxMinutes: 1440})
	require.NoError(t, err)
	assert.Regexp(t, "^/page", s.Exceeding())

	// The partition ahead counted less than these limits allow.
	pages, _ := w.totals(1, tables, []int64{-1, -1, 49})
	before, _ := w.totals(1, tables, []int64{-1, -1, 20})
	for page, totals := range pages {
		if _, known := before[page]; known {
			continue
		}
		all, _ := w.totals(1, tables, []int64{49, 49, 49})
		less := all[page]
		require.NoError(t, less.Sub(&totals))
		kept := less.Behaviours
		less = heat.Totals{Behaviours: kept}
		w.commit(1, []int64{49, 49, 49}, func(p *codec.Progress) { p.Counted -= totals.Behaviours })
		kafkatest.ProduceRecords(t, w.cluster, w.record(1, page, codec.AppendPageState(nil, &less)))
		break
	}
	_, err = take(heat.DefaultLimits())
	require.ErrorContains(t, err, "topic pageheat-heat-table partition 1 has not counted what topic user-behavior-topic has of page")
	assert.Contains(t, failure.As(err).Hint, "--max-clicks")
}

// TestPagesThatDoNotAddUp are refused.
func TestPagesThatDoNotAddUp(t *testing.T) {
	w := newWorld(t)
	w.traffic(50)
	for partition := range int32(tables) {
		w.commit(partition, []int64{49, 49, 49})
	}
	kafkatest.ProduceRecords(t, w.cluster, w.record(2, "/page", codec.AppendPageState(nil, &heat.Totals{Behaviours: 1})))
	s, err := w.take()
	require.NoError(t, err)
	_, err = w.pages(s)
	require.ErrorContains(t, err, "its progress says")
}

// TestTakeAfterTheBeginningWasLost: partitions that began to count above the input's beginning.
func TestTakeAfterTheBeginningWasLost(t *testing.T) {
	w := newWorld(t)
	w.traffic(50)
	w.deleteBefore(0, 10)
	for i := range 10 {
		w.messages[0][i] = "invalid" // nobody counts it
	}
	begins := func(p *codec.Progress) { p.Begin[0] = 10 }
	w.commit(0, []int64{40, 49, 49}, begins)
	w.commit(1, []int64{45, 49, 49}, begins)
	w.commit(2, []int64{40, 49, 49}, func(p *codec.Progress) { p.Begin[0] = 8; p.Lost[0] = 2 })
	w.commit(3, []int64{49, 49, 49}, begins)
	s, err := w.take()
	require.NoError(t, err)
	cut := s.Cut()
	assert.Equal(t, []int64{49, 49, 49}, cut.To)
	assert.Equal(t, []int64{8, 0, 0}, cut.Begin)
	assert.Equal(t, []uint64{2, 0, 0}, cut.Lost)
	got, err := w.pages(s)
	require.NoError(t, err)
	want, _ := w.totals(-1, tables, cut.To)
	assert.Equal(t, want, got)

	// One has not heard of the partition, whose first messages others have counted.
	w.commit(3, []int64{codec.Unknown, 49, 49})
	_, err = w.take()
	require.ErrorContains(t, err, "does not have offset 8 any more")
	w.commit(2, []int64{40, 49, 49}, begins)
	s, err = w.take()
	require.NoError(t, err)
	assert.Equal(t, []int64{45, 49, 49}, s.Cut().To)
	got, err = w.pages(s)
	require.NoError(t, err)
	want, _ = w.totals(-1, tables, s.Cut().To)
	require.Equal(t, want, got)
}
