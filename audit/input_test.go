package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/audit"
	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

func TestTruncatedInput(t *testing.T) {
	w := embedded(t)
	w.traffic(100)
	w.fill(w.everything())
	w.deleteBefore(w.topo.Input, 1, 10)
	report, err := w.audit()
	require.ErrorIs(t, err, audit.ErrCannotRecount)
	require.ErrorContains(t, err, "partition 1 starts at offset 10")
	require.Zero(t, report.Lost())
	require.Equal(t, 41, report.Pages(), "the table was read all the same")
}

// begunAbove returns a world whose input partition 1 lost its first messages before they were
// counted. tell records this in the progress of each table partition.
func begunAbove(t *testing.T, first int64, tell func(*codec.Progress)) *world {
	t.Helper()
	w := embedded(t)
	w.traffic(100)
	for i := range first {
		w.messages[1][i].gone = true
	}
	w.deleteBefore(w.topo.Input, 1, first)
	for partition := range int32(tables) {
		s := w.state(partition, w.everything())
		tell(&s.progress)
		w.commit(partition, s, kgo.TryCommit)
	}
	w.bury(w.letters()...)
	return w
}

// Messages that were deleted before they were counted are lost. The rest can be recounted,
// because the table has none of the deleted ones.
func TestLostBeforeTheFirstRead(t *testing.T) {
	w := begunAbove(t, 10, func(p *codec.Progress) { p.Lost[1] = 10 })
	report := w.requireExact()
	require.False(t, report.Exact())
	require.EqualValues(t, 10, report.Lost())
	require.EqualValues(t, 10, report.Partitions[0].LostMessages)

	w.deleteBefore(w.topo.Input, 1, 11)
	report, err := w.audit()
	require.ErrorIs(t, err, audit.ErrCannotRecount, "one that was counted is gone too")
	require.EqualValues(t, 10, report.Lost(), "and the loss is still said")
}

// Messages that were deleted before the table knew the input are not lost: the input starts
// above them.
func TestTheInputBeginsAboveZero(t *testing.T) {
	w := begunAbove(t, 10, func(p *codec.Progress) { p.Begin[1] = 10 })
	report := w.requireExact()
	require.True(t, report.Exact())

	w.deleteBefore(w.topo.Input, 1, 11)
	_, err := w.audit()
	require.ErrorIs(t, err, audit.ErrCannotRecount, "one that was counted is gone")
}

// An input that lost its start before anything was counted can be audited until something is
// counted.
func TestUncountedTruncatedInput(t *testing.T) {
	w := embedded(t)
	w.traffic(20)
	w.deleteBefore(w.topo.Input, 0, 7)
	for partition := range int32(tables) {
		w.commit(partition, w.state(partition, []int64{-1, 5, 5}), kgo.TryCommit)
	}
	w.bury(w.letters()...)
	w.requireExact()
}

// A partition with boards has a progress before it has counted anything.
func TestBoardsBeforeAnyCount(t *testing.T) {
	w := embedded(t)
	for partition := range int32(tables) {
		state := w.state(partition, nil)
		state.progress.Input = codec.TopicID{}
		w.commit(partition, state, kgo.TryCommit)
	}
	w.requireExact()
}

func TestAnotherInput(t *testing.T) {
	w := embedded(t)
	w.traffic(20)
	w.fill(w.everything())
	w.recreate(w.topo.Input, inputs)
	_, err := w.audit()
	require.ErrorIs(t, err, audit.ErrCannotRecount)
	require.ErrorContains(t, err, "deleted and recreated")
	require.ErrorContains(t, err, w.ids[w.topo.Input].String())
}

// An input written by transactions: aborted messages are not counted, offsets have gaps, and
// the log may end with records that cannot be read.
func TestTransactionalInput(t *testing.T) {
	w := embedded(t)
	writer := func(id string) *kgo.Client { return w.kafka(kgo.TransactionalID(w.topo.Prefix + id)) }
	a, b := writer("a"), writer("b")
	write := func(client *kgo.Client, gone bool, values ...string) {
		for _, value := range values {
			r := &kgo.Record{Topic: w.topo.Input, Partition: 0, Value: []byte(value)}
			require.NoError(t, client.ProduceSync(w.ctx, r).FirstErr())
			w.note(r, gone)
		}
	}
	require.NoError(t, a.BeginTransaction())
	write(a, false, "/p|1|1|0", "/q|2|2|1")
	w.end(a, kgo.TryCommit)
	require.NoError(t, a.BeginTransaction())
	write(a, true, "/p|100|100|0", "an invalid one")
	w.end(a, kgo.TryAbort)
	write(w.client, false, "/q|5|5|0")
	w.fill(w.everything())
	report := w.requireExact()
	require.EqualValues(t, 3, report.Messages)

	// The last stable offset follows an aborted record whose marker comes after it: a consumer
	// gets no record before the end.
	require.NoError(t, a.BeginTransaction())
	write(a, true, "/p|100|100|0")
	require.NoError(t, b.BeginTransaction())
	write(b, true, "/p|100|100|0")
	require.NoError(t, a.EndTransaction(w.ctx, kgo.TryAbort))
	partition := topology.Partition("/p", tables)
	s := w.state(partition, w.everything())
	s.progress.To[0] = 1000
	w.replace(partition, s)
	report, err := w.audit()
	require.NoError(t, err)
	require.Equal(t, 1, report.DifferenceCount)
	require.Equal(t, audit.KindProgress, report.Differences[0].Kind)
}

// Partitions of the table and the input may move to other brokers at any time.
func TestMovingPartitions(t *testing.T) {
	w := newWorld(t, kafkatest.Embedded(t, kafkatest.WithBrokers(3)))
	w.traffic(100)
	w.fill(w.everything())
	w.bury(w.letters()...)
	w.requireExact()
	fake := w.cluster.Fake()
	for partition := range int32(inputs) {
		require.NoError(t, fake.MoveTopicPartition(w.topo.Input, partition, (fake.LeaderFor(w.topo.Input, partition)+1)%3))
	}
	report := w.requireExact()
	require.EqualValues(t, 300, report.Messages)
}
