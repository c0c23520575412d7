package boards

import (
	"cmp"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// TestStatesAreStates: what is kept of many pages is what a State of each has, whatever is done.
func TestStatesAreStates(t *testing.T) {
	begins := starts(t)
	rapid.Check(t, func(t *rapid.T) {
		b, err := New(someDefinition(t, rapid.Bool().Draw(t, "capped")))
		require.NoError(t, err)
		asOf := b.AsOf(rapid.SampledFrom(begins).Draw(t, "start").Time())
		step := max(1, b.step, b.epoch)
		var all States
		var kept [5]Kept
		var states [5]State
		page := rapid.IntRange(0, len(kept)-1)
		add := func(t *rapid.T, i int, m Minute) {
			totals := someTotals(t)
			assert.Equal(t, states[i].Add(b, b.Place(m), &totals), all.Add(&kept[i], b, b.Place(m), &totals), "fresh")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				add(t, page.Draw(t, "page"), max(0, asOf+Minute(rapid.IntRange(-200, 20).Draw(t, "minute"))))
			},
			"add to many slots": func(t *rapid.T) {
				i := page.Draw(t, "page")
				for n := range Minute(rapid.IntRange(1, 70).Draw(t, "slots")) {
					totals := most(uint64(n)+1, 1)
					place := b.Place(max(0, asOf-n*step))
					assert.Equal(t, states[i].Add(b, place, &totals), all.Add(&kept[i], b, place, &totals), "fresh")
				}
			},
			"ask for the sum": func(t *rapid.T) {
				i, at := page.Draw(t, "page"), b.Slot(asOf+step*Minute(rapid.IntRange(0, 2).Draw(t, "later")))
				assert.Equal(t, states[i].Sum(b, at), all.Sum(&kept[i], b, at))
				assert.Equal(t, states[i].read(b, at), all.Sum(&kept[i], b, at))
			},
			"drop": func(t *rapid.T) {
				first := b.Slot(max(0, asOf+step*Minute(rapid.IntRange(-80, 5).Draw(t, "first"))))
				for i := range kept {
					assert.Equal(t, states[i].Drop(b, first), all.Drop(&kept[i], b, first))
				}
			},
			"clear": func(t *rapid.T) {
				i := page.Draw(t, "page")
				states[i] = State{}
				all.Clear(&kept[i])
			},
			"decode": func(t *rapid.T) {
				from, to := page.Draw(t, "from"), page.Draw(t, "to")
				encoded := states[from].Append(nil)
				rest, err := all.Decode(&kept[to], b, append(encoded, 7))
				require.NoError(t, err)
				assert.Equal(t, []byte{7}, rest)
				states[to], _, err = b.DecodeState(encoded)
				require.NoError(t, err)
			},
			"decode something else": func(t *rapid.T) {
				i := page.Draw(t, "page")
				_, err := all.Decode(&kept[i], b, append([]byte{wireVersion, 3}, 1, 0, 0))
				require.ErrorIs(t, err, ErrMalformed)
			},
			"": func(t *rapid.T) {
				at := b.Slot(asOf)
				for i := range kept {
					state := all.View(&kept[i])
					assert.Equal(t, states[i].Append(nil), state.Append(nil))
					assert.Equal(t, states[i].Len(), kept[i].Len())
					assert.Equal(t, states[i].Empty(), kept[i].Empty())
					assert.Zero(t, cmp.Compare(states[i].Bound(b, at), all.Bound(&kept[i], b, at)))
					assert.Equal(t, slices.Collect(states[i].Slots(b)), slices.Collect(all.Slots(&kept[i], b)))
				}
			},
		})
		for i := range kept {
			all.Clear(&kept[i])
			assert.Equal(t, Kept{}, kept[i])
		}
		assert.Zero(t, all.slab.held)
	})
}

// TestSumsAreRemembered: what is read again is what was written, of all fields.
func TestSumsAreRemembered(t *testing.T) {
	word := rapid.Uint64()
	rapid.Check(t, func(t *rapid.T) {
		var words [sumBytes / wordBytes]uint64
		for i := range words {
			words[i] = word.Draw(t, "word")
		}
		sum := Sum{
			At: Slot(words[0]), Behaviours: words[1], clicks: wide(words[2:5]), minutes: wide(words[5:8]), likes: wide(words[8:11]),
			capped: heat.NewScore(int64(words[11]), words[12]),
		}
		assert.EqualValues(t, sumBytes, unsafe.Sizeof(sum), "a field is missing")
		memory := make([]byte, sumBytes)
		sum.put(memory)
		var read Sum
		read.get(memory)
		assert.Equal(t, sum, read)
		assert.Equal(t, sum.At, sumAsOf(memory))
	})
}

// TestKeptIsSmall: there is one for each page of each board.
func TestKeptIsSmall(t *testing.T) {
	assert.EqualValues(t, 16, unsafe.Sizeof(Kept{}))
}

// TestUsualWorkOnStatesAllocatesNothing: as on a State.
func TestUsualWorkOnStatesAllocatesNothing(t *testing.T) {
	for _, d := range []Definition{lastDay, lastHour, trending, today, cappedDay} {
		b := newBoard(t, d)
		totals := most(1, 1)
		minute := b.AsOf(at(t, "2026-01-02T12:00:00Z").Time())
		place, slot := b.Place(minute), b.Slot(minute)
		var all States
		var kept [100]Kept
		for i := range kept {
			for n := range Minute(i) {
				all.Add(&kept[i], b, b.Place(minute-n*max(1, b.step, b.epoch)), &totals)
			}
		}
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			for i := range kept[1:] {
				k := &kept[i+1]
				all.Add(k, b, place, &totals)
				sum := all.Sum(k, b, slot)
				b.Score(&sum)
			}
		}), b.definition.String())
	}
}

// BenchmarkAddKept is BenchmarkAdd of what is kept of many pages.
func BenchmarkAddKept(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			board := newBoard(b, c.d)
			var all States
			var k Kept
			_, err := all.Decode(&k, board, grown(board, c.slots).Append(nil))
			require.NoError(b, err)
			totals := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Minutes: heat.Uint128{Lo: 1_511_912_200}, Likes: -1, Behaviours: 1}
			minute := Minute(29_455_920)
			place, slot := board.Place(minute), board.Slot(minute)
			b.ReportAllocs()
			for b.Loop() {
				all.Add(&k, board, place, &totals)
				sum := all.Sum(&k, board, slot)
				board.Score(&sum)
			}
		})
	}
}

// BenchmarkPages makes pages and reports what one takes: in memory, among many, and encoded.
func BenchmarkPages(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			board := newBoard(b, c.d)
			var s *State
			for b.Loop() {
				s = grown(board, c.slots)
			}
			var all States
			var k Kept
			encoded := s.Append(nil)
			_, err := all.Decode(&k, board, encoded)
			require.NoError(b, err)
			all.Sum(&k, board, board.Slot(29_455_920))
			memory := int(unsafe.Sizeof(k)) + cap(all.cells(&k))
			if k.sumChunk != 0 {
				memory += len(all.slab.bytes(k.sumSlot()))
			}
			b.ReportMetric(float64(memory), "B/page")
			b.ReportMetric(float64(len(encoded)), "encoded-B/page")
		})
	}
}
