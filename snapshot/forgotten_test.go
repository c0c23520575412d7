package snapshot_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/snapshot"
	"pageheat/topology"
)

// TestReadForgotten finds what a table keeps of forgotten pages now, and kept when less was taken in.
func TestReadForgotten(t *testing.T) {
	w := newWorld(t)
	read := func() *snapshot.Forgotten {
		forgotten, err := snapshot.ReadForgotten(t.Context(), w.clients, w.topo.HeatTable, nil)
		require.NoError(t, err)
		return forgotten
	}
	none, err := snapshot.ReadForgotten(t.Context(), w.clients, "missing", nil)
	require.NoError(t, err)
	assert.True(t, none.Empty())
	assert.True(t, read().Empty())

	taken := make([]uint64, tables)
	forget := func(page string, blocked bool) {
		p := topology.Partition(page, tables)
		taken[p]++
		f := codec.Forgotten{Number: taken[p], Placed: topology.Hash(page), Blocked: blocked}
		kafkatest.ProduceRecords(t, w.cluster, w.record(p, codec.ForgottenKey(codec.HashPage(page)), codec.AppendForgotten(nil, &f)))
		w.commit(p, make([]int64, inputs), func(p *codec.Progress) { p.Forget.Taken = f.Number })
	}
	forget("/a", true)
	before := codec.Offsets{}
	for p, n := range taken {
		before = append(before, codec.PartitionOffset{Partition: int32(p), Offset: int64(n)})
	}
	forget("/b", false)
	forget("/a", false)
	forget("/c", true)

	now := read()
	pages, blocked := now.Count()
	assert.Equal(t, []int{3, 1}, []int{pages, blocked})
	assert.Len(t, maps.Collect(now.All()), pages)
	assert.False(t, now.Of([]byte("/a")).Blocked)
	assert.True(t, now.Of([]byte("/c")).Blocked)
	assert.Nil(t, now.Of([]byte("/d")))

	then := now.At(before)
	pages, blocked = then.Count()
	assert.Equal(t, []int{1, 1}, []int{pages, blocked})
	assert.True(t, then.Of([]byte("/a")).Blocked)
	assert.True(t, now.At(nil).Empty())
	assert.Nil(t, none.Of([]byte("/a")))
	assert.True(t, none.At(before).Empty())

	kafkatest.ProduceRecords(t, w.cluster, w.record(0, codec.ForgottenKey(codec.HashPage("/a")), []byte{99}))
	_, err = snapshot.ReadForgotten(t.Context(), w.clients, w.topo.HeatTable, nil)
	require.ErrorIs(t, err, codec.ErrVersion)
	require.ErrorContains(t, err, codec.HashPage("/a").String())
}
