package pipeline

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/store"
)

// TestAStandbyFollowsItsPartitions: it reads them up to what is committed, then on as
// records come, and gives them back as far as it has come.
func TestAStandbyFollowsItsPartitions(t *testing.T) {
	c := kafkatest.Embedded(t)
	s, topo := tableSettings(t, c)
	totals := heat.Totals{Behaviours: 1}
	pages := func(names ...string) {
		var records []*kgo.Record
		for _, name := range names {
			records = append(records, &kgo.Record{Topic: topo.HeatTable, Key: []byte(name), Value: codec.AppendPageState(nil, &totals)})
		}
		kafkatest.ProduceRecords(t, c, records...)
	}
	partition := func() *store.Partition {
		return store.New(store.Config{Partitions: 1, Weights: heat.DefaultWeights(), Top: 10})
	}
	discarded := make(chan *store.Partition, 1)
	follow := func(p *store.Partition) *standby {
		b := startStandby(s, map[int32]*store.Partition{0: p}, func(p *store.Partition) { discarded <- p })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, b.await(ctx))
		return b
	}
	pages("/a", "/b")
	b := follow(partition())
	kept := b.stop()
	require.Equal(t, 2, kept[0].Len(), "what was committed")
	at, err := kept[0].GetOffset(-1)
	require.NoError(t, err)
	require.EqualValues(t, 1, at)

	pages("/c")
	b = follow(kept[0])
	pages("/d")
	require.Eventually(t, func() bool {
		// Only the caller that has stopped a standby may look at its partitions.
		kept = b.stop()
		defer func() { b = follow(kept[0]) }()
		return kept[0].Len() == 4
	}, 10*time.Second, 10*time.Millisecond)
	kept = b.stop()
	require.Empty(t, discarded)

	ahead := partition()
	require.NoError(t, ahead.SetOffset(4))
	b = follow(ahead)
	require.Empty(t, b.stop(), "the log has become shorter: a take-over restores it")
	require.Same(t, ahead, soon(t, discarded))

	kafkatest.ProduceRecords(t, c, &kgo.Record{Topic: topo.HeatTable, Key: []byte("/e"), Value: []byte("none")})
	b = follow(kept[0])
	require.Empty(t, b.stop(), "its table cannot be trusted: a take-over says so")
	require.Same(t, kept[0], soon(t, discarded))
}
