package traffic

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

func visitors(t *testing.T, seed uint64) *Visitors {
	t.Helper()
	v, err := NewVisitors(VisitorsOptions{Pages: 100, Zipf: 0.7, Trend: 5000, Seed: seed,
		Name: func(page int) string { return "/t/" + strconv.Itoa(page) }})
	require.NoError(t, err)
	return v
}

// top returns the ten hottest pages so far.
func top(counts map[string]int) []string {
	pages := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	return pages[:10]
}

// TestVisitorsMoveTheBoard: at any time, not only at the start, ranks change within a minute at
// the demo's usual rate, and the hottest pages are far above the rest.
func TestVisitorsMoveTheBoard(t *testing.T) {
	const minute = 200 * 60
	for seed := range uint64(3) {
		counts := map[string]int{}
		likes := map[int]int{}
		before := []string{}
		moved := 0
		const minutes = 15
		i := 0
		for message := range visitors(t, seed).Messages() {
			b, refusal := codec.ParseBehaviour(message, heat.DefaultLimits())
			require.Nil(t, refusal, "%s", message)
			counts[string(b.Page)]++
			likes[int(b.Like)]++
			if i++; i%minute != 0 {
				continue
			}
			if now := top(counts); !slices.Equal(now, before) {
				moved++
				before = now
			}
			if i == minutes*minute {
				break
			}
		}
		assert.GreaterOrEqual(t, moved, minutes*2/3, "seed %d", seed)
		all := slices.Sorted(maps.Values(counts))
		assert.Greater(t, all[len(all)-1], 5*all[len(all)/2], "seed %d", seed)
		assert.Positive(t, likes[-1])
		assert.Greater(t, likes[1], likes[-1])
		assert.Greater(t, likes[0], likes[1])
	}
}

func TestVisitorsAreAlikeBySeed(t *testing.T) {
	some := func(seed uint64) (all string) {
		v := visitors(t, seed)
		for range 100 {
			all += string(v.Append(nil)) + "\n"
		}
		return all
	}
	first := some(1)
	assert.Equal(t, first, some(1))
	assert.NotEqual(t, first, some(2))
}

func TestVisitorsOptionsOutOfRange(t *testing.T) {
	good := VisitorsOptions{Pages: 1, Name: strconv.Itoa, Trend: 1}
	_, err := NewVisitors(good)
	require.NoError(t, err)
	for _, spoil := range []func(*VisitorsOptions){
		func(o *VisitorsOptions) { o.Pages = 0 }, func(o *VisitorsOptions) { o.Pages = MaxPages + 1 },
		func(o *VisitorsOptions) { o.Name = nil }, func(o *VisitorsOptions) { o.Trend = 0 },
		func(o *VisitorsOptions) { o.Zipf = -1 },
	} {
		o := good
		spoil(&o)
		_, err := NewVisitors(o)
		assert.Error(t, err)
	}
}
