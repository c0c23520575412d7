package processors_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/processors"
)

// The newest board is looked for from the end, in windows that grow.
func TestBoardSearch(t *testing.T) {
	for _, c := range []struct {
		name       string
		first, end int64
		boards     map[int64]uint64 // version by offset
		spans      []string
		newest     uint64 // 0 for none
	}{
		{"an empty topic", 7, 7, nil, nil, 0},
		{"few records", 3, 9, map[int64]uint64{4: 1, 8: 2}, []string{"3-9"}, 2},
		{"an older one was published last", 0, 1000, map[int64]uint64{940: 9, 999: 8}, []string{"936-1000"}, 9},
		{"other records behind it", 0, 1000, map[int64]uint64{900: 3, 500: 2}, []string{"936-1000", "808-936"}, 3},
		{"only where the topic begins", 100, 700, map[int64]uint64{100: 5}, []string{"636-700", "508-636", "252-508", "100-252"}, 5},
		{"no board at all", 0, 200, nil, []string{"136-200", "8-136", "0-8"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			search := processors.NewBoardSearch(c.first, c.end)
			var spans []string
			for from, to, more := search.Next(); more; from, to, more = search.Next() {
				spans = append(spans, fmt.Sprintf("%d-%d", from, to))
				for at := from; at < to; at++ {
					if version, ok := c.boards[at]; ok {
						search.Found(processors.Output{Version: version})
					}
				}
			}
			require.Equal(t, c.spans, spans)
			if c.newest == 0 {
				require.Nil(t, search.Newest())
			} else {
				require.Equal(t, c.newest, search.Newest().Version)
			}
		})
	}
}

func TestReadOutput(t *testing.T) {
	board := []byte(`{"board":"all-time","version":7,"updated_at":"2026-01-02T03:04:05Z","counted":0,"offsets":{},"pages":[]}`)
	origin := codec.AppendOrigin(nil, codec.Origin{Group: "rank", Definition: codec.Define(heat.DefaultWeights(), 10), Positions: codec.Positions{{Next: 3}, {Next: 4}}})
	for _, c := range []struct {
		name          string
		key           string
		value, header []byte
		want          *processors.Output
		says          string // what is wrong
	}{
		{name: "a board", key: "all-time", value: board, header: origin, want: &processors.Output{Version: 7, Value: board, Positions: origin, Partitions: 2}},
		{name: "another board", key: "today", value: board, header: origin},
		{name: "a tombstone", key: "all-time"},
		{name: "no board", key: "all-time", value: []byte("{"), header: origin, says: "reading the board: "},
		{name: "no header", key: "all-time", value: board, says: "has no header pageheat.positions"},
		{name: "another header", key: "all-time", value: board, header: []byte{1}, says: "reading the board's header: "},
		{name: "of another group", key: "all-time", value: board, header: codec.AppendOrigin(nil, codec.Origin{Group: "other", Definition: codec.Define(heat.DefaultWeights(), 10)}), says: "was published by the group other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := processors.ReadOutput(c.key, c.value, c.header, "all-time", "rank")
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
	require.NoError(t, processors.CheckEpoch(nil, "rank", "boards"))
	require.NoError(t, processors.CheckEpoch(stored, "rank", "boards"))
	require.Error(t, processors.CheckEpoch([]byte{1}, "rank", "boards"))
	err := processors.CheckEpoch(stored, "rank", "others")
	require.NotNil(t, failure.As(err))
	require.ErrorContains(t, err, "the group rank publishes to boards, and this instance to others")
}

func TestRestoredRanking(t *testing.T) {
	fence := codec.AppendFence(nil, codec.Fence{Owner: "me/1"})
	require.NoError(t, processors.RestoredRanking(fence, "me/1"))
	require.ErrorIs(t, processors.RestoredRanking(fence, "me/2"), processors.ErrRestore)
	require.ErrorIs(t, processors.RestoredRanking(nil, "me/1"), processors.ErrRestore)
}
