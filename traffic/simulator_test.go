package traffic

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

func simulator(t *testing.T, o Options) *Simulator {
	t.Helper()
	s, err := NewSimulator(o)
	require.NoError(t, err)
	return s
}

// assertUniform checks counts by Pearson's test against a bound that an honest
// die passes in all but about one of a million runs (and the seeds are fixed).
func assertUniform(t *testing.T, what string, counts map[int]int, values int) {
	t.Helper()
	require.Len(t, counts, values, what)
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(values)
	var chi float64
	for _, n := range counts {
		chi += (float64(n) - want) * (float64(n) - want) / want
	}
	freedom := float64(values - 1)
	assert.Less(t, chi, freedom+6*math.Sqrt(2*freedom), "%s is not uniform: %v", what, counts)
}

func TestVisitsAreTheArticles(t *testing.T) {
	s := simulator(t, Options{Seed: 1})
	pages, clicks, whole, fraction, likes := map[int]int{}, map[int]int{}, map[int]int{}, map[int]int{}, map[int]int{}
	for range 200_000 {
		v := s.Next()
		pages[v.Page]++
		clicks[v.Clicks]++
		if v.Minutes < 5 { // 4 and a fraction close to 1 may be rounded to 5
			whole[int(v.Minutes)]++
		}
		fraction[int(math.Mod(float64(v.Minutes), 1)*10)]++
		likes[v.Like]++
		require.True(t, v.Minutes >= 0 && v.Minutes <= 5)
	}
	assertUniform(t, "page", pages, 100)
	assertUniform(t, "clicks", clicks, 5)
	assertUniform(t, "whole minutes", whole, 5)
	assertUniform(t, "tenths of a minute", fraction, 10)
	assertUniform(t, "like", likes, 3)
	assert.Contains(t, pages, 1)
	assert.Contains(t, pages, 100)
	assert.Contains(t, clicks, 1)
	assert.Contains(t, clicks, 5)
	assert.Contains(t, likes, -1)
	assert.Contains(t, likes, 1)
}

func TestBatchesAreTheArticles(t *testing.T) {
	s := simulator(t, Options{Seed: 2})
	sizes := map[int]int{}
	for range 100_000 {
		sizes[s.Batch()]++
	}
	assertUniform(t, "batch", sizes, 51)
	assert.Contains(t, sizes, 0)
	assert.Contains(t, sizes, 50)
}

func TestEveryMessageIsABehaviour(t *testing.T) {
	n := 0
	for message := range simulator(t, Options{Seed: 3, Pages: 1000, Zipf: 0.9}).Messages() {
		b, refusal := codec.ParseBehaviour(message, heat.DefaultLimits())
		require.Nil(t, refusal, "%s", message)
		require.True(t, strings.HasPrefix(string(b.Page), "page"))
		if n++; n == 10_000 {
			break
		}
	}
}

func TestSeedMakesRunsAlike(t *testing.T) {
	run := func(seed uint64) string {
		var b strings.Builder
		s := simulator(t, Options{Seed: seed})
		for range 50 {
			b.Write(s.Next().Append(nil))
			b.WriteByte('\n')
		}
		return b.String()
	}
	first := run(7)
	assert.Equal(t, first, run(7))
	assert.NotEqual(t, first, run(8))
}

func TestZipfMakesPageOneTheHottest(t *testing.T) {
	s := simulator(t, Options{Seed: 4, Pages: 50, Zipf: 1})
	counts := map[int]int{}
	const n = 200_000
	for range n {
		counts[s.Next().Page]++
	}
	var harmonic float64
	for r := 1; r <= 50; r++ {
		harmonic += 1 / float64(r)
	}
	for _, rank := range []int{1, 2, 10, 50} {
		want := n / harmonic / float64(rank)
		assert.InDelta(t, want, counts[rank], 6*math.Sqrt(want), "page%d", rank)
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for _, o := range []Options{{Pages: -1}, {Pages: MaxPages + 1}, {Zipf: -0.1}, {Zipf: 11}, {Zipf: math.NaN()}, {Zipf: math.Inf(1)}} {
		_, err := NewSimulator(o)
		require.Error(t, err, "%+v", o)
	}
	_, err := NewSimulator(Options{Pages: -1, Zipf: -1})
	require.ErrorContains(t, err, "pages")
	assert.ErrorContains(t, err, "zipf")
}

func TestMessagesDoNotAllocate(t *testing.T) {
	s := simulator(t, Options{Seed: 5, Zipf: 1})
	buf := make([]byte, 0, 64)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { buf = s.Next().Append(buf[:0]) }))
}
