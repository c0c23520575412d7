package processors_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/topology"
)

// combined is what the ranges of one target partition add up to.
type combined struct {
	to     int64
	totals map[codec.PageMinute]heat.Totals
	bytes  int // of the pages in the last range
}

// read adds a range, which has to follow the one before.
func (g *combined) read(t require.TestingT, msg []byte, target, targets int, want codec.RangeHeader) {
	r, err := codec.ReadRange(msg)
	require.NoError(t, err)
	want.From, want.Targets, want.Target, want.Minute = g.to, int32(targets), int32(target), r.Header.Minute
	require.Equal(t, want, r.Header)
	header := codec.AppendRangeHeader(nil, want, r.Pages)
	require.True(t, bytes.HasPrefix(msg, header))
	g.bytes = len(msg) - len(header)
	seen := map[codec.PageMinute]bool{}
	for minute := r.Header.Minute; ; minute = r.Minute {
		var totals heat.Totals
		page, err := r.Next(&totals)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.GreaterOrEqual(t, r.Minute, minute)
		of := codec.PageMinute{Page: string(page), Minute: r.Minute}
		require.False(t, seen[of], "page %q is twice in a minute of a range", page)
		seen[of] = true
		require.EqualValues(t, target, topology.Partition(page, targets))
		sum := g.totals[of]
		sum.Add(&totals)
		g.totals[of] = sum
	}
	g.to = want.To
}

// However the messages are spread over ranges, over targets and over minutes, the sums are the
// same; and each range begins where the one before ended.
func TestCombinerLosesNothingBetweenRanges(t *testing.T) {
	limits := heat.Limits{MaxClicks: 9, MaxMinutes: 60}
	rapid.Check(t, func(t *rapid.T) {
		targets := rapid.IntRange(1, 5).Draw(t, "targets")
		input := codec.TopicID{byte(rapid.IntRange(1, 9).Draw(t, "input"))}
		start := rapid.Int64Range(-1, 1<<40).Draw(t, "start")
		g := processors.NewCombiner(3, targets, limits)
		g.Start(input, start)
		ranges := make([]combined, targets)
		for i := range ranges {
			ranges[i] = combined{to: start, totals: map[codec.PageMinute]heat.Totals{}}
		}
		want := map[codec.PageMinute]heat.Totals{}
		to := start
		flush := func(lost bool) {
			bound := g.Bytes()
			var flushed [][]byte
			if lost {
				flushed = g.Lose(to)
			} else {
				flushed = g.Flush()
			}
			require.Len(t, flushed, targets)
			size := 0
			for i, r := range flushed {
				ranges[i].read(t, r, i, targets, codec.RangeHeader{Input: input, Partition: 3, To: to, Limits: limits, Lost: lost})
				size += ranges[i].bytes
			}
			require.LessOrEqual(t, size, bound)
			require.Zero(t, g.Bytes(), "nothing is left")
		}
		clean := true // nothing was added since the last flush
		t.Repeat(map[string]func(*rapid.T){
			"valid": func(t *rapid.T) {
				to += rapid.Int64Range(1, 3).Draw(t, "hole")
				b := heat.Behaviour{Page: []byte(rapid.SampledFrom([]string{"a", "b", "/t/cb8p5q", "ä", "page 7"}).Draw(t, "page")),
					Clicks:  rapid.Uint32Range(0, 9).Draw(t, "clicks"),
					Minutes: heat.Minutes(rapid.Int64Range(0, 60e9).Draw(t, "minutes")),
					Like:    rapid.Int8Range(-1, 1).Draw(t, "like")}
				message := codec.AppendBehaviour(nil, b)
				timestamp := rapid.SampledFrom([]int64{-1, 0, 59_999, 60_000, 119_999, 60_000 * 29_000_000, math.MaxInt64}).Draw(t, "timestamp")
				require.Nil(t, g.Add(to, timestamp, message))
				of := codec.PageMinute{Page: string(b.Page), Minute: boards.MinuteOfMillis(timestamp)}
				clear(message) // it is not kept
				sum := want[of]
				sum.Count(b)
				want[of] = sum
				clean = false
			},
			"invalid": func(t *rapid.T) {
				to += rapid.Int64Range(1, 3).Draw(t, "hole")
				require.NotNil(t, g.Add(to, 0, []byte(rapid.SampledFrom([]string{"", "a", "a|10|1|0", "a|1|61|0", "a|1|1|9"}).Draw(t, "message"))))
				clean = false
			},
			"flush": func(*rapid.T) { flush(false); clean = true },
			"lose": func(t *rapid.T) {
				if !clean {
					t.Skip() // it comes before the first message
				}
				to += rapid.Int64Range(1, 100).Draw(t, "lost")
				flush(true)
			},
		})
		flush(false)
		got := map[codec.PageMinute]heat.Totals{}
		for i := range ranges {
			require.Equal(t, to, ranges[i].to)
			for of, totals := range ranges[i].totals {
				require.NotContains(t, got, of)
				got[of] = totals
			}
		}
		require.Equal(t, want, got)
	})
}

// What the last session sent may still be on its way when the next one begins.
func TestCombinerStartsAgain(t *testing.T) {
	g := processors.NewCombiner(0, 1, heat.DefaultLimits())
	g.Start(codec.TopicID{1}, -1)
	require.Nil(t, g.Add(4, 0, []byte("old|1|1|1")))
	sent := g.Flush()[0]
	before := bytes.Clone(sent)
	require.Nil(t, g.Add(5, 60_000, []byte("dropped|1|1|1")))

	g.Start(codec.TopicID{2}, 1)
	require.Nil(t, g.Add(3, 60_000, []byte("new|2|1|1")))
	again := combined{to: 1, totals: map[codec.PageMinute]heat.Totals{}}
	again.read(t, g.Flush()[0], 0, 1, codec.RangeHeader{Input: codec.TopicID{2}, To: 3, Limits: heat.DefaultLimits()})
	require.Len(t, again.totals, 1)
	require.Contains(t, again.totals, codec.PageMinute{Page: "new", Minute: 1})
	require.Equal(t, before, sent, "the memory of what was sent is not used again")
}

func TestCombinerMarksAnEmptyInputPartition(t *testing.T) {
	g := processors.NewCombiner(2, 2, heat.DefaultLimits())
	g.Start(codec.TopicID{1}, -1)
	for target, msg := range g.Flush() {
		r, err := codec.ReadRange(msg)
		require.NoError(t, err)
		require.Equal(t, codec.RangeHeader{Input: codec.TopicID{1}, Partition: 2, Targets: 2, Target: int32(target), From: -1, To: -1, Limits: heat.DefaultLimits()}, r.Header)
		require.Zero(t, r.Pages)
	}
}
