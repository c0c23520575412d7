package store_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// further are boards of all kinds.
func further(t require.TestingT) []*boards.Board {
	return boardsOf(t,
		boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: 5 * time.Minute, Size: 3},
		boards.Definition{Name: "trending", Kind: boards.Trending, HalfLife: 30 * time.Minute, Size: 3},
		boards.Definition{Name: "this-hour", Kind: boards.Calendar, Period: boards.Hour, Size: 3},
		boards.Definition{Name: "some", Kind: boards.Window, Window: 10 * time.Minute, Size: 2, Include: []string{"[ab].*"}, MinBehaviours: 2},
	)
}

func boardsOf(t require.TestingT, definitions ...boards.Definition) []*boards.Board {
	var made []*boards.Board
	for _, d := range definitions {
		b, err := boards.New(d)
		require.NoError(t, err)
		made = append(made, b)
	}
	return made
}

// counted is what was applied: behaviours of a page in a minute, and which boards it came too late for.
type counted struct {
	page      string
	minute    boards.Minute
	totals    heat.Totals
	late      map[string]bool
	forgotten bool
}

// boardsWorld is a partition with boards, its changelog, and what it should have counted.
type boardsWorld struct {
	boards  []*boards.Board
	p       *store.Partition
	now     time.Time
	to      int64
	counted []counted
	asOf    map[string]boards.Minute

	open      *store.Checkpoint
	atOpen    committed
	records   []record
	committed committed
	changelog map[string][]byte
	finals    map[string][]codec.BoardLeader // of all owners, by board and period
	closings  map[string]codec.Closing       // by board and period

	tallies map[*boards.Board]*tally // of counted
	forget  int64                    // offset of the next request to forget a page
	blocked map[string]bool
}

// tally is what the first behaviours come to for a board.
type tally struct {
	behaviours int
	late       uint64
	states     map[string]*boards.State
}

// committed is what the changelog should have.
type committed struct {
	to      int64
	counted []counted
	asOf    map[string]boards.Minute
	blocked map[string]bool

	closings map[string]codec.Closing
}

func newBoardsWorld(t require.TestingT) *boardsWorld {
	w := &boardsWorld{boards: further(t), now: time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC), changelog: map[string][]byte{}, finals: map[string][]codec.BoardLeader{}}
	w.committed = committed{to: -1}
	w.restore(t)
	return w
}

// restore makes a partition of what is committed, as a new owner does.
func (w *boardsWorld) restore(t require.TestingT) {
	w.open, w.records, w.tallies = nil, nil, map[*boards.Board]*tally{}
	w.to, w.counted = w.committed.to, slices.Clone(w.committed.counted)
	w.asOf = map[string]boards.Minute{}
	maps.Copy(w.asOf, w.committed.asOf)
	w.blocked = map[string]bool{}
	maps.Copy(w.blocked, w.committed.blocked)
	w.closings = map[string]codec.Closing{}
	maps.Copy(w.closings, w.committed.closings)
	w.p = store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: w.boards})
	var pages []record
	for key, value := range w.changelog {
		pages = append(pages, record{key, value})
	}
	// As in a compacted changelog, the progress comes last.
	slices.SortFunc(pages, func(a, b record) int {
		_, _, aInternal := codec.InternalKey(a.key)
		_, _, bInternal := codec.InternalKey(b.key)
		switch {
		case aInternal == bInternal:
			return cmp.Compare(a.key, b.key)
		case aInternal:
			return 1
		default:
			return -1
		}
	})
	restoreOwn(t, w.p, pages...)
	w.p.Begin(behavior(), 0)
	w.p.StartBoards()
	w.advance()
}

// advance brings the boards to now.
func (w *boardsWorld) advance() {
	for more := true; more; {
		_, more = w.p.Advance(w.now)
	}
	for _, b := range w.boards {
		name := b.Definition().Name
		before := w.asOf[name]
		w.asOf[name] = max(before, b.AsOf(w.now))
		w.closed(b, before, w.asOf[name])
	}
}

// closed notes what is counted now that T has closed periods of a board.
func (w *boardsWorld) closed(b *boards.Board, before, asOf boards.Minute) {
	if b.Definition().Kind != boards.Calendar {
		return
	}
	progress, _ := w.p.Progress()
	c := codec.Closing{AsOf: asOf, Counted: progress.Counted, Late: w.tally(b).late}
	if w.to >= 0 {
		c.To = []int64{w.to}
	}
	for period := max(b.First(before), b.Held(asOf)); period < b.First(asOf); period++ {
		w.closings[b.Definition().Name+"/"+b.PeriodName(period)] = c
	}
}

// apply applies a range of behaviours around now.
func (w *boardsWorld) apply(t *rapid.T) {
	first := boards.MinuteOf(w.now) - 130
	h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: w.to, To: w.to + 100, Minute: first, Limits: heat.DefaultLimits()}
	n := rapid.IntRange(1, 6).Draw(t, "sums")
	message, minute, blocked := codec.AppendRangeHeader(nil, h, n), first, 0
	pages := rapid.Permutation([]string{"a", "b", "aa", "c", "d", "e"}).Draw(t, "pages")
	for i := range n {
		later := rapid.SampledFrom([]boards.Minute{0, 1, 10, 40, 60, 100}).Draw(t, "later")
		if i == 0 {
			later = rapid.SampledFrom([]boards.Minute{0, 60, 110, 125, 130, 140}).Draw(t, "first")
		}
		if later > 0 {
			message, minute = codec.AppendMinute(message, later), minute+later
		}
		sum := heat.Totals{Clicks: heat.Uint128{Lo: rapid.Uint64Range(0, 5).Draw(t, "clicks")},
			Minutes: heat.Uint128{Lo: rapid.Uint64Range(0, 2e9).Draw(t, "minutes")}, Likes: rapid.Int64Range(-1, 1).Draw(t, "likes"), Behaviours: 1}
		message = codec.AppendPageSum(message, pages[i], &sum)
		if w.blocked[pages[i]] {
			blocked++
			continue
		}
		c := counted{page: pages[i], minute: minute, totals: sum, late: map[string]bool{}}
		for _, b := range w.boards {
			name := b.Definition().Name
			c.late[name] = b.Late(b.Place(minute).Slot, w.asOf[name])
		}
		w.counted = append(w.counted, c)
	}
	progress, _ := w.p.Progress()
	counted, err := w.p.Apply(message, progress.Next)
	require.NoError(t, err)
	require.EqualValues(t, n-blocked, counted)
	require.EqualValues(t, blocked, w.p.Applied().Blocked)
	w.to = h.To
}

// forgetPage has a page forgotten: nothing of it is on a board from then on, but what came too late stays counted as that.
func (w *boardsWorld) forgetPage(t *rapid.T) {
	if w.open != nil {
		return // it waits for the checkpoint
	}
	page, block := rapid.SampledFrom([]string{"a", "b", "aa", "c", "d", "e"}).Draw(t, "page"), rapid.IntRange(0, 3).Draw(t, "block") == 0
	r := &codec.Forget{ID: codec.RequestID{byte(w.forget), byte(w.forget >> 8)}, Hash: codec.HashPage(page), Block: block}
	if rapid.Bool().Draw(t, "named") {
		r.Page = page
	}
	require.NoError(t, w.p.Forget(r, codec.TopicID{9}, w.forget))
	w.forget++
	for i := range w.counted {
		w.counted[i].forgotten = w.counted[i].forgotten || w.counted[i].page == page
	}
	clear(w.tallies)
	if w.blocked[page] = block; !block {
		delete(w.blocked, page)
	}
	// Leaders are sent after the commit alone.
	if rapid.IntRange(0, 3).Draw(t, "crash before the commit") == 0 {
		w.restore(t)
		return
	}
	w.checkpoint(true)
	clear(w.finals)
	w.advance()
}

// checkpoint begins one, or hands out a record of the open one, or all that are left.
func (w *boardsWorld) checkpoint(all bool) {
	if w.open == nil {
		w.atOpen = committed{to: w.to, counted: slices.Clone(w.counted), asOf: maps.Clone(w.asOf), blocked: maps.Clone(w.blocked), closings: maps.Clone(w.closings)}
		if w.open = w.p.Checkpoint(); w.open == nil {
			return
		}
	}
	for {
		key, value, more := w.open.Next(nil)
		if !more {
			break
		}
		w.records = append(w.records, record{key, value})
		if !all {
			return
		}
	}
	w.open.Committed(1)
	for _, r := range w.records {
		w.changelog[r.key] = r.value
	}
	w.open, w.records, w.committed = nil, nil, w.atOpen
}

// check compares the leaders with a recount.
func (w *boardsWorld) check(t require.TestingT) {
	var l codec.Leaders
	w.p.Leaders(&l)
	finals := slices.Clone(l.Boards)
	l.Boards = slices.DeleteFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Final })
	for _, f := range slices.DeleteFunc(finals, func(b codec.BoardLeaders) bool { return !b.Final }) {
		w.checkFinal(t, &f)
	}
	require.Len(t, l.Boards, len(w.boards))
	for i, b := range w.boards {
		d, got := b.Definition(), l.Boards[i]
		asOf := w.asOf[d.Name]
		assert.Equal(t, d.Name, got.Name)
		assert.Equal(t, asOf, got.AsOf, d.Name)
		want, late := w.recount(b, b.Slot(asOf))
		assert.Equal(t, late, got.Late, d.Name)
		leaders, err := codec.DecodeBoardPages(got.Pages, b)
		require.NoError(t, err)
		require.Equal(t, want, append([]codec.BoardLeader{}, leaders...), "%s as of %s", d.Name, asOf)
	}
}

// recount counts the hottest pages as of a slot, and what was late.
func (w *boardsWorld) recount(b *boards.Board, at boards.Slot) (hottest []codec.BoardLeader, late uint64) {
	d, all := b.Definition(), w.tally(b)
	hottest = []codec.BoardLeader{}
	for page, s := range all.states {
		if sum := s.Sum(b, at); b.Qualifies(&sum) && b.Has(page) {
			hottest = append(hottest, codec.BoardLeader{Page: page, Sum: sum})
		}
	}
	slices.SortFunc(hottest, func(x, y codec.BoardLeader) int {
		if boards.Before(b.Score(&x.Sum), x.Page, b.Score(&y.Sum), y.Page) {
			return -1
		}
		return 1
	})
	return hottest[:min(len(hottest), d.Size)], all.late
}

// tally adds up the behaviours that have come since the last tally.
func (w *boardsWorld) tally(b *boards.Board) *tally {
	name, all := b.Definition().Name, w.tallies[b]
	if all == nil {
		all = &tally{states: map[string]*boards.State{}}
		w.tallies[b] = all
	}
	for _, c := range w.counted[all.behaviours:] {
		if c.late[name] {
			all.late += c.totals.Behaviours
			continue
		}
		if c.forgotten {
			continue
		}
		if all.states[c.page] == nil {
			all.states[c.page] = &boards.State{}
		}
		all.states[c.page].Add(b, b.Place(c.minute), &c.totals)
	}
	all.behaviours = len(w.counted)
	return all
}

// checkFinal compares a final board with a recount, and with what earlier owners sent.
func (w *boardsWorld) checkFinal(t require.TestingT, f *codec.BoardLeaders) {
	b := w.boards[slices.IndexFunc(w.boards, func(b *boards.Board) bool { return b.Definition().Name == f.Name })]
	period := b.Slot(f.AsOf)
	require.LessOrEqual(t, b.Closes(period), w.asOf[f.Name])
	got, err := codec.DecodeBoardPages(f.Pages, b)
	require.NoError(t, err)
	want, _ := w.recount(b, period)
	got = append([]codec.BoardLeader{}, got...)
	key := f.Name + "/" + b.PeriodName(period)
	require.Equal(t, want, got, key)
	require.NotNil(t, f.Closing, key)
	require.Equal(t, w.closings[key], *f.Closing, "%s was closed with other offsets", key)
	if before, known := w.finals[key]; known {
		require.Equal(t, before, got, "%s is not what it was", key)
	}
	w.finals[key] = got
}
