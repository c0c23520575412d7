package store_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
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
	counted, err := w.p.Apply(message, progress.Next, noReread(t))
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

// Every board has what a recount of all behaviours has, as of its T: whatever their order and their
// minutes, whenever T advances, and after a restore from any checkpoint.
func TestBoardsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newBoardsWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"apply": w.apply,
			"tick": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{-30, 1, 4, 20, 70, 200}).Draw(t, "minutes")) * time.Minute)
				w.advance()
			},
			"forget":         w.forgetPage,
			"write a record": func(*rapid.T) { w.checkpoint(false) },
			"commit":         func(*rapid.T) { w.checkpoint(true) },
			"crash":          func(t *rapid.T) { w.restore(t) },
			"":               func(t *rapid.T) { w.check(t) },
		})
	})
}

// With so many pages that most are far from the hottest, boards have what a recount has, too: while pages rise and
// fall, behaviours with a negative heat come and leave, some are early or late, and T advances by minutes and days.
func TestBoardsOfManyPagesAreExact(t *testing.T) {
	const pages, steps = 2500, 150
	w := newBoardsWorld(t)
	random := rand.New(rand.NewPCG(7, 8))
	for step := range steps {
		minutes := random.IntN(4)
		switch step % 30 {
		case 11:
			minutes = 35
		case 17:
			minutes = 70
		case 29:
			minutes = 24 * 60
		}
		w.now = w.now.Add(time.Duration(minutes) * time.Minute)
		if step%3 > 0 { // else leaders are asked for during the turn
			w.advance()
		}
		ago := []boards.Minute{0, 0, 0, 1, 5, 31, 100}[random.IntN(7)]
		n := []int{20, 300, pages}[random.IntN(3)]
		if step == 0 {
			n = pages
		}
		first := boards.MinuteOf(w.now) - ago + boards.Minute(random.IntN(2))
		h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: w.to, To: w.to + 2*pages, Minute: first, Limits: heat.DefaultLimits()}
		message := codec.AppendRangeHeader(nil, h, n)
		rise := uint64(random.IntN(pages)) // these have more clicks than others
		for i, page := range random.Perm(pages)[:n] {
			sum := heat.Totals{Likes: random.Int64N(3) - 1, Behaviours: 1}
			if random.IntN(3) > 0 {
				sum.Clicks.Lo = random.Uint64N(6)
			}
			if uint64(page)-rise < 40 {
				sum.Clicks.Lo += uint64(i%7) * 3
			}
			name := fmt.Sprintf("%c%04d", "abcd"[page%4], page)
			message = codec.AppendPageSum(message, name, &sum)
			c := counted{page: name, minute: first, totals: sum, late: map[string]bool{}}
			for _, b := range w.boards {
				c.late[b.Definition().Name] = b.Late(b.Place(first).Slot, w.asOf[b.Definition().Name])
			}
			w.counted = append(w.counted, c)
		}
		progress, _ := w.p.Progress()
		_, err := w.p.Apply(message, progress.Next, noReread(t))
		require.NoError(t, err)
		w.to = h.To
		if step%3 == 0 {
			var l codec.Leaders
			w.p.Leaders(&l)
			w.advance()
		}
		if step%5 == 4 || step%30 >= 28 || step%30 == 0 {
			w.check(t)
		}
		if step%40 == 39 {
			w.checkpoint(true)
			w.restore(t)
			w.check(t)
		}
	}
}

// A turn of many pages goes on in pieces, between which ranges are applied. The board has no leaders
// before its end; the others have.
func TestATurnInPieces(t *testing.T) {
	const pages = 5000
	hour := boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: time.Minute}
	trending := boards.Definition{Name: "trending", Kind: boards.Trending, HalfLife: 6 * time.Hour}
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	p := store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: boardsOf(t, hour, trending)})
	p.Begin(behavior(), 0)
	p.StartBoards()
	for more := true; more; {
		_, more = p.Advance(now)
	}
	to := int64(-1)
	count := func(minute boards.Minute, n int, clicks uint64) {
		h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: to, To: to + pages, Minute: minute, Limits: heat.DefaultLimits()}
		message := codec.AppendRangeHeader(nil, h, n)
		for i := range n {
			message = codec.AppendPageSum(message, fmt.Sprintf("page%04d", i), &heat.Totals{Clicks: heat.Uint128{Lo: clicks}, Behaviours: 1})
		}
		_, err := p.Apply(message, to+1, noReread(t))
		require.NoError(t, err)
		to = h.To
	}
	count(boards.MinuteOf(now), pages, 1)
	leaders := func() map[string][]codec.BoardLeader {
		var l codec.Leaders
		p.Leaders(&l)
		found := map[string][]codec.BoardLeader{}
		for _, b := range l.Boards {
			if b.Turning {
				assert.Empty(t, b.Pages)
				continue
			}
			var err error
			found[b.Name], err = codec.DecodeBoardPages(b.Pages, boardsOf(t, map[string]boards.Definition{"hour": hour, "trending": trending}[b.Name])[0])
			require.NoError(t, err)
		}
		return found
	}
	require.Len(t, leaders()["hour"], 10)

	now = now.Add(time.Hour) // all that was counted leaves the window
	calls, unsent := 0, 0
	for more := true; more; calls++ {
		_, more = p.Advance(now)
		if more {
			found := leaders()
			if len(found["hour"]) == 0 {
				unsent = calls + 1
			} else {
				assert.LessOrEqual(t, len(found["hour"]), 3, "only what was counted during the turn")
			}
			assert.Len(t, found["trending"], 10)
			count(boards.MinuteOf(now), 3-calls%2, 2)
		}
	}
	assert.Greater(t, unsent, 3)
	assert.Greater(t, calls, unsent+3, "the board does not wait until sums that have left are dropped")
	found := leaders()["hour"]
	require.Len(t, found, 3, "what was counted during the turn")
	assert.Equal(t, []string{"page0000", "page0001", "page0002"}, []string{found[0].Page, found[1].Page, found[2].Page})
}

// A board that is new to a table counts from then on; a board that is gone leaves nothing behind, even
// if it comes back. It does not matter whether the changelog still has the progress that knew it.
func TestBoardsThatComeAndGo(t *testing.T) {
	for _, compacted := range []bool{false, true} {
		t.Run(fmt.Sprintf("compacted=%t", compacted), func(t *testing.T) {
			testBoardsThatComeAndGo(t, compacted, boards.Definition{Name: "day", Kind: boards.Window, Window: 24 * time.Hour}, func(d *boards.Definition) { d.Window = 12 * time.Hour })
			testBoardsThatComeAndGo(t, compacted, boards.Definition{Name: "day", Kind: boards.Calendar, Period: boards.Day}, func(d *boards.Definition) { d.Period = boards.Week })
		})
	}
}

func testBoardsThatComeAndGo(t *testing.T, compacted bool, day boards.Definition, redefine func(d *boards.Definition)) {
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	var changelog []record
	to := int64(-1)
	session := func(page string, definitions ...boards.Definition) codec.Leaders {
		p := store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: boardsOf(t, definitions...)})
		restore(t, p, changelog...)
		p.Begin(behavior(), 0)
		p.StartBoards()
		p.Advance(now)
		h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: to, To: to + 10, Minute: boards.MinuteOf(now), Limits: heat.DefaultLimits()}
		_, err := p.Apply(codec.AppendPageSum(codec.AppendRangeHeader(nil, h, 1), page, &heat.Totals{Behaviours: 1}), to+1, noReread(t))
		require.NoError(t, err)
		to = h.To
		for _, r := range drain(t, p.Checkpoint(), 0) {
			if compacted {
				changelog = slices.DeleteFunc(changelog, func(o record) bool { return o.key == r.key })
			}
			changelog = append(changelog, r)
		}
		var l codec.Leaders
		p.Leaders(&l)
		return l
	}
	behaviours := func(l codec.Leaders) uint64 {
		found, err := codec.DecodeBoardPages(l.Boards[0].Pages, boardsOf(t, day)[0])
		require.NoError(t, err)
		return found[0].Sum.Behaviours
	}
	first := session("a", day)
	assert.EqualValues(t, 1, behaviours(first))
	assert.Empty(t, first.Boards[0].Since, "it counts from the beginning")
	assert.EqualValues(t, 2, behaviours(session("a", day)))
	assert.Empty(t, session("b").Boards)
	again := session("a", day)
	assert.EqualValues(t, 1, behaviours(again), "what was counted before it was gone is not taken up again")
	assert.Equal(t, []int64{30}, again.Boards[0].Since)
	shorter := day
	shorter.Size, shorter.Include = 1, []string{"a"}
	assert.EqualValues(t, 2, behaviours(session("a", shorter)), "a board that only chooses otherwise goes on")
	redefine(&shorter)
	assert.EqualValues(t, 1, behaviours(session("a", shorter)), "one that counts otherwise is another board")
}

// A turn that was not finished when the clock showed an earlier time is followed by the one to the later time.
func TestATurnAfterATurn(t *testing.T) {
	hour := boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: time.Minute}
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	p := store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: boardsOf(t, hour), TurnPages: 1})
	p.Begin(behavior(), 0)
	p.StartBoards()
	p.Advance(now)
	h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: -1, To: 9, Minute: boards.MinuteOf(now) + 30, Limits: heat.DefaultLimits()}
	message := codec.AppendRangeHeader(nil, h, 2)
	for _, page := range []string{"a", "b"} {
		message = codec.AppendPageSum(message, page, &heat.Totals{Behaviours: 1})
	}
	_, err := p.Apply(message, 0, noReread(t))
	require.NoError(t, err)
	_, more := p.Advance(now.Add(time.Hour))
	require.True(t, more)
	for later := now.Add(70 * time.Minute); more; {
		_, more = p.Advance(later)
	}
	require.Equal(t, boards.MinuteOf(now.Add(70*time.Minute)), p.BoardProgress()[0].AsOf)
}

// Final boards that are not made yet when leaders are sent are sent with later ones.
func TestFinalBoardsAreSentWhenTheyAreMade(t *testing.T) {
	hour := boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour}
	now := time.Date(2026, 1, 2, 13, 50, 0, 0, time.UTC)
	p := store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: boardsOf(t, hour), TurnPages: 1})
	p.Begin(behavior(), 0)
	p.StartBoards()
	p.Advance(now)
	h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: -1, To: 9, Minute: boards.MinuteOf(now), Limits: heat.DefaultLimits()}
	message := codec.AppendPageSum(codec.AppendRangeHeader(nil, h, 1), "a", &heat.Totals{Behaviours: 1})
	_, err := p.Apply(message, 0, noReread(t))
	require.NoError(t, err)
	last := boards.MinuteOf(now.Truncate(time.Hour))
	later, sent := now.Add(time.Hour), 0
	for more := true; more; {
		_, more = p.Advance(later)
		if c := p.Checkpoint(); c != nil {
			drain(t, c, 0)
		}
		var l codec.Leaders
		p.Leaders(&l)
		for _, b := range l.Boards {
			if b.Final && b.AsOf == last {
				sent++
			}
		}
	}
	var l codec.Leaders
	p.Leaders(&l)
	for _, b := range l.Boards {
		if b.Final && b.AsOf == last {
			sent++
		}
	}
	assert.Positive(t, sent)
}
