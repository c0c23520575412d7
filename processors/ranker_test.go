package processors_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// behaviorTopic is the id of the behaviour topic in these tests.
func behaviorTopic() codec.TopicID { return codec.TopicID{7} }

// ranker is a Ranker that knows of how many partitions it was begun.
type ranker struct {
	*processors.Ranker
	partitions int
}

func newRanker(top int) *ranker {
	return &ranker{Ranker: processors.NewRanker(processors.RankerConfig{Board: "all-time", Scorer: heat.DefaultWeights(), Top: top})}
}

func (r *ranker) Begin(epoch uint64, partitions int, newest *codec.Board, made codec.Positions) {
	r.partitions = partitions
	r.Ranker.Begin(epoch, partitions, newest, made)
}

// Leaders gives the ranker leaders of its own number of partitions.
func (r *ranker) Leaders(l *codec.Leaders) (bool, error) {
	l.Partitions = int32(r.partitions)
	return r.Ranker.Leaders(l)
}

// clicks are totals of a given number of behaviours of one click each.
func clicks(n uint64) heat.Totals {
	return heat.Totals{Clicks: heat.Uint128{Lo: n}, Behaviours: n}
}

// leaders of a partition at a position, whose pages have the clicks given; the
// pages come in the order that a partition sends them in.
func leaders(partition int32, next int64, pages map[string]uint64) *codec.Leaders {
	l := &codec.Leaders{Partition: partition,
		Progress:   codec.Progress{Behavior: behaviorTopic(), Next: next, To: []int64{next}, Begin: []int64{0}, Lost: []uint64{0}},
		Definition: codec.Define(heat.DefaultWeights(), 1000)}
	for name, n := range pages {
		l.Pages = append(l.Pages, codec.Leader{Page: name, Totals: clicks(n)})
		l.Counted += n
	}
	slices.SortFunc(l.Pages, func(a, b codec.Leader) int {
		return cmp.Or(-cmp.Compare(a.Totals.Behaviours, b.Totals.Behaviours), cmp.Compare(a.Page, b.Page))
	})
	return l
}

func take(t require.TestingT, r *ranker, l *codec.Leaders) bool {
	fresh, err := r.Leaders(l)
	require.NoError(t, err)
	return fresh
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func pageNames(b *codec.Board) []string {
	names := make([]string, len(b.Pages))
	for i := range b.Pages {
		names[i] = b.Pages[i].Page
	}
	return names
}

// Merging the partitions' hottest is the same as putting all pages in order.
func TestRankerMergesExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 4).Draw(t, "partitions")
		top := rapid.IntRange(1, 5).Draw(t, "top")
		totals := rapid.Custom(func(t *rapid.T) heat.Totals {
			return heat.Totals{
				Clicks:     heat.Uint128{Lo: rapid.Uint64Range(0, 6).Draw(t, "clicks")},
				Minutes:    heat.Uint128{Lo: rapid.SampledFrom([]uint64{0, 1, 250_000_000, 1_000_000_000}).Draw(t, "minutes")},
				Likes:      rapid.Int64Range(-3, 3).Draw(t, "likes"),
				Behaviours: rapid.Uint64Range(1, 9).Draw(t, "behaviours"),
			}
		})
		all := make([]codec.Leader, rapid.IntRange(0, 20).Draw(t, "pages"))
		for i := range all {
			all[i] = codec.Leader{Page: fmt.Sprintf("page%d", i), Totals: totals.Draw(t, "totals")}
		}
		w := heat.DefaultWeights()
		order := func(a, b codec.Leader) int {
			if heat.Before(w.Score(&a.Totals), a.Page, w.Score(&b.Totals), b.Page) {
				return -1
			}
			return 1
		}
		sent := make([]*codec.Leaders, partitions)
		var counted uint64
		for p := range sent {
			sent[p] = leaders(int32(p), rapid.Int64Range(0, 9).Draw(t, "next"), nil)
		}
		for _, l := range all {
			p := rapid.IntRange(0, partitions-1).Draw(t, "partition")
			sent[p].Pages = append(sent[p].Pages, l)
			sent[p].Counted += l.Totals.Behaviours
			counted += l.Totals.Behaviours
		}
		r := newRanker(top)
		r.Begin(1, partitions, nil, nil)
		for _, p := range rapid.Permutation(sent).Draw(t, "order") {
			slices.SortFunc(p.Pages, order)
			p.Pages = p.Pages[:min(len(p.Pages), top)]
			board, _ := r.Board(at(1), true)
			require.Nil(t, board, "no board while a partition is missing")
			require.True(t, take(t, r, p))
		}
		slices.SortFunc(all, order)
		all = all[:min(len(all), top)]

		board, made := r.Board(at(1), false)
		require.NotNil(t, board)
		require.Equal(t, counted, board.Counted)
		require.Len(t, made, partitions)
		lowest := sent[0].To[0]
		for p := range made {
			require.Equal(t, codec.Position{Behavior: behaviorTopic(), Next: sent[p].Next}, made[p])
			lowest = min(lowest, sent[p].To[0])
		}
		require.Equal(t, codec.NewOffsets([]int64{lowest + 1}), board.Offsets)
		require.Len(t, board.Pages, len(all))
		for i, p := range board.Pages {
			want := &all[i]
			require.Equal(t, codec.BoardPage{Rank: i + 1, RankSince: at(1).UTC(), Page: want.Page,
				Heat:    codec.Decimal(w.Heat(&want.Totals)),
				Clicks:  codec.Decimal(want.Totals.Clicks.String()),
				Minutes: codec.Decimal(want.Totals.MinutesDecimal()),
				Likes:   codec.Decimal(strconv.FormatInt(want.Totals.Likes, 10)), Behaviours: want.Totals.Behaviours}, p)
		}
	})
}

func TestRankerCountsAMissingInputPartitionFromTheStart(t *testing.T) {
	r := newRanker(10)
	r.Begin(1, 2, nil, nil)
	a, b := leaders(0, 1, nil), leaders(1, 1, nil)
	a.To, b.To = []int64{4, 9}, []int64{6} // the second has not heard of input partition 1
	take(t, r, a)
	take(t, r, b)
	board, _ := r.Board(at(1), false)
	require.Equal(t, codec.NewOffsets([]int64{5, 0}), board.Offsets)
}

func TestRankerPublishesChangesOnly(t *testing.T) {
	r := newRanker(10)
	board, _ := r.Board(at(1), true)
	require.Nil(t, board, "there is no board before an epoch")
	r.Begin(3, 1, nil, nil)
	take(t, r, leaders(0, 1, map[string]uint64{"a": 2}))
	board, _ = r.Board(at(1), false)
	require.Equal(t, uint64(2<<32+1), board.Version)
	board, _ = r.Board(at(2), false)
	require.Nil(t, board, "nothing came")
	same := leaders(0, 2, map[string]uint64{"a": 2})
	same.To = []int64{1}
	take(t, r, same)
	board, _ = r.Board(at(3), false)
	require.Nil(t, board, "what came changes nothing")
	take(t, r, leaders(0, 3, map[string]uint64{"a": 2}))
	board, made := r.Board(at(4), false)
	require.Equal(t, uint64(2<<32+2), board.Version, "offsets are part of the board")
	require.EqualValues(t, 3, made[0].Next)
	board, _ = r.Board(at(5), true)
	require.Equal(t, uint64(2<<32+3), board.Version, "again, since it was asked for")
}

func TestRankerRemembersRanks(t *testing.T) {
	r := newRanker(2)
	r.Begin(1, 1, nil, nil)
	type place struct {
		page     string
		previous int
		since    int64
	}
	for i, step := range []struct {
		clicks map[string]uint64
		want   []place
	}{
		{map[string]uint64{"a": 3, "b": 2, "c": 1}, []place{{"a", 0, 1}, {"b", 0, 1}}},
		{map[string]uint64{"a": 3, "b": 4, "c": 1}, []place{{"b", 2, 2}, {"a", 1, 2}}},
		{map[string]uint64{"a": 3, "b": 5, "c": 1}, []place{{"b", 2, 2}, {"a", 1, 2}}}, // stays: as before
		{map[string]uint64{"a": 3, "b": 5, "c": 4}, []place{{"b", 2, 2}, {"c", 0, 4}}}, // from outside
		{map[string]uint64{"a": 9, "b": 5, "c": 4}, []place{{"a", 0, 5}, {"b", 1, 5}}}, // was outside again
	} {
		now := int64(i + 1)
		take(t, r, leaders(0, now, step.clicks))
		board, made := r.Board(at(now), false)
		var got []place
		for _, p := range board.Pages {
			got = append(got, place{p.Page, p.PreviousRank, p.RankSince.Unix()})
		}
		require.Equal(t, step.want, got)

		// The same from the next owner.
		next := newRanker(2)
		next.Begin(2, 1, board, made)
		r = next
	}
}

func TestRankerIgnoresLeadersOlderThanTheBoard(t *testing.T) {
	r := newRanker(10)
	r.Begin(1, 2, nil, nil)
	take(t, r, leaders(0, 5, map[string]uint64{"a": 5}))
	require.True(t, take(t, r, leaders(0, 4, map[string]uint64{"a": 4})), "no board was made from those at 5")
	take(t, r, leaders(0, 6, map[string]uint64{"a": 6}))
	take(t, r, leaders(1, 2, nil))
	newest, made := r.Board(at(1), false)
	require.Equal(t, codec.Positions{{Behavior: behaviorTopic(), Next: 6}, {Behavior: behaviorTopic(), Next: 2}}, made)
	require.False(t, take(t, r, leaders(0, 5, map[string]uint64{"a": 5})))
	require.True(t, take(t, r, leaders(0, 6, map[string]uint64{"a": 6})))

	next := newRanker(10)
	next.Begin(2, 2, newest, made)
	require.False(t, take(t, next, leaders(0, 5, map[string]uint64{"a": 5})), "the next owner keeps the floor")
	require.True(t, take(t, next, leaders(1, 3, map[string]uint64{"b": 1})))
	board, _ := next.Board(at(2), false)
	require.Nil(t, board, "partition 0 has sent nothing new enough")
	require.True(t, take(t, next, leaders(0, 6, map[string]uint64{"a": 6})))
	board, _ = next.Board(at(2), false)
	require.Equal(t, []string{"a", "b"}, pageNames(board))
	require.EqualValues(t, 2, processors.Epoch(board.Version))
}

// An owner that comes back, in the same process, has old leaders in memory.
func TestRankerThatComesBackStartsFromTheNewestBoard(t *testing.T) {
	r := newRanker(10)
	r.Begin(1, 1, nil, nil)
	take(t, r, leaders(0, 4, map[string]uint64{"a": 4}))
	r.Board(at(1), false)

	other := newRanker(10)
	other.Begin(2, 1, nil, nil)
	take(t, other, leaders(0, 9, map[string]uint64{"a": 9}))
	newest, made := other.Board(at(2), false)

	r.Begin(3, 1, newest, made)
	board, _ := r.Board(at(3), true)
	require.Nil(t, board, "what it has in memory is older than the newest board")
	take(t, r, leaders(0, 9, map[string]uint64{"a": 9}))
	board, _ = r.Board(at(3), true)
	require.EqualValues(t, 9, board.Counted)
}

// An epoch that was taken and not stored, because the session ended, is taken
// again by the same process; meanwhile the output has a newer board.
func TestRankerTakesTheNewestBoardInAnEpochThatItTookBefore(t *testing.T) {
	other := newRanker(10)
	other.Begin(1, 1, nil, nil)
	take(t, other, leaders(0, 4, map[string]uint64{"a": 4}))
	first, madeFirst := other.Board(at(1), false)
	take(t, other, leaders(0, 6, map[string]uint64{"a": 6}))
	second, madeSecond := other.Board(at(2), false)

	r := newRanker(10)
	r.Begin(2, 1, first, madeFirst)
	r.Begin(2, 1, second, madeSecond)
	require.False(t, take(t, r, leaders(0, 5, map[string]uint64{"a": 5})))
}

// A board asked for again while leaders are missing is not forgotten.
func TestRankerOwesABoardThatWasAskedForAgain(t *testing.T) {
	first := newRanker(10)
	first.Begin(1, 1, nil, nil)
	take(t, first, leaders(0, 4, map[string]uint64{"a": 4}))
	newest, made := first.Board(at(1), false)

	r := newRanker(10)
	r.Begin(2, 1, newest, made)
	board, _ := r.Board(at(2), true)
	require.Nil(t, board)
	take(t, r, leaders(0, 4, map[string]uint64{"a": 4}))
	board, _ = r.Board(at(3), false)
	require.NotNil(t, board)
	board, _ = r.Board(at(4), false)
	require.Nil(t, board)
}

// A session may end before the last board has left.
func TestRankerPublishesAgainWhatNeverLeft(t *testing.T) {
	r := newRanker(10)
	r.Begin(1, 1, nil, nil)
	take(t, r, leaders(0, 4, map[string]uint64{"a": 4}))
	out, made := r.Board(at(1), false)
	take(t, r, leaders(0, 5, map[string]uint64{"a": 5}))
	lost, _ := r.Board(at(2), false)

	r.Begin(2, 1, out, made)
	require.False(t, take(t, r, leaders(0, 4, map[string]uint64{"a": 4})), "it may still be on its way")
	board, _ := r.Board(at(3), false)
	require.NotNil(t, board)
	require.Equal(t, lost.Counted, board.Counted)
	require.Greater(t, board.Version, lost.Version)
}

// A board of its own that never left does not hide how far an owner before has
// come: neither may go back.
func TestRankerKeepsTheHighestPositions(t *testing.T) {
	before := newRanker(10)
	before.Begin(1, 2, nil, nil)
	take(t, before, leaders(0, 2, nil))
	take(t, before, leaders(1, 8, nil))
	out, made := before.Board(at(1), false)

	r := newRanker(10)
	r.Begin(2, 2, nil, nil)
	take(t, r, leaders(0, 5, nil))
	take(t, r, leaders(1, 5, nil))
	r.Board(at(2), false)
	r.Begin(3, 2, out, made)
	require.False(t, take(t, r, leaders(0, 4, nil)), "its own board was at 5")
	require.False(t, take(t, r, leaders(1, 7, nil)), "the one in the output is at 8")
	board, _ := r.Board(at(3), false)
	require.Nil(t, board)
	require.True(t, take(t, r, leaders(1, 8, nil)))
	board, made = r.Board(at(3), false)
	require.NotNil(t, board)
	require.Equal(t, codec.Positions{{Behavior: behaviorTopic(), Next: 5}, {Behavior: behaviorTopic(), Next: 8}}, made)
}

// After a reset of the behaviour topic, positions in the old one mean nothing.
func TestRankerTakesPositionsInTheNewestTopic(t *testing.T) {
	r := newRanker(10)
	r.Begin(1, 1, nil, nil)
	take(t, r, leaders(0, 5, nil))
	r.Board(at(1), false)
	other := codec.TopicID{8}
	r.Begin(3, 1, &codec.Board{Board: "all-time", Version: 1<<32 + 1}, codec.Positions{{Behavior: other, Next: 2}})
	l := leaders(0, 2, nil)
	l.Behavior = other
	require.True(t, take(t, r, l))
}

func TestRankerRefusesLeadersThatCanNotBe(t *testing.T) {
	r := newRanker(10)
	r.Begin(1, 1, nil, nil)
	_, err := r.Leaders(leaders(1, 1, nil))
	require.ErrorContains(t, err, "partition 1 of 1")
	l := leaders(0, 1, nil)
	l.Partitions = 3
	_, err = r.Ranker.Leaders(l)
	require.ErrorIs(t, err, codec.ErrOtherPartitions)
	require.ErrorContains(t, err, "P was 3 and is 1")

	take(t, r, leaders(0, 1, nil))
	r.Board(at(1), false)
	l = leaders(0, 2, nil)
	l.Behavior = codec.TopicID{8}
	_, err = r.Leaders(l)
	require.ErrorIs(t, err, processors.ErrOtherBehavior)
}

// While the settings differ the last board stays, and when all agree there is a new one.
func TestRankerNeverMixesDefinitions(t *testing.T) {
	likes, err := heat.NewWeights("0", "0", "-1")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		by     codec.Definition
		serves bool
	}{
		"other weights": {codec.Define(likes, 10), false},
		"fewer pages":   {codec.Define(heat.DefaultWeights(), 9), false},
		"more pages":    {codec.Define(heat.DefaultWeights(), 11), true},
		"the same":      {codec.Define(heat.DefaultWeights(), 10), true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRanker(10)
			r.Begin(1, 2, nil, nil)
			chosenBy := func(l *codec.Leaders, by codec.Definition) *codec.Leaders {
				l.Definition = by
				return l
			}
			take(t, r, leaders(0, 1, map[string]uint64{"a": 1}))
			take(t, r, leaders(1, 1, map[string]uint64{"b": 2}))
			board, made := r.Board(at(1), false)
			require.NotNil(t, board)

			require.Equal(t, c.serves, take(t, r, chosenBy(leaders(0, 3, map[string]uint64{"a": 3}), c.by)))
			take(t, r, leaders(1, 5, map[string]uint64{"b": 5}))
			board, _ = r.Board(at(2), true)
			require.Equal(t, c.serves, board != nil)
			if c.serves {
				require.Empty(t, r.Differing())
				return
			}
			require.Equal(t, []processors.Differing{{Partition: 0, Definition: c.by}}, r.Differing())
			require.False(t, take(t, r, chosenBy(leaders(0, 0, nil), c.by)), "older than the board")
			require.True(t, take(t, r, leaders(0, 4, map[string]uint64{"a": 4})))
			require.False(t, take(t, r, chosenBy(leaders(0, 3, nil), c.by)))
			require.Empty(t, r.Differing(), "what an owner before sends late changes nothing")
			next, from := r.Board(at(3), false)
			require.NotNil(t, next, "all agree")
			require.EqualValues(t, 9, next.Counted)
			require.Greater(t, from[0].Next, made[0].Next)
		})
	}
}

// Through any owners, versions only grow and what is counted never goes back.
func TestRankerNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const partitions = 2
		var newest *codec.Board
		var made codec.Positions
		epoch := uint64(0)
		var r *ranker
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if r == nil || rapid.IntRange(0, 5).Draw(t, "take over") == 0 {
				if r == nil || rapid.Bool().Draw(t, "new process") {
					r = newRanker(3)
				}
				epoch += rapid.Uint64Range(1, 3).Draw(t, "epoch")
				r.Begin(epoch, partitions, newest, made)
			}
			p := rapid.Int32Range(0, partitions-1).Draw(t, "partition")
			next := rapid.Int64Range(0, 12).Draw(t, "next")
			take(t, r, leaders(p, next, map[string]uint64{fmt.Sprintf("page%d", p): uint64(next)}))
			board, from := r.Board(at(1), rapid.Bool().Draw(t, "again"))
			if board == nil {
				continue
			}
			require.Equal(t, epoch, processors.Epoch(board.Version))
			if newest != nil {
				require.Greater(t, board.Version, newest.Version)
				require.GreaterOrEqual(t, board.Counted, newest.Counted)
				for i := range from {
					require.GreaterOrEqual(t, from[i].Next, made[i].Next)
				}
			}
			newest, made = board, from
		}
	})
}
