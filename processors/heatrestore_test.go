package processors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

func emptyPartition() *store.Partition {
	return store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
}

// A kept partition needs no fetch where one control record lies between its last
// transaction and the new fence.
func TestResumeHeat(t *testing.T) {
	for _, c := range []struct {
		name  string
		kept  int64 // changelog offset, -1 for an empty partition
		fence int64
		whole bool
	}{
		{"no other owner wrote", 7, 9, true},
		{"another owner wrote its fence", 7, 11, false},
		{"the fence is the first record", -1, 0, false},
		{"the first transaction was aborted", -1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := emptyPartition()
			require.NoError(t, p.MarkRecovered())
			if c.kept >= 0 {
				require.NoError(t, p.SetOffset(c.kept))
			}
			require.Equal(t, c.whole, processors.ResumeHeat(p, codec.Fence{Owner: "me"}, c.fence))
			at, err := p.GetOffset(-1)
			require.NoError(t, err)
			fence, fenced := p.Fence()
			require.Equal(t, c.whole, fenced)
			if c.whole {
				require.Equal(t, c.fence, at)
				require.Equal(t, "me", fence.Owner)
				return
			}
			require.Equal(t, c.kept, at)
			require.NoError(t, p.Set("a", codec.AppendPageState(nil, &heat.Totals{Behaviours: 1})))
			require.Equal(t, 1, p.Len(), "what others wrote is restored")
		})
	}
}

func TestRestoredHeat(t *testing.T) {
	behavior := codec.TopicID{2}
	at := func(next int64) *codec.Progress {
		return &codec.Progress{Behavior: behavior, Partitions: 1, Next: next, Counted: 1}
	}
	for _, c := range []struct {
		name     string
		fence    string
		progress *codec.Progress
		first    int64
		want     processors.HeatRestored
		err      string
	}{
		{name: "empty", fence: "me"},
		{name: "with progress", fence: "me", progress: at(5), want: processors.HeatRestored{Next: 5, From: 5}},
		{name: "trimmed below its progress", fence: "me", progress: at(5), first: 4, want: processors.HeatRestored{Next: 5, From: 5}},
		{name: "ranges are gone", fence: "me", progress: at(5), first: 8, want: processors.HeatRestored{Next: 5, From: 8}},
		{name: "the progress is gone", fence: "me", first: 8, err: "it begins at offset 8, and the table has no progress in it"},
		{name: "of another topic", fence: "me", progress: &codec.Progress{Behavior: codec.TopicID{3}, Partitions: 1, Counted: 1}, err: "was recreated"},
		{name: "up to the fence of another", fence: "you", progress: at(5), err: processors.ErrRestore.Error()},
		{name: "up to no fence", progress: at(5), err: processors.ErrRestore.Error()},
		{name: "pages are missing", fence: "me", progress: &codec.Progress{Behavior: behavior, Partitions: 1, Counted: 2}, err: "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := emptyPartition()
			if c.progress != nil {
				require.NoError(t, p.Set("a", codec.AppendPageState(nil, &heat.Totals{Behaviours: 1})))
				require.NoError(t, p.Set(codec.ProgressKey(0), codec.AppendProgress(nil, c.progress)))
			}
			if c.fence != "" {
				require.NoError(t, p.Set(codec.FenceKey(0), codec.AppendFence(nil, codec.Fence{Owner: c.fence})))
			}
			require.NoError(t, p.MarkRecovered())
			got, err := processors.RestoredHeat(p, processors.HeatFound{Owner: "me", Behavior: behavior, First: c.first})
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			progress, started := p.Progress()
			require.True(t, started)
			require.Equal(t, behavior, progress.Behavior)
			require.NoError(t, got.CheckEnd(got.Next))
			require.ErrorIs(t, got.CheckEnd(got.Next-1), processors.ErrBehaviorTopic)
		})
	}
}
