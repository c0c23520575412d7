package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
	"pageheat/topology"
)

func TestReadPage(t *testing.T) {
	w := embedded(t)
	w.traffic(100)
	want := w.state(topology.Partition("/page7", tables), w.everything()).pages["/page7"]
	read := func(page string) (heat.Totals, bool) {
		state, known, err := snapshot.ReadPage(w.ctx, w.clients, w.topo, page)
		require.NoError(t, err)
		return state.Totals, known
	}
	_, known := read("/page7")
	require.False(t, known, "before anything is written")
	w.fill(w.everything())
	wrong := w.state(topology.Partition("/page7", tables), []int64{3, 3, 3})
	w.commit(topology.Partition("/page7", tables), wrong, kgo.TryAbort)
	w.begin(topology.Partition("/page7", tables), wrong)
	totals, known := read("/page7")
	require.True(t, known)
	require.Equal(t, want, totals, "as committed last")
	for _, page := range []string{"/page", "", "|progress|0", codec.ProgressKey(topology.Partition(codec.ProgressKey(0), tables))} {
		_, known = read(page)
		require.False(t, known, page)
	}
	gone := &kgo.Record{Topic: w.topo.HeatTable, Partition: topology.Partition("/page8", tables), Key: []byte("/page8")}
	require.NotEqual(t, topology.Partition("/page7", tables), gone.Partition)
	require.NoError(t, w.client.ProduceSync(w.ctx, gone).FirstErr())
	_, known = read("/page8")
	require.False(t, known, "after it was removed")
}

// readPartition looks the table up and reads one of its partitions.
func readPartition(w *world, table string, partition int32, page snapshot.EachPage) (snapshot.State, error) {
	t, err := snapshot.LookAt(w.ctx, w.clients, table)
	if err != nil {
		return snapshot.State{}, err
	}
	return snapshot.ReadPartition(w.ctx, w.clients, t, partition, page, func(int) {})
}

func TestReadPartition(t *testing.T) {
	w := embedded(t)
	w.traffic(50)
	w.fill(w.everything())
	got := map[string]heat.Totals{}
	s, err := readPartition(w, w.topo.HeatTable, 1, func(name []byte, page *codec.PageState) {
		got[string(name)] = page.Totals
	})
	require.NoError(t, err)
	want := w.state(1, w.everything())
	require.Equal(t, want.pages, got)
	require.Equal(t, want.progress, s.Progress)
	require.True(t, s.Known)

	_, err = readPartition(w, w.topo.HeatTable, tables, nil)
	require.ErrorContains(t, err, "no partition 4")
	_, err = readPartition(w, "missing", 0, nil)
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.ErrorContains(t, err, "pageheat topics create")

	for key, value := range map[string]string{
		"/page":              "\xffdamaged",
		codec.ProgressKey(3): "\xffdamaged",
		codec.ProgressKey(0): string(codec.AppendProgress(nil, &want.progress)),
	} {
		w := embedded(t)
		r := &kgo.Record{Topic: w.topo.HeatTable, Partition: 3, Key: []byte(key), Value: []byte(value)}
		require.NoError(t, w.client.ProduceSync(w.ctx, r).FirstErr())
		_, err = readPartition(w, w.topo.HeatTable, 3, func([]byte, *codec.PageState) {})
		require.ErrorContains(t, err, "partition 3 offset 0", key)
	}
}
