package processors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/processors"
)

func TestReadOutput(t *testing.T) {
	board := []byte(`{"board":"all-time","version":7,"updated_at":"2026-01-02T03:04:05Z","counted":0,"offsets":{},"pages":[]}`)
	ours := []byte(`{"board":"all-time","version":8589934599,"what else it has":"is not decoded`)
	origin := codec.AppendOrigin(nil, codec.Origin{Group: "rank", Definition: codec.Define(heat.DefaultWeights(), 10), Positions: codec.Positions{{Next: 3}, {Next: 4}}})
	given := codec.AppendOrigin(nil, codec.Origin{Group: "rank", HandOver: &codec.HandOver{From: "other"}, Definition: codec.Define(heat.DefaultWeights(), 10)})
	for _, c := range []struct {
		name          string
		key           string
		value, header []byte
		own           uint64 // epoch
		want          *processors.Output
		says          string // what is wrong
	}{
		{name: "a board", key: "all-time", value: board, header: origin, want: &processors.Output{Board: "all-time", Version: 7, Value: board, Positions: origin, Partitions: 2}},
		{name: "an own board", key: "all-time", value: ours, header: origin, own: 3, want: &processors.Output{Board: "all-time", Version: 2<<32 + 7, Value: ours, Positions: origin, Partitions: 2}},
		{name: "a board like it of an epoch that is not known", key: "all-time", value: ours, header: origin, says: "reading the board: "},
		{name: "and of another one", key: "all-time", value: ours, header: origin, own: 2, says: "reading the board: "},
		{name: "an own board written by another program", key: "all-time", value: append([]byte(" "), ours...), header: origin, own: 3, says: "reading the board: "},
		{name: "another board", key: "today", value: board, header: origin},
		{name: "a tombstone", key: "all-time"},
		{name: "no board", key: "all-time", value: []byte("{"), header: origin, says: "reading the board: "},
		{name: "no header", key: "all-time", value: board, says: "has no header pageheat.positions"},
		{name: "another header", key: "all-time", value: board, header: []byte{1}, says: "reading the board's header: "},
		{name: "of another group", key: "all-time", value: board, header: codec.AppendOrigin(nil, codec.Origin{Group: "other", Definition: codec.Define(heat.DefaultWeights(), 10)}),
			want: &processors.Output{Board: "all-time", Version: 7, Value: board, Foreign: "other"}},
		{name: "handed over", key: "all-time", value: board, header: given, want: &processors.Output{Board: "all-time", Version: 7, Value: board, Positions: given, HandedOver: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := processors.ReadOutput(c.key, c.value, c.header, "all-time", []string{"hour"}, "rank", c.own)
			require.Equal(t, c.want, got)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.NotNil(t, failure.As(err))
				require.ErrorContains(t, err, c.says)
			}
		})
	}
}

func TestCheckEpoch(t *testing.T) {
	stored := codec.AppendEpoch(nil, codec.Epoch{Epoch: 3, Output: "boards"})
	require.NoError(t, processors.CheckEpoch(nil, "rank", "boards", false))
	require.NoError(t, processors.CheckEpoch(stored, "rank", "boards", false))
	require.Error(t, processors.CheckEpoch([]byte{1}, "rank", "boards", true))
	err := processors.CheckEpoch(stored, "rank", "others", false)
	require.NotNil(t, failure.As(err))
	require.ErrorContains(t, err, "the group rank publishes to boards, and this instance to others")
	require.NoError(t, processors.CheckEpoch(stored, "rank", "others", true), "others was handed over to it")
	moved := codec.AppendEpoch(nil, codec.Epoch{Epoch: 4, Output: "boards", MovedTo: "v2-rank"})
	err = processors.CheckEpoch(moved, "rank", "boards", false)
	require.ErrorIs(t, err, processors.ErrOtherGroup)
	require.NotNil(t, failure.As(err))
	require.ErrorContains(t, err, "to the group v2-rank")
	require.NoError(t, processors.CheckEpoch(moved, "rank", "boards", true), "and back")
}

func TestRestoredRanking(t *testing.T) {
	fence := codec.AppendFence(nil, codec.Fence{Owner: "me/1"})
	require.NoError(t, processors.RestoredRanking(fence, "me/1"))
	require.ErrorIs(t, processors.RestoredRanking(fence, "me/2"), processors.ErrRestore)
	require.ErrorIs(t, processors.RestoredRanking(nil, "me/1"), processors.ErrRestore)
}
