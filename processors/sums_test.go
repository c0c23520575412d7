package processors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// The sums grow with the pages of a range and shrink after it, and stay right.
func TestSumsOfManyPagesThenFew(t *testing.T) {
	const targets = 3
	g := processors.NewCombiner(0, targets, heat.DefaultLimits())
	g.Start(codec.TopicID{1}, -1)
	ranges := make([]combined, targets)
	for i := range ranges {
		ranges[i].to = -1
	}
	offset := int64(-1)
	for round, pages := range []int{1, 5_000, 40_000, 3, 0, 3, 3, 3, 700, 1} {
		for range 2 {
			for p := range pages {
				offset++
				require.Nil(t, g.Add(offset, 0, fmt.Appendf(nil, "page%d|%d|0.5|1", p, p%7)))
			}
		}
		bound, size, found := g.Bytes(), 0, 0
		for target, msg := range g.Flush() {
			r := &ranges[target]
			r.totals = map[codec.PageMinute]heat.Totals{}
			r.read(t, msg, target, targets, codec.RangeHeader{Input: codec.TopicID{1}, To: offset, Limits: heat.DefaultLimits()})
			size += r.bytes
			found += len(r.totals)
			for p := range pages {
				totals, ok := r.totals[codec.PageMinute{Page: fmt.Sprintf("page%d", p)}]
				if !ok {
					continue
				}
				want := heat.Totals{Clicks: heat.Uint128{Lo: uint64(2 * (p % 7))}, Minutes: heat.Uint128{Lo: 1_000_000_000}, Likes: 2, Behaviours: 2}
				require.Equal(t, want, totals)
			}
		}
		require.Equal(t, pages, found, "round %d", round)
		require.LessOrEqual(t, size, bound, "round %d", round)
	}
}

func TestBytesBoundsLongNames(t *testing.T) {
	g := processors.NewCombiner(0, 1, heat.DefaultLimits())
	g.Start(codec.TopicID{1}, -1)
	for p := range 10 {
		require.Nil(t, g.Add(int64(p), 0, fmt.Appendf(nil, "%d%s|1|1|1", p, strings.Repeat("x", codec.MaxPageBytes-1))))
	}
	bound := g.Bytes()
	r := combined{to: -1, totals: map[codec.PageMinute]heat.Totals{}}
	r.read(t, g.Flush()[0], 0, 1, codec.RangeHeader{Input: codec.TopicID{1}, To: 9, Limits: heat.DefaultLimits()})
	require.Greater(t, r.bytes, 10*codec.MaxPageBytes)
	require.LessOrEqual(t, r.bytes, bound)
}
