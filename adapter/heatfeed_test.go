package adapter

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// Commits are rare while ranges come that only a backlog has, whatever the number of
// partitions that these are divided among, and frequent again after it.
func TestCommitsAreRareWhileThereIsABacklog(t *testing.T) {
	const partitions = 12
	h := NewHeat(HeatConfig{CommitEvery: 30 * time.Second}, "owner")
	h.partitions.Store(partitions)
	claim := &fakeClaim{}
	f := newHeatFeed(h, newSession(&fakeSession{}), &task{partition: store.New(store.Config{Partitions: partitions, Weights: heat.DefaultWeights(), Top: 10})}, newOutlet(claim))
	offset := int64(0)
	h.reach = &reaches{of: map[int32]*end{0: {known: 1 << 40}}}
	const span = 1 << 20
	apply := func(behaviours uint64) {
		header := codec.RangeHeader{Input: codec.TopicID{7}, Targets: partitions, From: offset*span - 1, To: (offset+1)*span - 1, Limits: heat.DefaultLimits()}
		msg := codec.AppendPageSum(codec.AppendRangeHeader(nil, header, 1), "page", &heat.Totals{Behaviours: behaviours})
		require.NoError(t, f.apply(&sarama.ConsumerMessage{Value: msg, Offset: offset}))
		offset++
	}
	apply(behindRecords/partitions - 1)
	require.Equal(t, shortestCommit, f.interval())
	apply(flushRecords / 2 / partitions)
	require.Equal(t, 30*time.Second, f.interval())
	apply(1)
	require.Equal(t, shortestCommit, f.interval())
}
