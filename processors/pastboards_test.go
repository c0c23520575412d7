package processors_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// TestBoardsOfPastPeriods: of a period that the ranking has closed, a board that a command has counted is published as
// it is. Any other would be overwritten, or is of another board.
func TestBoardsOfPastPeriods(t *testing.T) {
	day, err := boards.New(boards.Definition{Name: "day", Kind: boards.Calendar, Period: boards.Day}.Complete())
	require.NoError(t, err)
	now := time.Date(2026, 1, 3, 15, 0, 0, 0, time.UTC)
	d := day.Definition()
	open, known := day.Period("2026-01-02")
	require.True(t, known)
	newest, err := codec.EncodeBoard(&codec.Board{Board: "all-time", Version: 7, UpdatedAt: now})
	require.NoError(t, err)
	made := codec.AppendOrigin(nil, codec.Origin{Group: "rank", Definition: codec.Define(heat.DefaultWeights(), 2), Positions: codec.Positions{{Behavior: codec.TopicID{2}, Next: 5}},
		Boards: []codec.OriginBoard{{Name: "day", AsOf: boards.MinuteOf(now), Closed: day.Begins(open)}}})
	ranker := processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 2, Boards: []*boards.Board{day}, Group: "rank", Output: "output"})
	take := func(message []byte) []processors.Published {
		ranked, err := ranker.Take(message, func() any { return nil }, now)
		require.NoError(t, err)
		return ranked.Boards
	}
	take(codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: 1, Board: newest, Positions: made}))
	past := func(change func(*codec.Board)) []processors.Published {
		b := &codec.Board{Board: "day/2026-01-01", Kind: "calendar", Period: "2026-01-01", Final: true, AsOf: now, UpdatedAt: now.Add(-time.Hour), DefinitionHash: d.Hash(),
			Pages: []codec.BoardPage{{Rank: 1, PreviousRank: 1, Page: "/a", Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1}}}
		change(b)
		value, err := codec.EncodeBoard(b)
		require.NoError(t, err)
		take(append([]byte{byte(codec.FeedPast)}, value...))
		return take([]byte{byte(codec.FeedPublish)})
	}
	published := past(func(*codec.Board) {})
	require.Len(t, published, 1)
	b, err := codec.DecodeBoard(published[0].Value)
	require.NoError(t, err)
	assert.Equal(t, "day/2026-01-01", b.Board)
	assert.EqualValues(t, 1<<32+1, b.Version, "the next one of its epoch")
	assert.Equal(t, now, b.UpdatedAt)
	assert.Equal(t, now, b.Pages[0].RankSince)
	assert.Zero(t, b.Pages[0].PreviousRank)
	for name, change := range map[string]func(*codec.Board){
		"another board":      func(b *codec.Board) { b.Board = "week/2026-01-01" },
		"another definition": func(b *codec.Board) { b.DefinitionHash = "00" },
		"not final":          func(b *codec.Board) { b.Final = false },
		"an open period":     func(b *codec.Board) { b.Board, b.Period = "day/2026-01-02", "2026-01-02" },
		"no period":          func(b *codec.Board) { b.Board, b.Period = "day/yesterday", "yesterday" },
	} {
		assert.Empty(t, past(change), name)
	}
}
