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
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
	"pageheat/topology"
)

// rankingWorld is a ranker with further boards, real heat partitions whose clocks differ, and the output.
type rankingWorld struct {
	boards     []*boards.Board
	partitions []*heatPartition
	now        time.Time
	ranker     *processors.Ranker
	epoch      []byte
	offset     int64
	output     map[string]processors.Output
	asOf       map[string]boards.Minute
	version    uint64
	finals     map[string]*codec.Board
	restarted  bool // what was late is judged again, for leaders that were sent before too
}

// heatPartition is a partition with what it has counted, by the offset of the range after it.
type heatPartition struct {
	*store.Partition
	config   store.Config
	skew     time.Duration
	counted  [][]minuteSum
	messages [][]byte
	to       int64
}

// restart loses what is in memory, T included: nothing was committed. Then all is applied again.
func (p *heatPartition) restart(t *rapid.T, now time.Time) {
	p.Partition = store.New(p.config)
	p.Begin(codec.TopicID{2}, 0)
	p.StartBoards()
	p.advance(now)
	for offset, message := range p.messages {
		_, err := p.Apply(message, int64(offset), nil)
		require.NoError(t, err)
	}
}

type minuteSum struct {
	page   string
	minute boards.Minute
	totals heat.Totals
	late   map[string]bool
}

func newRankingWorld(t *rapid.T) *rankingWorld {
	w := &rankingWorld{now: time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC), output: map[string]processors.Output{}, asOf: map[string]boards.Minute{},
		finals: map[string]*codec.Board{}}
	for _, d := range []boards.Definition{
		{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: 5 * time.Minute, Size: 2},
		{Name: "trending", Kind: boards.Trending, HalfLife: 20 * time.Minute, Size: 2},
		{Name: "this-hour", Kind: boards.Calendar, Period: boards.Hour, Keep: 2 * time.Hour, Size: 2, GroupBy: "([abc]).", MaxPerGroup: 1},
		{Name: "grouped", Kind: boards.Trending, HalfLife: 20 * time.Minute, Size: 2, GroupBy: "([abc]).", MaxGroups: 2, MaxPerGroup: 1},
	} {
		b, err := boards.New(d)
		require.NoError(t, err)
		w.boards = append(w.boards, b)
	}
	n := rapid.IntRange(1, 3).Draw(t, "partitions")
	for id := range n {
		p := &heatPartition{config: store.Config{ID: int32(id), Partitions: int32(n), Top: 2, Boards: w.boards}, to: -1}
		p.skew = time.Duration(rapid.IntRange(-4, 4).Draw(t, "skew")) * time.Minute
		p.restart(t, w.now)
		w.partitions = append(w.partitions, p)
	}
	w.takeOver(t)
	return w
}

// take hands the ranker a message, and takes what it publishes.
func (w *rankingWorld) take(t *rapid.T, message []byte) {
	ranked, err := w.ranker.Take(message, func() any { return w.epoch }, w.now)
	require.NoError(t, err)
	if ranked.Epoch != nil {
		w.epoch = ranked.Epoch
	}
	for _, b := range ranked.Boards {
		w.published(t, b)
	}
}

// takeOver lets a new owner rank, which knows the output.
func (w *rankingWorld) takeOver(t *rapid.T) {
	w.ranker = processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 2, Boards: w.boards, Group: "rank", Output: "output"})
	request := codec.EpochRequest{Partitions: int32(len(w.partitions)), Board: w.output["all-time"].Value, Positions: w.output["all-time"].Positions}
	for _, name := range slices.Sorted(maps.Keys(w.output)) {
		// One that was published before that of all time need not have been found.
		if b := w.output[name]; name != "all-time" && (b.Version > w.output["all-time"].Version || rapid.Bool().Draw(t, "found")) {
			request.Further = append(request.Further, codec.EpochBoard{Board: b.Value, Positions: b.Positions})
		}
	}
	w.take(t, codec.AppendEpochRequest(nil, request))
}

// send hands on the leaders of a partition.
func (w *rankingWorld) send(t *rapid.T, p *heatPartition) {
	p.advance(w.now)
	var l codec.Leaders
	p.Leaders(&l)
	w.offset++
	w.take(t, codec.AppendHeard(nil, w.offset, codec.AppendLeaders(nil, &l)))
}

func (p *heatPartition) advance(now time.Time) {
	for more := true; more; {
		_, more = p.Advance(now.Add(p.skew))
	}
}

// count applies a range to every partition.
func (w *rankingWorld) count(t *rapid.T) {
	for id, p := range w.partitions {
		var sums []minuteSum
		for _, name := range []string{"a0", "a1", "a2", "b0", "b1", "c0", "x"} {
			if int(topology.Partition(name, len(w.partitions))) != id || rapid.Bool().Draw(t, "none") {
				continue
			}
			minute := boards.MinuteOf(w.now) + boards.Minute(rapid.IntRange(-80, 10).Draw(t, "minute"))
			s := minuteSum{name, minute, heat.Totals{Likes: rapid.Int64Range(-1, 1).Draw(t, "likes"), Clicks: heat.Uint128{Lo: rapid.Uint64Range(0, 3).Draw(t, "clicks")}, Behaviours: 1}, map[string]bool{}}
			var l codec.Leaders
			p.Leaders(&l)
			for i, b := range w.boards { // the last has two entries
				s.late[b.Definition().Name] = b.Late(b.Place(minute).Slot, l.Boards[i].AsOf)
			}
			sums = append(sums, s)
		}
		slices.SortFunc(sums, func(a, b minuteSum) int { return int(a.minute - b.minute) })
		h := codec.RangeHeader{Input: codec.TopicID{7}, Targets: int32(len(w.partitions)), Target: int32(id), From: p.to, To: p.to + 10, Limits: heat.DefaultLimits()}
		message, reached := codec.AppendRangeHeader(nil, h, len(sums)), h.Minute
		for _, s := range sums {
			if s.minute > reached {
				message, reached = codec.AppendMinute(message, s.minute-reached), s.minute
			}
			message = codec.AppendPageSum(message, s.page, &s.totals)
		}
		_, err := p.Apply(message, int64(len(p.counted)), nil)
		require.NoError(t, err)
		p.to, p.counted, p.messages = h.To, append(p.counted, sums), append(p.messages, message)
	}
}

// published compares a board with a recount of what its positions say was counted.
func (w *rankingWorld) published(t *rapid.T, made processors.Published) {
	if made.Value == nil {
		delete(w.output, made.Name)
		_, period, _ := strings.Cut(made.Name, "/")
		begins, err := time.Parse("2006-01-02T15", period)
		require.NoError(t, err)
		require.GreaterOrEqual(t, w.now.Sub(begins), 3*time.Hour, "a period is kept for so long after it began")
		return
	}
	got, err := codec.DecodeBoard(made.Value)
	require.NoError(t, err)
	require.Greater(t, got.Version, w.version)
	w.version = got.Version
	w.output[made.Name] = processors.Output{Value: made.Value, Positions: made.Positions, Version: got.Version}
	if made.Name == "all-time" {
		return
	}
	name, group, _ := strings.Cut(made.Name, "/")
	if got.Final {
		group = ""
	}
	at := slices.IndexFunc(w.boards, func(b *boards.Board) bool { return b.Definition().Name == name })
	b := w.boards[at]
	origin, err := codec.DecodeOrigin(made.Positions)
	require.NoError(t, err)
	asOf := boards.MinuteOf(got.AsOf)
	slot := b.Slot(asOf)
	if got.Final {
		_, period, _ := strings.Cut(made.Name, "/")
		require.Equal(t, period, got.Period)
		slot, _ = b.Period(period)
		require.Equal(t, b.Closes(slot), asOf)
		if before := w.finals[made.Name]; before != nil && !w.restarted {
			for i := range before.Pages { // by another owner, who did not know
				assert.Equal(t, before.Pages[i].Page, got.Pages[i].Page)
				assert.Equal(t, before.Pages[i].Heat, got.Pages[i].Heat)
			}
		}
		w.finals[made.Name] = got
	}
	require.GreaterOrEqual(t, asOf, w.asOf[made.Name], "T goes back")
	w.asOf[made.Name] = asOf
	if w.restarted && b.Definition().Kind == boards.Calendar {
		return
	}
	states, late := map[string]*boards.State{}, uint64(0)
	for p, position := range origin.Positions {
		for _, sums := range w.partitions[p].counted[:position.Next] {
			for _, s := range sums {
				if s.late[name] {
					late++
					if b.Definition().Kind == boards.Calendar {
						continue // on others, what was late is too old for any T since
					}
				}
				if states[s.page] == nil {
					states[s.page] = &boards.State{}
				}
				states[s.page].Add(b, b.Place(s.minute), &s.totals)
			}
		}
	}
	var names []string
	sums := map[string]boards.Sum{}
	for page, s := range states {
		if sum := s.Sum(b, slot); b.Qualifies(&sum) {
			sums[page], names = sum, append(names, page)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		a, c := sums[x], sums[y]
		if boards.Before(b.Score(&a), x, b.Score(&c), y) {
			return -1
		}
		return 1
	})
	names = chosenPages(b, group, names)
	assert.Equal(t, group, got.Group)
	require.Len(t, got.Pages, len(names), "%s as of %s", made.Name, asOf)
	for i, page := range names {
		sum := sums[page]
		shown := b.Show(&sum, asOf)
		assert.Equal(t, page, got.Pages[i].Page)
		assert.EqualValues(t, shown.Heat, got.Pages[i].Heat)
		assert.EqualValues(t, shown.Clicks, got.Pages[i].Clicks)
		assert.EqualValues(t, shown.Likes, got.Pages[i].Likes)
		assert.Equal(t, shown.Behaviours, got.Pages[i].Behaviours)
	}
	if !w.restarted {
		assert.Equal(t, late, got.Late)
	}
	assert.Equal(t, b.Definition().Kind.String(), got.Kind)
	require.False(t, t.Failed())
}

// chosenPages are those of a board, or of one of its groups, from all in their order.
func chosenPages(b *boards.Board, group string, names []string) []string {
	d := b.Definition()
	groups, choice, chosen := boards.NewGroups(d.MaxGroups), boards.NewPerGroup(d.MaxPerGroup), []string{}
	for _, page := range names {
		if of, ok := b.Group(page); ok {
			groups.Note(of)
		}
	}
	for _, page := range names {
		of, ok := b.Group(page)
		switch {
		case len(chosen) == d.Size:
		case group != "" && of == group && groups.Has(group), group == "" && choice.Take(of, ok):
			chosen = append(chosen, page)
		}
	}
	return chosen
}

// Every published board is a recount of its positions as of its T, whatever the clocks of the heat
// partitions show, whoever ranks; T and versions never go back; and when all have sent what they have,
// as of one T, the newest is published.
func TestFurtherBoardsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newRankingWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"count": w.count,
			"send":  func(t *rapid.T) { w.send(t, rapid.SampledFrom(w.partitions).Draw(t, "partition")) },
			"tick": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 1, 5, 12, 70}).Draw(t, "minutes")) * time.Minute)
			},
			"set a clock": func(t *rapid.T) {
				rapid.SampledFrom(w.partitions).Draw(t, "partition").skew = time.Duration(rapid.IntRange(-70, 4).Draw(t, "skew")) * time.Minute
			},
			"restart": func(t *rapid.T) {
				w.restarted = true
				rapid.SampledFrom(w.partitions).Draw(t, "partition").restart(t, w.now)
			},
			"commit": func(t *rapid.T) {
				p := rapid.SampledFrom(w.partitions).Draw(t, "partition")
				if c := p.Checkpoint(); c != nil {
					for more := true; more; {
						_, _, more = c.Next(nil)
					}
					c.Committed(1)
				}
			},
			"publish":   func(t *rapid.T) { w.take(t, []byte{byte(codec.FeedPublish)}) },
			"take over": w.takeOver,
		})
		w.now = w.now.Add(3 * time.Hour) // later than all clocks were
		for _, p := range w.partitions {
			p.skew = 0
			w.send(t, p)
		}
		w.take(t, []byte{byte(codec.FeedPublish)})
		for _, b := range w.boards {
			assert.Equal(t, b.AsOf(w.now), w.asOf[b.Definition().Name], b.Definition().Name)
		}
	})
}

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
	final := func(r *ranking, b *boards.Board, at time.Time) map[string]*codec.Board {
		d := b.Definition()
		sum := boards.Sum{At: b.Slot(boards.MinuteOf(at)), Behaviours: 1}
		r.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 2),
			Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: 1, Next: 1},
			Boards: []codec.BoardLeaders{{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(at), Final: true,
				Pages: codec.AppendBoardPage(nil, b, "a", &sum)}}})))
		return r.publish()
	}
	hour, day := calendar(boards.Hour), calendar(boards.Day)
	before := newRanking(t, 1, nil, hour)
	require.Contains(t, final(before, hour, noon), "now/2026-01-02T12")
	before.hear(hour, 0, 1, noon.Add(time.Hour), 2)
	before.publish()
	r := newRanking(t, 1, before, hour)
	assert.NotContains(t, final(r, hour, noon), "now/2026-01-02T12", "it is published")
	r = newRanking(t, 1, before, day)
	assert.Contains(t, final(r, day, noon), "now/2026-01-02")
}

// A period that one heat partition has given up, before the ranking has heard of it, does not hold up the final
// boards of later ones.
func TestFinalBoardsDoNotWaitForWhatIsGone(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	b := boardOf(t, boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour})
	d := b.Definition()
	r := newRanking(t, 2, nil, b)
	send := func(partition int32, asOf time.Time, closed ...time.Time) {
		l := &codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 2), Partition: partition,
			Progress: codec.Progress{Behavior: codec.TopicID{2}, Partitions: 2, Next: 1},
			Boards:   []codec.BoardLeaders{{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(asOf)}}}
		for _, begins := range closed {
			sum := boards.Sum{At: b.Slot(boards.MinuteOf(begins)), Behaviours: 1}
			l.Boards = append(l.Boards, codec.BoardLeaders{Name: d.Name, Hash: d.Hash(), AsOf: boards.MinuteOf(begins), Final: true,
				Pages: codec.AppendBoardPage(nil, b, fmt.Sprint("page", partition), &sum)})
		}
		r.take(codec.AppendHeard(nil, 1, codec.AppendLeaders(nil, l)))
	}
	send(0, noon, noon.Add(-25*time.Hour), noon.Add(-2*time.Hour))
	send(1, noon)
	assert.NotContains(t, r.publish(), "hour/2026-01-02T10", "it may still come")
	send(1, noon.Add(6*time.Minute), noon.Add(-2*time.Hour))
	made := r.publish()
	require.Contains(t, made, "hour/2026-01-02T10")
	assert.Len(t, made["hour/2026-01-02T10"].Pages, 2)
	assert.NotContains(t, made, "hour/2026-01-01T11")
}
