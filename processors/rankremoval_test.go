package processors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// TestRankStageSearchesForForgottenPages: when the output is searched, and when it is searched again.
func TestRankStageSearchesForForgottenPages(t *testing.T) {
	now := began()
	searches := func(s *processors.RankStage, after time.Duration) bool {
		return s.Next(now.Add(after)).Do == processors.DoRemove
	}
	s := processors.NewRankStage(processors.RankStart{PublishEvery: 10 * ms, Partitions: 3, Next: 7})
	s.TakenIn(1, 1)
	require.Equal(t, []string{"feed epoch", "hold"}, do(s, now), "not before it owns the output")

	s = rankStage(t, 5)
	require.False(t, searches(s, 0), "nothing was ever forgotten")
	final := func(in ...int64) {
		s.Output(processors.Output{Board: "day/1", Further: true, Final: true, Version: version(5, 1), Forgotten: codec.NewOffsets(in)})
	}
	final()
	require.False(t, searches(s, 0))

	s.TakenIn(1, 1)
	require.True(t, searches(s, 0))
	require.False(t, searches(s, time.Hour), "one at a time")
	s.Removed(processors.Removed{Taken: map[int32]uint64{1: 3}}, nil, now.Add(time.Second))
	s.TakenIn(1, 3)
	require.False(t, searches(s, time.Hour), "all is done")
	final(0, 3)
	final(5, 4)
	require.False(t, searches(s, time.Hour), "the requests are in")
	s.Output(processors.Output{Board: "day", Further: true, Version: version(5, 1)})
	require.False(t, searches(s, time.Hour), "the board of the open period is made again")
	final(9, 2)
	wait := s.Next(now.Add(2 * time.Second))
	require.Equal(t, processors.DoWait, wait.Do, "it rests after the last search")
	require.Equal(t, now.Add(10*time.Second), wait.Until)
	require.True(t, searches(s, 10*time.Second), "a board came late without request 3")

	now = now.Add(10 * time.Second)
	s.TakenIn(2, 1)
	s.Removed(processors.Removed{Taken: map[int32]uint64{1: 3}}, nil, now.Add(ms))
	require.False(t, searches(s, 999*ms))
	require.True(t, searches(s, 1001*ms), "a page was forgotten during the search")
	now = now.Add(1001 * ms)
	final(0, 3, 1)
	s.Removed(processors.Removed{}, nil, now)
	require.True(t, searches(s, time.Second), "a board came during the search")
	now = now.Add(time.Second)
	s.Removed(processors.Removed{}, errors.New("no broker"), now)
	require.False(t, searches(s, 4*time.Second))
	require.True(t, searches(s, 5*time.Second), "the search failed")
	now = now.Add(5 * time.Second)

	boards := []codec.EpochBoard{{Board: []byte("board"), Positions: []byte("positions")}}
	s.Removed(processors.Removed{Boards: boards, More: true}, nil, now)
	a := s.Next(now)
	require.Equal(t, codec.FeedRemoved, a.Kind())
	decoded, err := codec.DecodeRemoved(a.Value[1:])
	require.NoError(t, err)
	require.Equal(t, boards, decoded)
	require.Equal(t, []string{"feed publish", "wait"}, do(s, now.Add(10*ms)))
	s.Published()
	require.True(t, searches(s, time.Second), "there are more")
	s.TakenIn(0, 1)
	s.End()
	require.Equal(t, []string{"end"}, do(s, now.Add(time.Hour)), "the next owner searches")
}

// TestBoardsWithoutForgottenPages: the ranking publishes them with its next boards, unless something newer took their
// place.
func TestBoardsWithoutForgottenPages(t *testing.T) {
	day, err := boards.New(boards.Definition{Name: "day", Kind: boards.Calendar, Period: boards.Day, Keep: 48 * time.Hour}.Complete())
	require.NoError(t, err)
	now := time.Date(2026, 1, 5, 15, 0, 0, 0, time.UTC)
	newest, err := codec.EncodeBoard(&codec.Board{Board: "all-time", Version: 7, UpdatedAt: now})
	require.NoError(t, err)
	open, known := day.Period("2026-01-05")
	require.True(t, known)
	d := day.Definition()
	definition := codec.Define(heat.DefaultWeights(), 2)
	made := codec.Origin{Group: "rank", Definition: definition, Positions: codec.Positions{{Behavior: codec.TopicID{2}, Next: 5, Forgotten: 1}},
		Boards: []codec.OriginBoard{{Name: "day", AsOf: boards.MinuteOf(now), Closed: day.Begins(open)}}}
	board := func(period string) *codec.Board {
		b := &codec.Board{Board: "day/" + period, Version: 3, Kind: "calendar", Period: period, Final: true, Removed: 2, AsOf: now, UpdatedAt: now.Add(-time.Hour),
			DefinitionHash: d.Hash(), Forgotten: codec.NewOffsets([]int64{1})}
		for i, page := range []string{"/a", "/c", "/e"} {
			b.Pages = append(b.Pages, codec.BoardPage{Rank: 1 + 2*i, PreviousRank: 9, RankSince: now.Add(-time.Hour), Page: page, Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1})
		}
		return b
	}
	newRanker := func() func(message []byte) map[string]processors.Published {
		ranker := processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 2, Boards: []*boards.Board{day}, Group: "rank", Output: "output"})
		return func(message []byte) map[string]processors.Published {
			ranked, err := ranker.Take(message, func() any { return nil }, now)
			require.NoError(t, err)
			published := map[string]processors.Published{}
			for _, b := range ranked.Boards {
				published[b.Name] = b
			}
			return published
		}
	}
	begin := codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: 1, Board: newest, Positions: codec.AppendOrigin(nil, made)})
	was := made
	was.Positions = codec.Positions{{Behavior: codec.TopicID{2}, Next: 2}}
	removed := func(b *codec.Board, group string) []byte {
		value, err := codec.EncodeBoard(b)
		require.NoError(t, err)
		origin := was
		origin.Group = group
		return codec.AppendRemoved(nil, []codec.EpochBoard{{Board: value, Positions: codec.AppendOrigin(nil, origin)}})
	}
	publish := []byte{byte(codec.FeedPublish)}

	take := newRanker()
	take(removed(board("2026-01-04"), "rank"))
	require.Empty(t, take(publish), "it owns nothing yet")
	take(begin)
	published := take(publish)
	require.Len(t, published, 1)
	b, err := codec.DecodeBoard(published["day/2026-01-04"].Value)
	require.NoError(t, err)
	assert.EqualValues(t, 1<<32+1, b.Version)
	assert.Equal(t, now, b.UpdatedAt)
	assert.Equal(t, 2, b.Removed)
	for i, p := range b.Pages {
		assert.Equal(t, i+1, p.Rank)
	}
	origin, err := codec.DecodeOrigin(published["day/2026-01-04"].Positions)
	require.NoError(t, err)
	assert.Equal(t, was.Positions, origin.Positions, "those that it was made from")
	assert.Equal(t, made.Boards, origin.Boards)
	require.Empty(t, take(publish), "once")

	take(removed(board("2026-01-04"), "before"))
	origin, err = codec.DecodeOrigin(take(publish)["day/2026-01-04"].Positions)
	require.NoError(t, err)
	assert.Equal(t, made.Positions, origin.Positions, "those of another deployment mean nothing here")
	assert.Equal(t, "rank", origin.Group)

	take(removed(board("2026-01-03"), "rank"))
	require.NotNil(t, take(publish)["day/2026-01-03"].Value)
	take(removed(board("2026-01-02"), "rank"))
	published = take(publish)
	require.Len(t, published, 1)
	require.Nil(t, published["day/2026-01-02"].Value, "a board that is no longer kept does not come back")

	counted := board("2026-01-04")
	value, err := codec.EncodeBoard(counted)
	require.NoError(t, err)
	take(append([]byte{byte(codec.FeedPast)}, value...))
	require.Len(t, take(publish), 1)
	take(removed(board("2026-01-04"), "rank"))
	require.Empty(t, take(publish), "what was found is older than what a command has counted since")
}
