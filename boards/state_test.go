package boards

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// The boards of the benchmarks and of the extremes.
var (
	lastDay   = Definition{Kind: Window, Window: 24 * time.Hour, Step: 5 * time.Minute}
	lastHour  = Definition{Kind: Window, Window: time.Hour, Step: time.Minute}
	trending  = Definition{Kind: Trending, HalfLife: 6 * time.Hour}
	today     = Definition{Kind: Calendar, Period: Day}
	cappedDay = Definition{Kind: Window, Window: 24 * time.Hour, Step: 5 * time.Minute, MaxPerStep: "3"}
)

// most returns the totals of behaviours that each have the most that a behaviour may have.
func most(behaviours uint64, like int64) heat.Totals {
	times := func(each uint64) heat.Uint128 {
		n := new(big.Int).SetUint64(behaviours)
		n.Mul(n, new(big.Int).SetUint64(each))
		return heat.Uint128{Hi: new(big.Int).Rsh(n, 64).Uint64(), Lo: n.Uint64()}
	}
	return heat.Totals{
		Clicks: times(heat.MostClicks), Minutes: times(heat.MostMinutes * 1_000_000_000),
		Likes: like * int64(behaviours), Behaviours: behaviours,
	}
}

// TestExtremes: the bounds of the package comment are reached, and nothing overflows. 64 epochs are full,
// which is more than one page can have.
func TestExtremes(t *testing.T) {
	for _, weight := range []string{"100", "-100"} {
		for _, like := range []int64{1, -1} {
			d := trending
			d.HalfLife = MaxHalfLife
			d.Scorer, _ = heat.NewWeights(weight, weight, weight)
			b := newBoard(t, d)
			var s State
			exact := map[string]*big.Int{"clicks": {}, "minutes": {}, "likes": {}}
			full := most(maxBehaviours, like)
			last := b.epoch*halfLives - 1 // the last minute of the last epoch
			for e := range Minute(halfLives) {
				place := b.Place(last - e*b.epoch)
				s.Add(b, place, &full)
				for name, sum := range map[string]*big.Int{"clicks": bigOf128(full.Clicks), "minutes": bigOf128(full.Minutes), "likes": big.NewInt(full.Likes)} {
					sum.Mul(sum, new(big.Int).SetUint64(place.rate))
					assert.Less(t, sum.BitLen(), 129)
					exact[name].Add(exact[name], sum.Lsh(sum, uint(63-e)))
				}
			}
			sum := s.Sum(b, b.Slot(last))
			assert.Equal(t, exact["clicks"], sum.clicks.int(false))
			assert.Equal(t, exact["minutes"], sum.minutes.int(false))
			assert.Equal(t, exact["likes"], sum.likes.int(true))
			score := new(big.Int)
			unit := big.NewInt(100_000_000)
			if weight == "-100" {
				unit.Neg(unit)
			}
			for name, scale := range map[string]int64{"clicks": 1_000_000_000, "minutes": 1, "likes": 1_000_000_000} {
				part := new(big.Int).Mul(exact[name], unit)
				score.Add(score, part.Mul(part, big.NewInt(scale)))
			}
			assert.Equal(t, score, b.decayed(&sum).int())
			assert.Less(t, score.BitLen(), 230)
			// Scores of other epochs are compared as well.
			assert.Equal(t, -score.Sign(), Score{}.Cmp(b.Score(&sum)))
		}
	}
}

// TestFullSlotsAreDecoded: what is allowed to be counted is allowed to be read.
func TestFullSlotsAreDecoded(t *testing.T) {
	for _, d := range []Definition{lastDay, trending, today, cappedDay} {
		for _, like := range []int64{1, -1} {
			b := newBoard(t, d)
			var s State
			full := most(maxBehaviours, like)
			m := at(t, "2026-01-02T11:59:00Z")
			for i := range Minute(3) {
				s.Add(b, b.Place(m-i*24*60), &full)
			}
			encoded := s.Append(nil)
			decoded, rest, err := b.DecodeState(encoded)
			require.NoError(t, err)
			assert.Empty(t, rest)
			assert.Equal(t, encoded, decoded.Append(nil))
			sum := decoded.Sum(b, b.Slot(m))
			read, _, err := b.DecodeSum(b.AppendSum(nil, &sum))
			require.NoError(t, err)
			assert.Equal(t, sum, read)
			// And one more is not.
			over := most(maxBehaviours+1, like)
			s = State{}
			s.Add(b, b.Place(m), &over)
			_, _, err = b.DecodeState(s.Append(nil))
			assert.ErrorContains(t, err, "behaviours in a slot")
		}
	}
}

// TestLate: behaviours of a slot that has left, of 64 half-lives ago, of a closed period.
func TestLate(t *testing.T) {
	for _, c := range []struct {
		d                 Definition
		asOf, late, taken string
	}{
		{lastDay, "2026-01-02T12:00:00Z", "2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z"},
		{trending, "2026-01-17T00:00:00Z", "2026-01-01T05:59:00Z", "2026-01-01T06:00:00Z"},
		{today, "2026-01-02T00:59:00Z", "2025-12-31T23:59:00Z", "2026-01-01T00:00:00Z"},
		{today, "2026-01-02T01:00:00Z", "2026-01-01T23:59:00Z", "2026-01-02T00:00:00Z"},
		{Definition{Kind: Calendar, Period: Hour}, "2026-01-02T01:05:00Z", "2026-01-02T00:59:00Z", "2026-01-02T01:00:00Z"},
		{lastHour, "1970-01-01T00:00:00Z", "", "1970-01-01T00:00:00Z"},
	} {
		b := newBoard(t, c.d)
		asOf := at(t, c.asOf)
		if c.late != "" {
			assert.True(t, b.Late(b.Place(at(t, c.late)).Slot, asOf), c)
		}
		assert.False(t, b.Late(b.Place(at(t, c.taken)).Slot, asOf), c)
	}
	b := newBoard(t, today)
	period, ok := b.Period("2026-01-01")
	require.True(t, ok)
	assert.Equal(t, "2026-01-02T01:00:00Z", b.Closes(period).String())
	assert.Equal(t, "2026-01-01", b.PeriodName(period))
}

// TestT is cut to the step of a window, and to the minute on other boards.
func TestT(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 59, 999, time.UTC)
	assert.Equal(t, "2026-01-02T15:00:00Z", newBoard(t, lastDay).AsOf(now).String())
	assert.Equal(t, "2026-01-02T15:04:00Z", newBoard(t, trending).AsOf(now).String())
	assert.Equal(t, "2026-01-02T15:04:00Z", newBoard(t, today).AsOf(now).String())
	assert.Equal(t, "2026-01-02T15:05:00Z", newBoard(t, lastDay).After(MinuteOf(now)).String())
	assert.Equal(t, "2026-01-02T15:05:00Z", newBoard(t, trending).After(MinuteOf(now)).String())
	assert.Equal(t, "2026-01-02T15:05:00Z", newBoard(t, today).After(MinuteOf(now)).String())
	assert.Equal(t, Minute(0), MinuteOfMillis(-1), "a record without a timestamp")
	assert.Equal(t, MaxMinute, MinuteOfMillis(1<<62))
	assert.Equal(t, "9998-12-31T23:59:00Z", MaxMinute.String())
}

// TestHoldersKnowWhatChanges: of pages with behaviours anywhere, a turn visits all whose sum changes.
func TestHoldersKnowWhatChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := New(someDefinition(t, rapid.Bool().Draw(t, "capped")))
		require.NoError(t, err)
		reach := 66 * max(b.step*Minute(b.slots)/66+1, b.epoch, 60)
		pages := make([]State, 8)
		var holders Holders[int]
		begin := Minute(28_000_000)
		for range rapid.IntRange(0, 30).Draw(t, "visits") {
			page := rapid.IntRange(0, len(pages)-1).Draw(t, "page")
			totals := someTotals(t)
			place := b.Place(begin + Minute(rapid.IntRange(0, int(2*reach)).Draw(t, "minute")))
			if pages[page].Add(b, place, &totals) {
				holders.Note(place.Slot, page)
			}
		}
		var restored Holders[int]
		for i := range pages {
			for s := range pages[i].Slots(b) {
				restored.Note(s, i)
			}
		}
		from := b.Slot(begin + Minute(rapid.IntRange(0, int(2*reach)).Draw(t, "from")))
		to := from + Slot(rapid.IntRange(0, 70).Draw(t, "slots"))
		most := rapid.IntRange(0, 3).Draw(t, "most")
		for _, h := range []*Holders[int]{&holders, &restored} {
			visited := map[int]bool{}
			for piece := range h.Turn(b, from, to, most) {
				require.LessOrEqual(t, len(piece), max(most, 1))
				for _, page := range piece {
					visited[page] = true
				}
			}
			for i := range pages {
				before, after := pages[i].Sum(b, from), pages[i].Sum(b, to)
				if b.epoch > 0 {
					if b.Score(&before).Cmp(b.Score(&after)) != 0 || before.Behaviours != after.Behaviours {
						assert.True(t, visited[i], "page %d", i)
					}
					continue
				}
				after.At = before.At
				if before != after {
					assert.True(t, visited[i], "page %d", i)
				}
			}
		}
		first := from - b.slots + 1
		holders.Drop(first)
		for i := range pages {
			pages[i].Drop(b, first)
			for s := range pages[i].Slots(b) {
				require.GreaterOrEqual(t, s, first)
				assert.Positive(t, holders.Len(s))
			}
		}
		assert.Zero(t, holders.Len(first-1))
	})
}

func TestAPieceEndsATurn(t *testing.T) {
	b := newBoard(t, lastHour)
	var holders Holders[string]
	for _, page := range []string{"a", "b", "c"} {
		holders.Note(5, page)
	}
	for piece := range holders.Turn(b, 4, 5, 2) {
		assert.Equal(t, []string{"a", "b"}, piece)
		break
	}
}

// TestGoldenStates: states and sums never change: they are what tables of earlier versions have.
func TestGoldenStates(t *testing.T) {
	for name, c := range map[string]struct {
		d          Definition
		state, sum string
	}{
		"window": {lastDay, "0114f0c8e7020588e6f7d0050101530380e59a770404", "01f0c8e702050888cb92c80602"},
		"trending": {trending, "01369dff04a591839bb1bf0288a8d6d6e0e4d792e3e702c1a081bee07f01" +
			"00df939dcedcaa0180a9a58e8083e0f8ff34d4efa6e8d0e30104",
			"019eff04058080808080808080a0caed88e1afca01808080808080808080a4bef4ae90f3c3c791c101ffffffffffffffffffabf4f684fc06"},
		"calendar": {today, "010bea9f010888cb92c8060205", "01ea9f01050888cb92c80602"},
		"capped":   {cappedDay, "0114f0c8e7020588e6f7d0050101530380e59a770404", "01f0c8e702050888cb92c806028080b8cafbbda815"},
	} {
		b := newBoard(t, c.d)
		m := at(t, "2026-01-02T11:59:00Z")
		var s State
		s.Add(b, b.Place(m), &heat.Totals{Clicks: heat.Uint128{Lo: 5}, Minutes: heat.Uint128{Lo: 1_511_912_200}, Likes: -1, Behaviours: 1})
		s.Add(b, b.Place(m-7*60), &heat.Totals{Clicks: heat.Uint128{Lo: 3}, Minutes: heat.Uint128{Lo: 250_000_000}, Likes: 2, Behaviours: 4})
		sum := s.Sum(b, b.Slot(m+1))
		assert.Equal(t, c.state, hex.EncodeToString(s.Append(nil)), name)
		assert.Equal(t, c.sum, hex.EncodeToString(b.AppendSum(nil, &sum)), name)
	}
}

func TestMalformedStates(t *testing.T) {
	window, capped := newBoard(t, lastDay), newBoard(t, Definition{Kind: Calendar, Period: Day, MaxPerStep: "1"})
	for name, c := range map[string]struct {
		b    *Board
		hex  string
		want string
	}{
		"empty":          {window, "", "it is empty"},
		"version":        {window, "0200", "format version 2, this program reads version 1"},
		"no size":        {window, "01", "size: cut off"},
		"too short":      {window, "010605", "a size of 6 bytes, and there are 1"},
		"huge size":      {window, "01ffffffffffffffffff01", "a size of 18446744073709551615 bytes"},
		"cut off":        {window, "01020501", "minutes: cut off"},
		"no behaviours":  {window, "01050500000000", "0 behaviours in a slot"},
		"clicks":         {window, "010705c1843d000001", "impossible clicks of 1 behaviours"},
		"minutes":        {window, "010a050081c0e6b8f429" + "0001", "impossible minutes of 1 behaviours"},
		"likes":          {window, "01050500000401", "impossible likes of 1 behaviours"},
		"dislikes":       {window, "01050500000301", "impossible likes of 1 behaviours"},
		"not shortest":   {window, "0106850000000001", "slot: not in its shortest form"},
		"order":          {window, "010a0500000001" + "0500000001", "a slot below 0"},
		"below 0":        {window, "0114" + "0200000001" + "0000000001" + "0000000001" + "0000000001", "a slot below 0"},
		"far slot":       {window, "010a8080808080100000" + "0001", "out of range"},
		"192 bits":       {window, "011c" + strings.Repeat("ff", 27) + "0f", "slot: more than 192 bits"},
		"128 bits":       {window, "0117ffffffffffffffffffffffffffffffffffffffffffff01", "slot: more than 128 bits"},
		"64 bits":        {window, "010bffffffffffffffffff7f01", "slot: more than 64 bits"},
		"capped is wide": {capped, "010effffffffffffffffff0100000001", "out of range"},
	} {
		raw, err := hex.DecodeString(c.hex)
		require.NoError(t, err)
		_, _, err = c.b.DecodeState(raw)
		if assert.ErrorContains(t, err, c.want, name) {
			assert.ErrorContains(t, err, "of a page on board b", name)
		}
		if name == "version" {
			assert.ErrorIs(t, err, ErrVersion)
		} else {
			assert.ErrorIs(t, err, ErrMalformed)
		}
	}
}

// TestSumsAreOfWhatWasNotDropped: a state is as one that was read, also where it remembers a sum.
func TestSumsAreOfWhatWasNotDropped(t *testing.T) {
	for _, d := range []Definition{lastHour, trending, cappedDay} {
		b := newBoard(t, d)
		slot := b.Slot(29_455_920)
		s := grown(b, 60)
		require.NotNil(t, s.memo)
		require.True(t, s.Drop(b, slot-20))
		require.NotNil(t, s.memo)
		assert.False(t, s.Drop(b, slot-20))
		sum := s.Sum(b, slot)
		assert.Equal(t, uint64(21), sum.Behaviours)
		assert.Equal(t, s.read(b, slot), sum)
		s.Drop(b, slot+1)
		assert.Equal(t, State{}, *s)
		assert.True(t, s.Empty())
	}
}

// TestNumbers of all lengths are read as they were written, by both readers.
func TestNumbers(t *testing.T) {
	b := newBoard(t, lastDay)
	rapid.Check(t, func(t *rapid.T) {
		shift := rapid.IntRange(0, 127).Draw(t, "shift")
		n := heat.Uint128{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		w := words{n.Lo, n.Hi}.shiftedDown(uint64(shift))
		n = heat.Uint128{Hi: w[1], Lo: w[0]}
		written := appendNumber(nil, n)
		read, size := number(append(written, 0x81))
		assert.Equal(t, n, read)
		assert.Equal(t, len(written), size)
		r := b.reader("test", append([]byte{wireVersion}, written...))
		assert.Equal(t, n, r.number("number"))
		assert.NoError(t, r.err)
		assert.Equal(t, n, unzigzag(zigzag(n)))
		assert.Equal(t, widen(n), unzigzagWide(zigzagWide(widen(n))))
	})
}

// TestDecimalsAreRoundedHalfToEven: ties occur, since factors of a trending board may be 1.
func TestDecimalsAreRoundedHalfToEven(t *testing.T) {
	for tenths, want := range map[int64]string{
		5: "0", -5: "0", 15: "0.0000000002", -15: "-0.0000000002", 25: "0.0000000002", 26: "0.0000000003", 24: "0.0000000002", 1e11: "1", 0: "0",
	} {
		n := new(big.Int).Lsh(big.NewInt(tenths), shownBits)
		assert.Equal(t, want, decimal(n, 11), tenths)
	}
}

// FuzzDecode: what is decoded is encoded to the same bytes, and can be counted with.
func FuzzDecode(f *testing.F) {
	all := []*Board{newBoard(f, lastDay), newBoard(f, trending), newBoard(f, today), newBoard(f, cappedDay),
		newBoard(f, Definition{Kind: Calendar, Period: Hour, MaxPerStep: "1"})}
	for i, b := range all {
		var s State
		for _, m := range []Minute{28_000_000, 28_000_100, 28_100_000} {
			totals := most(uint64(m), 1)
			s.Add(b, b.Place(m), &totals)
		}
		sum := s.Sum(b, b.Slot(28_000_100))
		f.Add(i, s.Append(nil))
		f.Add(i, b.AppendSum(nil, &sum))
	}
	f.Fuzz(func(t *testing.T, which int, raw []byte) {
		b := all[uint(which)%uint(len(all))]
		if s, rest, err := b.DecodeState(raw); err == nil {
			again := append(s.Append(nil), rest...)
			assert.Equal(t, raw, again)
			slots := slices.Collect(s.Slots(b))
			assert.True(t, slices.IsSortedFunc(slots, func(a, b Slot) int { return int(b - a) }))
			for _, slot := range slots {
				sum := s.Sum(b, slot)
				b.Score(&sum)
				b.Show(&sum, 0)
				assert.Equal(t, sum, s.read(b, slot))
			}
			totals := most(1, 1)
			s.Add(b, b.Place(28_000_000), &totals)
			s.Drop(b, 0)
		}
		if sum, rest, err := b.DecodeSum(raw); err == nil {
			assert.Equal(t, raw, append(b.AppendSum(nil, &sum), rest...))
			b.Score(&sum)
			b.Show(&sum, 0)
		}
	})
}

// TestUsualWorkAllocatesNothing: adding to a page's newest slot, asking for its sum and its score.
func TestUsualWorkAllocatesNothing(t *testing.T) {
	for _, d := range []Definition{lastDay, lastHour, trending, today, cappedDay} {
		b := newBoard(t, d)
		s := grown(b, 12)
		totals := most(1, 1)
		minute := b.AsOf(at(t, "2026-01-02T12:00:00Z").Time())
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			s.Add(b, b.Place(minute), &totals)
			sum := s.Sum(b, b.Slot(minute))
			b.Score(&sum)
		}), b.definition.String())
	}
}

// grown returns a page with behaviours in so many slots up to 2026-01-02T12:00Z.
func grown(b *Board, slots int) *State {
	var s State
	minute := Minute(29_455_920)
	for i := range Minute(slots) {
		totals := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Minutes: heat.Uint128{Lo: 1_511_912_200}, Likes: -1, Behaviours: 1}
		s.Add(b, b.Place(minute-i*max(b.step, b.epoch)), &totals)
	}
	s.Sum(b, b.Slot(minute))
	return &s
}

var benchmarked = []struct {
	name  string
	d     Definition
	slots int
}{
	{"last-hour/1", lastHour, 1}, {"last-hour/60", lastHour, 60}, {"last-24h/1", lastDay, 1}, {"last-24h/288", lastDay, 288},
	{"trending/1", trending, 1}, {"trending/64", trending, 64}, {"today/1", today, 1}, {"last-24h-capped/288", cappedDay, 288},
}

// BenchmarkAdd adds to the newest slot of a page with behaviours in so many, and asks for its score.
func BenchmarkAdd(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			board := newBoard(b, c.d)
			s := grown(board, c.slots)
			totals := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Minutes: heat.Uint128{Lo: 1_511_912_200}, Likes: -1, Behaviours: 1}
			minute := Minute(29_455_920)
			place, slot := board.Place(minute), board.Slot(minute)
			b.ReportAllocs()
			for b.Loop() {
				s.Add(board, place, &totals)
				sum := s.Sum(board, slot)
				board.Score(&sum)
			}
		})
	}
}

// BenchmarkAdvance asks for a sum as of alternating slots: all cells are read, as when T advances.
func BenchmarkAdvance(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			board := newBoard(b, c.d)
			s := grown(board, c.slots)
			slot := board.Slot(29_455_920)
			b.ReportAllocs()
			i := Slot(0)
			for b.Loop() {
				i++
				sum := s.Sum(board, slot+i&1)
				board.Score(&sum)
			}
		})
	}
}

// BenchmarkShow makes the decimals of a page on a board.
func BenchmarkShow(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			board := newBoard(b, c.d)
			sum := grown(board, c.slots).Sum(board, board.Slot(29_455_920))
			for b.Loop() {
				board.Show(&sum, 29_455_921)
			}
		})
	}
}

func ExampleBoard() {
	b, err := New(Definition{Name: "trending", Kind: Trending, HalfLife: 6 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	var page State
	visit := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Likes: 1, Behaviours: 1}
	six, noon := time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	asOf := b.AsOf(noon)
	for _, when := range []time.Time{six, noon} {
		if place := b.Place(MinuteOf(when)); !b.Late(place.Slot, asOf) {
			page.Add(b, place, &visit)
		}
	}
	sum := page.Sum(b, b.Slot(asOf))
	fmt.Println(b.Show(&sum, asOf).Clicks)
	fmt.Println(b.Show(&sum, asOf+180).Clicks)
	// Output:
	// 7.5
	// 5.3033008589
}
