package processors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
	"pageheat/topology"
)

// TestRestoredHeatWaitsForRequests: a partition that lacks deleted pages says where it continues, and continues when each
// of them is asked to be forgotten.
func TestRestoredHeatWaitsForRequests(t *testing.T) {
	p := emptyPartition()
	behavior := codec.TopicID{2}
	require.NoError(t, p.Set("a", codec.AppendPageState(nil, &heat.Totals{Behaviours: 1})))
	require.NoError(t, p.Set(codec.ProgressKey(0), codec.AppendProgress(nil, &codec.Progress{Behavior: behavior, Partitions: 1, Next: 5, Counted: 4})))
	require.NoError(t, p.Set(codec.FenceKey(0), codec.AppendFence(nil, codec.Fence{Owner: "me"})))
	require.NoError(t, p.Deleted("b", 3))
	require.NoError(t, p.Deleted("c", 4))
	require.NoError(t, p.MarkRecovered())
	got, err := processors.RestoredHeat(p, processors.HeatFound{Owner: "me", Behavior: behavior})
	var deleted *store.DeletedError
	require.ErrorAs(t, err, &deleted)
	require.Len(t, deleted.Pages, 2)
	require.Equal(t, processors.HeatRestored{Next: 5, From: 5}, got)

	d := processors.NewHeatDeleted(p, deleted, 1)
	request := func(page string, number uint64) []byte {
		f := &codec.Forget{ID: codec.RequestID{1}, Page: page, Hash: codec.HashPage(page), Placed: topology.Hash(page), RequestedAt: 1}
		if number > 0 {
			f = f.Taken(number)
		}
		return codec.AppendForget(nil, f)
	}
	takes := func(value []byte, want int) {
		t.Helper()
		left, err := d.Forget([]byte("a key"), value)
		require.NoError(t, err)
		require.Equal(t, want, left)
	}
	takes(request("b", 0), 1)
	takes(nil, 1)
	takes([]byte{1, 2, 3}, 1)
	takes(request("a", 0), 1)
	takes(request("c", 7), 1) // that was taken in before: the page was counted again since
	require.Error(t, p.Check())
	require.Equal(t, []store.DeletedPage{{Page: "c", Offset: 4}}, d.Waiting().Pages)
	takes(request("c", 0), 0)
	require.NoError(t, p.Check())
	d = processors.NewHeatDeleted(p, deleted, 1)
	takes([]byte{99}, len(deleted.Pages)) // no version of pageheat has such a key
	_, err = d.Forget([]byte(codec.ForgetKey(codec.HashPage("a"), codec.RequestID{1})), []byte{99})
	require.ErrorIs(t, err, codec.ErrVersion)
}
