package snapshot_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/snapshot"
	"pageheat/topics"
	"pageheat/topology"
)

// counted is a world whose table has counted, not everywhere as far.
func counted(t *testing.T) (*world, *snapshot.Snapshot) {
	t.Helper()
	w := newWorld(t)
	w.traffic(50)
	for partition := range int32(tables) {
		w.commit(partition, []int64{49, 40 + int64(partition), codec.Unknown})
	}
	s, err := w.take()
	require.NoError(t, err)
	return w, s
}

func (w *world) seed(topo *topology.Topology, from topics.InputFrom, s snapshot.Source) (snapshot.Seeded, error) {
	return snapshot.Seed(within(w.T), snapshot.SeedConfig{Cluster: w.clients, Topology: topo, From: from}, s)
}

// holds compares a deployment with the totals at a cut, and returns the progress of its first
// partition.
func (w *world) holds(topo *topology.Topology, to []int64) codec.Progress {
	w.Helper()
	table, err := snapshot.LookAt(w.Context(), w.clients, topo.HeatTable)
	require.NoError(w, err)
	var first codec.Progress
	for partition := range table.End {
		got := map[string]heat.Totals{}
		state, err := snapshot.ReadPartition(w.Context(), w.clients, table, int32(partition), func(name []byte, s *codec.PageState) { got[string(name)] = s.Totals }, func(int) {})
		require.NoError(w, err)
		want, behaviours := w.totals(int32(partition), len(table.End), to)
		require.Equal(w, want, got)
		require.Equal(w, behaviours, state.Progress.Counted)
		require.EqualValues(w, len(table.End), state.Progress.Partitions)
		if partition == 0 {
			first = state.Progress
		}
	}
	return first
}

// TestSeed writes into another number of partitions.
func TestSeed(t *testing.T) {
	w, s := counted(t)
	to := w.other("v2", 7)
	seeded, err := w.seed(to, topics.FromProgress, s)
	require.NoError(t, err)
	assert.Equal(t, s.Cut().Behaviours, seeded.Behaviours)
	assert.Equal(t, 7, seeded.Partitions)
	p := w.holds(to, s.Cut().To)
	assert.Equal(t, w.ids[w.topo.Input], p.Input)
	assert.True(t, p.Behavior.IsZero(), "its topic begins")
	assert.Equal(t, []int64{49, 43, codec.Unknown}, p.To)
	offsets, err := w.clients.Committed(t.Context(), to.IngestGroup, to.Input)
	require.NoError(t, err)
	assert.Equal(t, map[int32]int64{0: 50, 1: 44}, offsets)

	again, err := w.seed(to, topics.FromProgress, s)
	counted, ok := errors.AsType[*snapshot.CountedError](err)
	require.True(t, ok, err)
	assert.True(t, counted.Same)
	assert.Zero(t, again)

	// The totals of the copy are a source as well.
	copied, err := snapshot.Take(t.Context(), snapshot.Config{Cluster: w.clients, Topology: to, Limits: heat.DefaultLimits()})
	require.NoError(t, err)
	back := w.other("v3", 1)
	_, err = w.seed(back, topics.FromProgress, copied)
	require.NoError(t, err)
	w.holds(back, s.Cut().To)
}

// interruptedSource ends its pages after some of them.
type interruptedSource struct {
	snapshot.Source
	pages int
	end   func() error
}

func (s interruptedSource) Pages(ctx context.Context) iter.Seq2[snapshot.Page, error] {
	return func(yield func(snapshot.Page, error) bool) {
		n := 0
		for page, err := range s.Source.Pages(ctx) {
			if n++; n > s.pages {
				if err := s.end(); err != nil {
					yield(snapshot.Page{}, err)
					return
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// TestSeedInterrupted leaves nothing, whatever ends it, and may be repeated.
func TestSeedInterrupted(t *testing.T) {
	w, s := counted(t)
	to := w.other("v2", 3)
	broken := errors.New("broken")
	for pages := range 3 {
		_, err := w.seed(to, topics.FromProgress, interruptedSource{s, pages * 20, func() error { return broken }})
		require.ErrorIs(t, err, broken)
		ctx, cancel := context.WithCancel(t.Context())
		_, err = snapshot.Seed(ctx, snapshot.SeedConfig{Cluster: w.clients, Topology: to}, interruptedSource{s, pages * 20, func() error { cancel(); return nil }})
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err := snapshot.Take(t.Context(), snapshot.Config{Cluster: w.clients, Topology: to, Limits: heat.DefaultLimits()})
	require.ErrorIs(t, err, snapshot.ErrNothing)

	// One that was killed leaves its transaction open.
	killed := kafkatest.Client(t, w.cluster, kgo.TransactionalID(to.ImportTransactionalID()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, killed.BeginTransaction())
	require.NoError(t, killed.ProduceSync(t.Context(), &kgo.Record{Topic: to.HeatTable, Partition: 1, Key: []byte("/page"), Value: []byte("?")}).FirstErr())

	_, err = w.seed(to, topics.FromProgress, s)
	require.NoError(t, err)
	w.holds(to, s.Cut().To)
	require.Error(t, killed.EndTransaction(t.Context(), kgo.TryCommit), "it is fenced")
	w.holds(to, s.Cut().To)
}

// TestSeedRefusesWhatIsNotEmpty, whoever has written it, and when.
func TestSeedRefusesWhatIsNotEmpty(t *testing.T) {
	fence := func(w *world, topo *topology.Topology) {
		r := w.record(1, codec.FenceKey(1), codec.AppendFence(nil, codec.Fence{Owner: "an instance"}))
		r.Topic = topo.HeatTable
		kafkatest.ProduceRecords(w.T, w.cluster, r)
	}
	for name, c := range map[string]struct {
		before, meanwhile func(*world, *topology.Topology)
		says              string
	}{
		"an instance has run": {before: fence, says: "an instance has written to topic v2-heat-table"},
		"an instance starts":  {meanwhile: fence, says: "somebody else has written to topic v2-heat-table partition 1"},
		"something was counted": {says: "holds 3 behaviours", before: func(w *world, topo *topology.Topology) {
			r := w.record(2, codec.ProgressKey(2), codec.AppendProgress(nil, &codec.Progress{Partitions: 3, Counted: 3}))
			r.Topic = topo.HeatTable
			kafkatest.ProduceRecords(w.T, w.cluster, r)
		}},
		"ranges were sent": {says: "has had ranges", before: func(w *world, topo *topology.Topology) {
			kafkatest.ProduceRecords(w.T, w.cluster, &kgo.Record{Topic: topo.Behavior, Value: []byte("range")})
		}},
		"offsets are committed": {says: "has committed offsets", before: func(w *world, topo *topology.Topology) {
			var offsets kadm.Offsets
			offsets.AddOffset(topo.Input, 1, 7, -1)
			require.NoError(w, kafkatest.Admin(w.T, w.cluster).CommitAllOffsets(w.Context(), topo.IngestGroup, offsets))
		}},
		"an instance runs": {says: "has members", before: func(w *world, topo *topology.Topology) {
			member := kafkatest.Client(w.T, w.cluster, kgo.ConsumerGroup(topo.HeatGroup), kgo.ConsumeTopics(topo.Behavior))
			go member.PollFetches(w.Context())
			require.Eventually(w, func() bool {
				groups, err := kafkatest.Admin(w.T, w.cluster).DescribeGroups(w.Context(), topo.HeatGroup)
				return err == nil && len(groups[topo.HeatGroup].Members) > 0
			}, time.Minute, 10*time.Millisecond)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := counted(t)
			to := w.other("v2", 3)
			if c.before != nil {
				c.before(w, to)
			}
			source := interruptedSource{s, 10, func() error {
				if c.meanwhile != nil {
					c.meanwhile(w, to)
					c.meanwhile = nil
				}
				return nil
			}}
			_, err := w.seed(to, topics.FromProgress, source)
			require.ErrorContains(t, err, c.says)
			require.NotNil(t, failure.As(err))
			table, err := snapshot.LookAt(t.Context(), w.clients, to.HeatTable)
			require.NoError(t, err)
			for partition := range int32(3) {
				_, err := snapshot.ReadPartition(t.Context(), w.clients, table, partition, func(name []byte, _ *codec.PageState) {
					t.Errorf("page %s was written", name)
				}, func(int) {})
				require.NoError(t, err)
			}
		})
	}
}

// TestSeedWithOtherInputs says where counting goes on.
func TestSeedWithOtherInputs(t *testing.T) {
	w, s := counted(t)
	w.create("new", 2)
	kafkatest.ProduceRecords(t, w.cluster, &kgo.Record{Topic: "new", Partition: 1, Value: []byte("a|1|1|1")})
	other := func(prefix, input string) *topology.Topology {
		w.other(prefix, 2)
		return named(t, prefix, input)
	}
	kept := func(topo *topology.Topology) (sum uint64) {
		table, err := snapshot.LookAt(t.Context(), w.clients, topo.HeatTable)
		require.NoError(t, err)
		for partition := range int32(2) {
			state, err := snapshot.ReadPartition(t.Context(), w.clients, table, partition, func([]byte, *codec.PageState) {}, func(int) {})
			require.NoError(t, err)
			sum += state.Kept
		}
		return sum
	}
	_, err := w.seed(other("a", "new"), topics.FromProgress, s)
	setting, ok := errors.AsType[*failure.Setting](err)
	require.True(t, ok, err)
	assert.Equal(t, "input-from", setting.Name)
	_, err = w.seed(other("b", w.topo.Input), topics.FromEarliest, s)
	require.ErrorContains(t, err, "is the input that was counted")
	_, err = w.seed(other("c", "new"), topics.FromSameOffsets, s)
	require.ErrorContains(t, err, "was counted up to offset 49")

	to := other("d", "new")
	_, err = w.seed(to, topics.FromEarliest, s)
	require.NoError(t, err)
	p := w.holds(to, s.Cut().To)
	assert.Empty(t, p.To)
	assert.True(t, p.Input.IsZero())
	assert.Equal(t, s.Cut().Behaviours, kept(to))

	to = other("e", "new")
	_, err = w.seed(to, topics.FromLatest, s)
	require.NoError(t, err)
	p = w.holds(to, s.Cut().To)
	assert.Equal(t, []int64{-1, 0}, p.To)
	assert.Equal(t, []int64{0, 1}, p.Begin)
	assert.Equal(t, w.ids["new"], p.Input)

	w.create("copy", inputs)
	for q := range inputs {
		for _, m := range w.messages[q] {
			kafkatest.ProduceRecords(t, w.cluster, &kgo.Record{Topic: "copy", Partition: int32(q), Value: []byte(m)})
		}
	}
	to = other("f", "copy")
	_, err = w.seed(to, topics.FromSameOffsets, s)
	require.NoError(t, err)
	p = w.holds(to, s.Cut().To)
	assert.Equal(t, s.Cut().To, p.To)
	assert.Equal(t, w.ids["copy"], p.Input)
	assert.Zero(t, kept(to))

	// What was kept stays so.
	taken, err := snapshot.Take(t.Context(), snapshot.Config{Cluster: w.clients, Topology: named(t, "d", "new"), Limits: heat.DefaultLimits()})
	require.NoError(t, err)
	to = other("g", "new")
	_, err = w.seed(to, topics.FromProgress, taken)
	require.NoError(t, err)
	w.holds(to, s.Cut().To)
	assert.Equal(t, s.Cut().Behaviours, kept(to))
}

// named is a deployment with a prefix and an input.
func named(t *testing.T, prefix, input string) *topology.Topology {
	t.Helper()
	topo, err := topology.New(topology.Config{Prefix: prefix, Input: input})
	require.NoError(t, err)
	return topo
}
