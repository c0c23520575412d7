package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
)

// A table holds what a map would: every page once, where it was, by any name, until it is freed.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := newTable()
		want := make(map[string]*page)
		name := rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat("x", rapid.SampledFrom([]int{1, 1, 1, 1, 2, 1024}).Draw(t, "length")) + fmt.Sprint(rapid.IntRange(0, 300).Draw(t, "number"))
		})
		for range rapid.IntRange(0, 2000).Draw(t, "steps") {
			n := name.Draw(t, "name")
			known := want[n]
			require.Same(t, known, pages.get(n))
			if known != nil && rapid.IntRange(0, 2).Draw(t, "freed") == 0 {
				pages.free(known)
				delete(want, n)
				continue
			}
			var pg *page
			if rapid.Bool().Draw(t, "bytes") {
				bytes := []byte(n)
				pg = findOrAdd(pages, pages.hashOf(bytes), bytes)
				clear(bytes) // a name belongs to the message it came in
			} else {
				pg = pages.getOrAdd(n)
			}
			if known != nil {
				require.Same(t, known, pg)
			}
			want[n] = pg
		}
		require.Equal(t, len(want), pages.count-len(pages.freed))
		for n, pg := range want {
			require.Equal(t, n, pg.Name)
			require.Same(t, pg, pages.get(n))
		}
		for pg := range pages.all() {
			if pg.Name == "" {
				continue
			}
			require.Same(t, want[pg.Name], pg)
			delete(want, pg.Name)
		}
		require.Empty(t, want)
	})
}

// Pages with the same hash are told apart by their names, also in a batch.
func TestTableTellsNamesWithOneHashApart(t *testing.T) {
	pages := newTable()
	const hash = 12345
	a, b := findOrAdd(pages, hash, "a"), findOrAdd(pages, hash, "b")
	require.NotSame(t, a, b)
	assert.Same(t, a, find(pages, hash, "a"))
	assert.Same(t, b, find(pages, hash, []byte("b")))
	assert.Nil(t, find(pages, hash, "c"))

	batch := batch{size: 1}
	batch.names[0], batch.hashes[0], batch.pages[0] = []byte("b"), hash, a
	assert.Same(t, b, batch.page(pages, 0))
}

// A range may name a page again, old or new, close by and far off.
func TestApplyOfARangeThatNamesPagesAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
		p.Begin(codec.TopicID{2}, 0)
		want := make(map[string]heat.Totals)
		from := int64(-1)
		for offset := range rapid.Int64Range(1, 4).Draw(t, "ranges") {
			numbers := rapid.SliceOfN(rapid.IntRange(0, 300), 0, 400).Draw(t, "pages")
			to := from + int64(len(numbers)) + 1
			r := codec.AppendRangeHeader(nil, codec.RangeHeader{Input: codec.TopicID{1}, Targets: 1, From: from, To: to,
				Limits: heat.DefaultLimits()}, len(numbers))
			for _, number := range numbers {
				var one heat.Totals
				one.Count(heat.Behaviour{Clicks: uint32(number), Minutes: 7, Like: -1})
				name := fmt.Sprint("page", number)
				r = codec.AppendPageSum(r, name, &one)
				sum := want[name]
				sum.Add(&one)
				want[name] = sum
			}
			n, err := p.Apply(r, offset)
			require.NoError(t, err)
			require.EqualValues(t, len(numbers), n)
			clear(r)
			from = to
		}
		require.Equal(t, len(want), p.Len())
		for name, sum := range want {
			got, ok, _ := p.Totals(name)
			require.True(t, ok)
			require.Equal(t, sum, got)
		}
		require.NoError(t, p.Check())
	})
}

// TestPlacesAreUsedAgain: pages that come and go take as much memory as there are at a time.
func TestPlacesAreUsedAgain(t *testing.T) {
	pages := newTable()
	var all []*page
	for i := range 100_000 {
		all = append(all, pages.getOrAdd(fmt.Sprint("/page/", i)))
		if len(all) > 1000 {
			pages.free(all[0])
			all = all[1:]
		}
	}
	require.LessOrEqual(t, len(pages.blocks), 1)
	require.LessOrEqual(t, len(pages.slots), 2048)
	for i := range 1000 {
		require.NotNil(t, pages.get(fmt.Sprint("/page/", 99_000+i)))
	}
	require.Nil(t, pages.get("/page/98999"))
}
