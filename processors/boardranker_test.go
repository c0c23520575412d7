package processors_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

// Leaders of another definition never get into a board: it stays as it is until the partition has sent
// others.
func TestBoardsOfTwoDefinitionsDoNotMix(t *testing.T) {
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	board := func(size int) *boards.Board {
		b, err := boards.New(boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour, Size: size})
		require.NoError(t, err)
		return b
	}
	ranker := processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 2, Boards: []*boards.Board{board(3)}, Group: "rank", Output: "output"})
	take := func(message []byte) []processors.Published {
		ranked, err := ranker.Take(message, func() any { return nil }, now)
		require.NoError(t, err)
		return ranked.Boards
	}
	take(codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: 2}))
	send := func(id int32, size int) {
		p := store.New(store.Config{ID: id, Partitions: 2, Top: 2, Boards: []*boards.Board{board(size)}})
		p.Begin(codec.TopicID{2}, 0)
		p.StartBoards()
		p.Advance(now)
		var l codec.Leaders
		p.Leaders(&l)
		take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, &l)))
	}
	names := func() (names []string) {
		for _, b := range take([]byte{byte(codec.FeedRepublish)}) {
			names = append(names, b.Name)
		}
		return names
	}
	send(0, 3)
	send(1, 5)
	assert.Equal(t, []string{"all-time"}, names())
	send(1, 3)
	assert.Equal(t, []string{"all-time", "hour"}, names())
	send(0, 5)
	assert.Equal(t, []string{"all-time"}, names())
}

// ranking is a ranker that has an epoch.
type ranking struct {
	t          *testing.T
	ranker     *processors.Ranker
	partitions int32
	output     map[string]processors.Published // by name
}

// newRanking returns a ranking that begins with the output of another, nil for none.
func newRanking(t *testing.T, partitions int32, before *ranking, all ...*boards.Board) *ranking {
	r := &ranking{t: t, partitions: partitions, output: map[string]processors.Published{}}
	r.ranker = processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 2, Boards: all, Group: "rank", Output: "output"})
	request := codec.EpochRequest{Partitions: partitions}
	if before != nil {
		newest := before.output["all-time"]
		request.Board, request.Positions = newest.Value, newest.Positions
		for _, name := range slices.Sorted(maps.Keys(before.output)) {
			if b := before.output[name]; name != "all-time" {
				request.Further = append(request.Further, codec.EpochBoard{Board: b.Value, Positions: b.Positions})
			}
		}
	}
	r.take(codec.AppendEpochRequest(nil, request))
	return r
}

func (r *ranking) take(message []byte) []processors.Published {
	ranked, err := r.ranker.Take(message, func() any { return nil }, time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC))
	require.NoError(r.t, err)
	return ranked.Boards
}

// hear takes leaders of a heat partition that has counted up to an offset of its behaviour topic; of all time
// they have a number of pages.
func (r *ranking) hear(b *boards.Board, partition int32, next int64, asOf time.Time, top int) {
	d := b.Definition()
	r.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), top), Partition: partition,
		Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: r.partitions, Next: next, Counted: uint64(next)},
		Boards:   []codec.BoardLeaders{{Name: d.Name, Hash: d.Hash(), AsOf: b.AsOf(asOf)}}})))
}

// hearGroups hears leaders of the only heat partition, of a board with groups, with one behaviour of each of the pages.
func (r *ranking) hearGroups(b *boards.Board, next int64, asOf time.Time, pages ...string) {
	d, at := b.Definition(), b.AsOf(asOf)
	l := codec.BoardLeaders{Name: d.Name, Hash: d.Hash(), AsOf: at}
	for _, page := range pages {
		var state boards.State
		state.Add(b, b.Place(at), &heat.Totals{Clicks: heat.Uint128{Lo: 1}, Behaviours: 1})
		sum := state.Sum(b, b.Slot(at))
		l.Pages = codec.AppendBoardPage(l.Pages, b, page, &sum)
	}
	groups := l
	groups.Grouped = true
	r.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 2),
		Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: 1, Next: next, Counted: uint64(next)},
		Boards:   []codec.BoardLeaders{l, groups}})))
}

// publish returns the boards that are published, by name.
func (r *ranking) publish() map[string]*codec.Board {
	made := map[string]*codec.Board{}
	for _, p := range r.take([]byte{byte(codec.FeedPublish)}) {
		if p.Value == nil {
			continue // it deletes one that is no longer kept
		}
		b, err := codec.DecodeBoard(p.Value)
		require.NoError(r.t, err)
		made[p.Name], r.output[p.Name] = b, p
	}
	return made
}

func boardOf(t *testing.T, d boards.Definition) *boards.Board {
	b, err := boards.New(d)
	require.NoError(t, err)
	return b
}

// A group whose pages are on the board no more has an empty board, once, and again with a new epoch.
func TestAGroupIsEmptyOnce(t *testing.T) {
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	sections := boardOf(t, boards.Definition{Name: "sections", Kind: boards.Window, Window: time.Hour, GroupBy: "/(.*)"})
	r := newRanking(t, 1, nil, sections)
	r.hearGroups(sections, 1, now, "/news", "/sport")
	assert.Subset(t, slices.Collect(maps.Keys(r.publish())), []string{"sections/news", "sections/sport"})
	r.hearGroups(sections, 2, now, "/news")
	assert.Empty(t, r.publish()["sections/sport"].Pages)
	r.hearGroups(sections, 3, now, "/news")
	assert.NotContains(t, r.publish(), "sections/sport")

	next := newRanking(t, 1, r, sections)
	next.hearGroups(sections, 3, now, "/news")
	assert.Contains(t, next.publish(), "sections/sport", "the one before may never have arrived")
	next.hearGroups(sections, 4, now, "/sport")
	made := next.publish()
	assert.Empty(t, made["sections/news"].Pages)
	assert.Len(t, made["sections/sport"].Pages, 1)
}

// Leaders older than those of a further board that was published are not used: neither those that come while
// there is no board of all time, nor those of an earlier owner whose clock was ahead.
func TestFurtherBoardsDoNotGoBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	hour := boardOf(t, boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour})
	t.Run("other settings of all time", func(t *testing.T) {
		r := newRanking(t, 2, nil, hour)
		r.hear(hour, 0, 2, now, 2)
		r.hear(hour, 1, 1, now, 2)
		require.Len(t, r.publish(), 2)
		r.hear(hour, 0, 3, now, 1)
		made := r.publish()
		require.Len(t, made, 1)
		require.EqualValues(t, 4, made["hour"].Counted)
		// A new owner may find the newest board of all time alone, which must not be older than this one.
		r.hear(hour, 0, 2, now, 2)
		r.hear(hour, 1, 2, now, 2)
		made = r.publish()
		require.Len(t, made, 1)
		require.EqualValues(t, 5, made["hour"].Counted)
		r.hear(hour, 0, 4, now, 2)
		made = r.publish()
		require.Len(t, made, 2)
		assert.EqualValues(t, 6, made["hour"].Counted)
	})
	t.Run("a clock that was ahead", func(t *testing.T) {
		r := newRanking(t, 2, nil, hour)
		r.hear(hour, 0, 2, now, 2)
		r.hear(hour, 1, 2, now, 2)
		require.EqualValues(t, 4, r.publish()["hour"].Counted)
		r.hear(hour, 0, 2, now.Add(time.Minute), 2)
		r.hear(hour, 0, 5, now, 2) // of the next owner
		require.EqualValues(t, 7, r.publish()["hour"].Counted)
		r.hear(hour, 1, 2, now.Add(time.Minute), 2)
		assert.NotContains(t, r.publish(), "hour")
		r.hear(hour, 0, 5, now.Add(time.Minute), 2)
		assert.EqualValues(t, 7, r.publish()["hour"].Counted)
	})
}

// A window whose steps became longer is published as of its own steps, and not before a T that was published.
func TestAWindowWithLongerSteps(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 13, minute, 0, 0, time.UTC) }
	window := func(step time.Duration) *boards.Board {
		return boardOf(t, boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: step})
	}
	one, five := window(time.Minute), window(5*time.Minute)
	before := newRanking(t, 1, nil, one)
	before.hear(one, 0, 1, at(3), 2)
	require.Equal(t, at(3), before.publish()["hour"].AsOf)
	r := newRanking(t, 1, before, five)
	r.hear(five, 0, 1, at(4), 2)
	assert.NotContains(t, r.publish(), "hour")
	r.hear(five, 0, 1, at(6), 2)
	assert.Equal(t, at(5), r.publish()["hour"].AsOf)
}

// The final boards of days are published although those of hours, which the board of this name had before, have
// higher numbers.
func TestFinalBoardsOfLongerPeriods(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	calendar := func(p boards.Period) *boards.Board {
		return boardOf(t, boards.Definition{Name: "now", Kind: boards.Calendar, Period: p})
	}
	final := func(r *ranking, b *boards.Board, at, asOf time.Time) map[string]*codec.Board {
		d := b.Definition()
		sum := boards.Sum{At: b.Slot(boards.MinuteOf(at)), Behaviours: 1}
		r.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 2),
			Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: 1, Next: 1},
			Boards: []codec.BoardLeaders{{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(asOf)},
				{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(at), Final: true, Pages: codec.AppendBoardPage(nil, b, "a", &sum)}}})))
		return r.publish()
	}
	hour, day := calendar(boards.Hour), calendar(boards.Day)
	before := newRanking(t, 1, nil, hour)
	oldest := noon.Add(25 * time.Hour) // of those that are held, then
	require.Contains(t, final(before, hour, noon, oldest), "now/2026-01-02T12")
	before.hear(hour, 0, 1, oldest, 2)
	before.publish()
	r := newRanking(t, 1, before, hour)
	assert.NotContains(t, final(r, hour, noon, oldest), "now/2026-01-02T12", "it is published")
	r = newRanking(t, 1, before, day)
	assert.Contains(t, final(r, day, noon, noon.Add(7*24*time.Hour)), "now/2026-01-02")
}

// hours are heat partitions that send the final boards of hours.
type hours struct {
	*ranking
	board *boards.Board
}

func newHours(t *testing.T, before *ranking) hours {
	b := boardOf(t, boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour})
	return hours{newRanking(t, 2, before, b), b}
}

// send sends leaders of a partition as of a time, with the final boards of the hours from one to another.
func (h hours) send(partition int32, asOf, from, to time.Time) {
	d := h.board.Definition()
	l := &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 2), Partition: partition,
		Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: 2, Next: 1},
		Boards:   []codec.BoardLeaders{{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(asOf)}}}
	for begins := from; !begins.After(to); begins = begins.Add(time.Hour) {
		sum := boards.Sum{At: h.board.Slot(boards.MinuteOf(begins)), Behaviours: 1}
		l.Boards = append(l.Boards, codec.BoardLeaders{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(begins), Final: true,
			Pages: codec.AppendBoardPage(nil, h.board, fmt.Sprint("page", partition), &sum)})
	}
	h.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, l)))
}

// finals are the hours of the final boards that are published.
func (h hours) finals() (published []string) {
	for _, name := range slices.Sorted(maps.Keys(h.publish())) {
		if hour, final := strings.CutPrefix(name, "hour/"); final {
			published = append(published, hour)
		}
	}
	return published
}

// A period that one heat partition has given up, before the ranking has heard of it, does not hold up the final
// boards of later ones.
func TestFinalBoardsDoNotWaitForWhatIsGone(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	h := newHours(t, nil)
	h.send(0, noon, noon.Add(-25*time.Hour), noon.Add(-22*time.Hour))
	h.send(1, noon, noon, noon.Add(-time.Hour))
	assert.Empty(t, h.finals(), "they may still come")
	h.send(1, noon.Add(6*time.Minute), noon.Add(-24*time.Hour), noon.Add(-22*time.Hour))
	assert.Equal(t, []string{"2026-01-01T12", "2026-01-01T13", "2026-01-01T14"}, h.finals())
	made := h.output["hour/2026-01-01T14"]
	b, err := codec.DecodeBoard(made.Value)
	require.NoError(t, err)
	assert.Len(t, b.Pages, 2)
}

// Heat partitions send the final boards that they hold with several messages. An owner of the ranking that hears the
// last ones first waits for those of earlier periods.
func TestFinalBoardsWaitForEarlierOnes(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	held := noon.Add(-25 * time.Hour)
	hour := func(n int) time.Time { return held.Add(time.Duration(n) * time.Hour) }
	both := func(h hours, from, to int) {
		h.send(0, noon, hour(from), hour(to))
		h.send(1, noon, hour(from), hour(to))
	}
	h := newHours(t, nil)
	both(h, 2, 3)
	assert.Empty(t, h.finals(), "of a day, the oldest have not come")
	both(h, 0, 1)
	assert.Equal(t, []string{"2026-01-01T11", "2026-01-01T12", "2026-01-01T13", "2026-01-01T14"}, h.finals())
	next := newHours(t, h.ranking)
	both(next, 5, 6)
	assert.Empty(t, next.finals(), "one is between")
	both(next, 0, 4)
	assert.Equal(t, []string{"2026-01-01T15", "2026-01-01T16", "2026-01-01T17"}, next.finals())
}

// An owner that crashes may have sent only the first of several final boards. So the header of each says no more than that
// it is out, with those before it: the next owner publishes the others.
func TestFinalBoardsSayWhichAreOutWithThem(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	held := noon.Add(-25 * time.Hour)
	h := newHours(t, nil)
	for partition := range int32(2) {
		h.send(partition, noon, held, held.Add(3*time.Hour))
	}
	for n, hour := range h.finals() {
		origin, err := codec.DecodeOrigin(h.output["hour/"+hour].Positions)
		require.NoError(t, err)
		require.Len(t, origin.Boards, 1)
		assert.Equal(t, boards.MinuteOf(held.Add(time.Duration(n+1)*time.Hour)), origin.Boards[0].Closed, hour)
	}
}

// A session may end before its final boards go out. The next one in the same process publishes them.
func TestFinalBoardsThatNeverWentOut(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	held := noon.Add(-25 * time.Hour)
	h := newHours(t, nil)
	for range 2 {
		for partition := range int32(2) {
			h.send(partition, noon, held, held.Add(time.Hour))
		}
		assert.Equal(t, []string{"2026-01-01T11", "2026-01-01T12"}, h.finals())
		h.take(codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: 2}))
	}
}

// A final board says how far each heat partition had counted when it closed the period, and not how far since; of one that
// does not know, how far it has counted.
func TestFinalBoardsSayWhatTheirPeriodsWereClosedWith(t *testing.T) {
	begins := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	b := boardOf(t, boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour})
	d := b.Definition()
	r := newRanking(t, 2, nil, b)
	for partition, closing := range []*codec.Closing{{AsOf: boards.MinuteOf(begins.Add(65 * time.Minute)), Counted: 30, To: []int64{19, 29}, Late: 2}, nil} {
		sum := boards.Sum{At: b.Slot(boards.MinuteOf(begins)), Behaviours: 1}
		r.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 2), Partition: int32(partition),
			Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: 2, Next: 7, Counted: 100, To: []int64{99, 24}, Begin: []int64{0, 0}, Lost: []uint64{0, 0}},
			Boards: []codec.BoardLeaders{{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(begins.Add(25 * time.Hour))}, {Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(begins), Final: true, Closing: closing, Late: 5,
				Pages: codec.AppendBoardPage(nil, b, fmt.Sprint("page", partition), &sum)}}})))
	}
	final := r.publish()["hour/2026-01-02T12"]
	require.NotNil(t, final)
	assert.Equal(t, codec.NewOffsets([]int64{20, 25}), final.Offsets)
	assert.EqualValues(t, 30+100, final.Counted)
	assert.EqualValues(t, 2+5, final.Late)
}
