package store_test

import (
	"fmt"
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
		_, err := w.p.Apply(message, progress.Next)
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
		_, err := p.Apply(message, to+1)
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
		_, err := p.Apply(codec.AppendPageSum(codec.AppendRangeHeader(nil, h, 1), page, &heat.Totals{Behaviours: 1}), to+1)
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
	_, err := p.Apply(message, 0)
	require.NoError(t, err)
	_, more := p.Advance(now.Add(time.Hour))
	require.True(t, more)
	for later := now.Add(70 * time.Minute); more; {
		_, more = p.Advance(later)
	}
	require.Equal(t, boards.MinuteOf(now.Add(70*time.Minute)), p.BoardProgress()[0].AsOf)
}

// Behaviours ahead of T, which on a board with steps of several minutes are most, change no score before the turn: until
// then the index need not go through their pages.
func TestBehavioursAheadDoNotTouchTheIndex(t *testing.T) {
	hour := boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: 5 * time.Minute}
	now := time.Date(2026, 1, 2, 13, 52, 0, 0, time.UTC)
	p := store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: boardsOf(t, hour)})
	p.Begin(behavior(), 0)
	p.StartBoards()
	p.Advance(now)
	to := int64(-1)
	apply := func(minute boards.Minute) {
		h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: to, To: to + 1, Minute: minute, Limits: heat.DefaultLimits()}
		message := codec.AppendPageSum(codec.AppendRangeHeader(nil, h, 1), "a", &heat.Totals{Behaviours: 1})
		_, err := p.Apply(message, to+1)
		require.NoError(t, err)
		to++
	}
	onBoard := func() bool {
		var l codec.Leaders
		p.Leaders(&l)
		return len(l.Boards[0].Pages) > 0
	}
	apply(boards.MinuteOf(now))
	require.Zero(t, p.Touched())
	require.False(t, onBoard())
	for more := true; more; {
		_, more = p.Advance(now.Add(3 * time.Minute))
	}
	require.True(t, onBoard())
	apply(boards.MinuteOf(now) - 10)
	require.Equal(t, 1, p.Touched())
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
	_, err := p.Apply(message, 0)
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
