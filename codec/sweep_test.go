package codec

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/heat"
)

// sweepFormats are the formats of dropped pages, and the versions of others with days.
func sweepFormats(input, behavior TopicID) []format {
	totals := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Likes: -1, Behaviours: 3}
	label := StampedLabel{Label{Title: "日 & <b>"}, Stamp{29_455_384 * 60_000, 300, 42}}
	return []format{
		{
			name:   "sweep",
			golden: "sweep-v1",
			value:  &Sweep{1 << 33, 300, 299, 20_454, 1_767_323_045_678, input, []int64{7, Unknown}, []int64{-1, Unknown, 1 << 40}},
			encode: func(v any) []byte { return AppendSweep(nil, v.(*Sweep)) },
			decode: func(b []byte) (any, error) { return DecodeSweep(b) },
			draw:   func(t *rapid.T) any { return drawSweep(t) },
		},
		{
			name:   "page state",
			golden: "page-state-v4",
			value:  pageWithStates{totals, &label, 20_454, []uint64{0, 7}},
			encode: func(v any) []byte { return v.(pageWithStates).append() },
			decode: func(b []byte) (any, error) { return readPageWithStates(b) },
			draw: func(t *rapid.T) any {
				p := pageWithStates{Totals: drawTotals(t), Day: max(1, drawDay(t))}
				if rapid.Bool().Draw(t, "labelled") {
					p.Label = drawLabel(t, drawPartition(t), drawOffset(t))
				}
				for range rapid.IntRange(0, 3).Draw(t, "boards") {
					p.Boards = append(p.Boards, rapid.Uint64().Draw(t, "board"))
				}
				return p
			},
		},
		{
			name:   "progress",
			golden: "progress-v7",
			value: Progress{input, behavior, 3, 77, 1 << 41, []int64{-1, Unknown, 1 << 40}, []int64{0, 0, 60}, []uint64{0, 0, 5}, []BoardProgress{
				{5, "trending", "ffeeddcc00112233", "board: trending\n", 1, 0, nil, []Closing{{AsOf: 7}}}}, 6, ForgetProgress{input, 9, 1 << 33},
				&DaysProgress{[]int64{5, Unknown}, 20_400, 20_454, true}},
			encode: func(v any) []byte { p := v.(Progress); return AppendProgress(nil, &p) },
			decode: func(b []byte) (any, error) { return DecodeProgress(b) },
			draw: func(t *rapid.T) any {
				p := drawProgress(t)
				p.Days = &DaysProgress{drawTo(t), drawDay(t), drawDay(t), rapid.Bool().Draw(t, "swept")}
				if rapid.Bool().Draw(t, "forgets") {
					p.Forget = ForgetProgress{drawTopicID(t), drawOffset(t), drawTaken(t)}
				}
				return p
			},
		},
	}
}

func drawDay(t *rapid.T) Day {
	return rapid.Map(rapid.Uint16(), func(u uint16) Day { return Day(u) }).Draw(t, "day")
}

func drawTo(t *rapid.T) (to []int64) {
	for range rapid.IntRange(0, 3).Draw(t, "inputs") {
		to = append(to, drawOffset(t)+Unknown)
	}
	return to
}

func drawSweep(t *rapid.T) *Sweep {
	of := rapid.Int32Range(1, math.MaxInt32).Draw(t, "partitions")
	return &Sweep{Number: drawTaken(t), Partitions: of, Partition: rapid.Int32Range(0, of-1).Draw(t, "partition"), Before: drawDay(t),
		SweptAt: rapid.Int64().Draw(t, "swept at"), Input: drawTopicID(t), From: drawTo(t), To: drawTo(t)}
}

func TestKeysOfSweeps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind, _, ok := InternalKey(drawSweep(t).Key())
		require.True(t, ok)
		require.Equal(t, KindSweep, kind)
	})
	for _, key := range []string{"|sweep|", "|sweep|3|3|1", "|sweep|3|0", "|sweep|3|0|65536", "|sweep|03|0|1", "|sweep|3|0|1|2"} {
		kind, _, ok := InternalKey(key)
		assert.True(t, ok, key)
		assert.Equal(t, KindUnknown, kind, key)
	}
}

func TestDays(t *testing.T) {
	for minute, want := range map[boards.Minute]string{0: "1970-01-02", 1440: "1970-01-02", 2 * 1440: "1970-01-03", 2*1440 - 1: "1970-01-02",
		boards.MinuteOf(time.Date(2026, 1, 2, 23, 59, 59, 0, time.UTC)): "2026-01-02", boards.MaxMinute: "2149-06-06"} {
		assert.Equal(t, want, DayOf(minute).String(), "minute %d", minute)
	}
}

// TestWhatASweepDrops: a behaviour keeps its page if its day is known and not too far back.
func TestWhatASweepDrops(t *testing.T) {
	s := Sweep{Before: 100, Input: TopicID{1}, From: []int64{5}, To: []int64{9, -1}}
	for _, c := range []struct {
		partition       int32
		offset          int64
		day             Day
		covered, spared bool
	}{
		{0, 5, 200, true, false}, {0, 6, 99, true, false}, {0, 6, 100, true, true}, {0, 9, 200, true, true}, {0, 10, 99, false, false},
		{1, 0, 99, false, false}, {2, 0, 99, false, false},
	} {
		assert.Equal(t, c.covered, s.Covers(TopicID{1}, c.partition, c.offset), "%+v", c)
		if c.covered {
			assert.Equal(t, c.spared, s.Spares(c.partition, c.offset, c.day), "%+v", c)
		}
	}
	assert.False(t, s.Covers(TopicID{2}, 0, 5), "it is another input")
}
