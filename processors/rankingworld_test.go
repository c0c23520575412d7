package processors_test

import (
	"maps"
	"math"
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
	closings map[boards.Slot]int // by hour, how many of them were counted when it was closed
}

// restart loses what is in memory, T included: nothing was committed. Then all is applied again.
func (p *heatPartition) restart(t *rapid.T, now time.Time) {
	p.Partition, p.closings = store.New(p.config), map[boards.Slot]int{}
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
	const hours = 2 // of the boards
	b, before := p.config.Boards[hours], p.BoardProgress()[hours].AsOf
	for more := true; more; {
		_, more = p.Advance(now.Add(p.skew))
	}
	asOf := p.BoardProgress()[hours].AsOf
	for hour := max(b.Held(asOf), b.First(before)); hour < b.First(asOf); hour++ {
		p.closings[hour] = len(p.counted)
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
	states, late, counted, offset := map[string]*boards.State{}, uint64(0), uint64(0), int64(math.MaxInt64)
	for p, position := range origin.Positions {
		ranges := position.Next
		if got.Final {
			ranges = int64(w.partitions[p].closings[slot])
		}
		offset = min(offset, 10*ranges)
		for _, sums := range w.partitions[p].counted[:ranges] {
			for _, s := range sums {
				counted += s.totals.Behaviours
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
	offsets, _ := got.Offsets.Get(0)
	require.Equal(t, offset, offsets, "offsets of %s as of %s", made.Name, asOf)
	require.Equal(t, counted, got.Counted, "counted of %s as of %s", made.Name, asOf)
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
