package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
	"pageheat/topology"
)

// closingWorld is an input, the heat partitions that count it, with clocks of their own, and a ranking.
type closingWorld struct {
	*pastInput
	board   *boards.Board
	heat    []*store.Partition
	pages   []string // of the behaviours of the input
	times   []time.Time
	counted []int // by heat partition
}

func newClosingWorld(t *testing.T) *closingWorld {
	w := &closingWorld{pastInput: newPastInput(t)}
	_, err := kadm.NewClient(w.client).CreateTopics(t.Context(), 1, 1, nil, "closings")
	require.NoError(t, err)
	w.board, err = boards.New(boards.Definition{Name: "days", Kind: boards.Calendar, Period: boards.Day, GroupBy: "/([a-z]+)/.*"})
	require.NoError(t, err)
	for id := range int32(2) {
		p := store.New(store.Config{ID: id, Partitions: 2, Boards: []*boards.Board{w.board}, Top: 10})
		p.Begin(codec.TopicID{1}, 0)
		p.StartBoards()
		w.heat, w.counted = append(w.heat, p), append(w.counted, 0)
	}
	return w
}

// behave adds a behaviour of a page of a heat partition to the input.
func (w *closingWorld) behave(partition int32, at time.Time) {
	name := 0
	for topology.Partition(fmt.Sprint("/page", name), 2) != partition {
		name++
	}
	page := fmt.Sprint("/page", name)
	w.send(&kgo.Record{Topic: "closings", Value: []byte(page + "|1|0|0"), Timestamp: at})
	w.pages, w.times = append(w.pages, page), append(w.times, at)
}

// count has a heat partition count the rest of the input, as of a time.
func (w *closingWorld) count(id int, now time.Time) {
	p := w.heat[id]
	for more := true; more; {
		_, more = p.Advance(now)
	}
	for ; w.counted[id] < len(w.pages); w.counted[id]++ {
		at := w.counted[id]
		h := codec.RangeHeader{Input: codec.TopicID{2}, Targets: 2, Target: int32(id), From: int64(at) - 1, To: int64(at), Limits: heat.DefaultLimits(), Minute: boards.MinuteOf(w.times[at])}
		var message []byte
		if page := w.pages[at]; topology.Partition(page, 2) == int32(id) {
			message = codec.AppendPageSum(codec.AppendRangeHeader(nil, h, 1), page, &heat.Totals{Clicks: heat.Uint128{Lo: 1}, Behaviours: 1})
		} else {
			h.Minute = 0
			message = codec.AppendRangeHeader(nil, h, 0)
		}
		_, err := p.Apply(message, int64(at), nil)
		require.NoError(w, err)
	}
}

// publish commits what the heat partitions have counted, sends their leaders, and publishes what the ranking makes of
// them. It returns the board with a name.
func (w *closingWorld) publish(now time.Time, name string) (board *codec.Board) {
	ranker := processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 10, Boards: []*boards.Board{w.board}, Group: "rank", Output: pastOutput})
	take := func(message []byte) []processors.Published {
		ranked, err := ranker.Take(message, func() any { return nil }, now)
		require.NoError(w, err)
		return ranked.Boards
	}
	take(codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: 2}))
	for _, p := range w.heat {
		c := p.Checkpoint()
		for more := true; more; {
			_, _, more = c.Next(nil)
		}
		c.Committed(1)
		var l codec.Leaders
		p.Leaders(&l)
		leaders := codec.AppendLeaders(nil, &l)
		w.send(&kgo.Record{Topic: "pageheat-leaders", Value: leaders})
		take(codec.AppendHeard(nil, 1, leaders))
	}
	for _, b := range take([]byte{byte(codec.FeedPublish)}) {
		w.send(&kgo.Record{Topic: pastOutput, Key: []byte(b.Name), Value: b.Value, Headers: []kgo.RecordHeader{{Key: codec.HeaderPositions, Value: b.Positions}}})
		if b.Name == name {
			var err error
			board, err = codec.DecodeBoard(b.Value)
			require.NoError(w, err)
		}
	}
	return board
}

// TestRecountComparesFinalBoards: exactly, although the heat partitions closed the period with different offsets, and
// behaviours came too late for it before they sent its board.
func TestRecountComparesFinalBoards(t *testing.T) {
	t.Parallel()
	w := newClosingWorld(t)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	open, closed := noon.Add(12*time.Hour), noon.Add(24*time.Hour)
	for i := range 6 {
		w.behave(int32(i%2), noon.Add(time.Duration(i)*time.Minute))
	}
	w.count(0, open)
	w.count(1, open)
	w.count(0, closed)
	for i := range 4 { // late for the pages of one heat partition
		w.behave(int32(i%2), noon)
	}
	w.count(1, open)
	w.count(1, closed)
	for i := range 4 { // late for all
		w.behave(int32(i%2), noon)
	}
	w.count(0, closed)
	w.count(1, closed)
	const final = "days/2026-01-02"
	b := w.publish(closed, final)
	require.NotNil(t, b)
	assert.Equal(t, codec.NewOffsets([]int64{6}), b.Offsets)
	assert.EqualValues(t, 3+5, b.Counted)

	code, out, log := w.run("--input", "closings", "--board", final, "--compare")
	require.Equal(t, exitDone, code, "%s%s", out, log)
	assert.Contains(t, out, "all 2 pages are exact at its offsets")
	assert.NotContains(t, log, "no longer in the topic")
	code, out, log = w.run("--input", "closings", "--board", final, "--offsets", `{"0":6}`, "--json")
	require.Equal(t, exitDone, code, log)
	assert.Contains(t, out, `"behaviours":3`)
}
