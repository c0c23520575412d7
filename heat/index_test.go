package heat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// table is a set of pages that finds the hottest ones in the simplest way, by sorting all.
type table struct {
	pages  []*Page
	passes int // number of scans of all pages
}

func (m *table) all(yield func(*Page) bool) {
	m.passes++
	for _, p := range m.pages {
		if !yield(p) {
			return
		}
	}
}

func (m *table) top(w Weights, n int) []*Page {
	type scored struct {
		page  *Page
		score Score
	}
	all := make([]scored, len(m.pages))
	for i, p := range m.pages {
		all[i] = scored{p, w.Score(&p.Totals)}
	}
	slices.SortFunc(all, func(a, b scored) int {
		if Before(a.score, a.page.Name, b.score, b.page.Name) {
			return -1
		}
		return 1
	})
	sorted := make([]*Page, min(n, len(all)))
	for i := range sorted {
		sorted[i] = all[i].page
	}
	return sorted
}

// describe lists pages with their heats, so a difference is readable.
func describe(w Weights, pages []*Page) []string {
	names := make([]string, len(pages))
	for i, p := range pages {
		names[i] = p.Name + " " + w.Heat(&p.Totals)
	}
	return names
}

// pagesOf returns n pages with heats from a small range, so many are equal.
func pagesOf(t *rapid.T, n int) *table {
	m := &table{}
	for i := range n {
		p := &Page{Name: fmt.Sprint("page", i)}
		p.Totals.Likes = rapid.Int64Range(-5, 5).Draw(t, "heat")
		m.pages = append(m.pages, p)
	}
	return m
}

func TestIndexGivesWhatSortingAllGives(t *testing.T) {
	w := DefaultWeights()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "n")
		keep := rapid.IntRange(n, n+3).Draw(t, "keep")
		crowd := rapid.IntRange(keep+1, keep+4).Draw(t, "crowd")
		m := pagesOf(t, rapid.IntRange(0, 30).Draw(t, "pages"))
		x := newIndex(byTotals(w), n, crowd, keep, m.all)
		check := func(t *rapid.T) {
			assert.Equal(t, describe(w, m.top(w, n)), describe(w, x.Top(nil)))
		}
		check(t)
		change := func(p *Page, t *rapid.T) { p.Totals.Likes += rapid.Int64Range(-6, 6).Draw(t, "by") }
		t.Repeat(map[string]func(*rapid.T){
			"change one": func(t *rapid.T) {
				if len(m.pages) == 0 {
					t.Skip("no page")
				}
				p := rapid.SampledFrom(m.pages).Draw(t, "page")
				change(p, t)
				x.Changed(p)
			},
			"cool the hottest": func(t *rapid.T) {
				for _, p := range x.Top(nil) {
					p.Totals.Likes -= rapid.Int64Range(0, 12).Draw(t, "by")
					x.Changed(p)
				}
			},
			"change several, then tell": func(t *rapid.T) {
				if len(m.pages) == 0 {
					t.Skip("no page")
				}
				changed := rapid.SliceOfN(rapid.SampledFrom(m.pages), 1, 10).Draw(t, "pages")
				for _, p := range changed {
					change(p, t)
				}
				for _, p := range changed {
					x.Changed(p)
				}
			},
			"add": func(t *rapid.T) {
				p := &Page{Name: fmt.Sprint("page", len(m.pages))}
				change(p, t)
				m.pages = append(m.pages, p)
				x.Changed(p)
			},
			"index again": func(t *rapid.T) { // as after a restart, with pages from an older index
				x = newIndex(byTotals(w), n, crowd, keep, m.all)
			},
			"": check,
		})
	})
}

func TestIndexAtItsRealSize(t *testing.T) {
	w := DefaultWeights()
	for _, n := range []int{10, 700} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		m := &table{}
		for i := range 20_000 {
			p := &Page{Name: fmt.Sprint("page", i)}
			p.Totals.Likes = random.Int64N(1000)
			m.pages = append(m.pages, p)
		}
		x := NewIndex(w, n, m.all)
		for range 20 {
			for range 5_000 {
				p := m.pages[random.IntN(len(m.pages))]
				p.Totals.Likes += random.Int64N(200) - 120
				x.Changed(p)
			}
			require.Equal(t, describe(w, m.top(w, n)), describe(w, x.Top(nil)))
		}
	}
}

func TestIndexAppendsAndIgnoresASmallN(t *testing.T) {
	m := &table{pages: []*Page{{Name: "a"}, {Name: "b"}}}
	x := NewIndex(DefaultWeights(), 0, m.all)
	first := &Page{Name: "first"}
	assert.Equal(t, []*Page{first, m.pages[0]}, x.Top([]*Page{first}))
}

// All pages are scanned once in hundreds of falls, not at each.
func TestIndexSeldomGoesThroughAllPages(t *testing.T) {
	const n = 10
	m := &table{}
	falls := 10_000
	if !testing.Short() {
		falls = 20_000
	}
	for i := range 2 * falls {
		p := &Page{Name: fmt.Sprint("page", i)}
		p.Totals.Likes = int64(i)
		m.pages = append(m.pages, p)
	}
	x := NewIndex(DefaultWeights(), n, m.all)
	m.passes = 0
	var top []*Page
	for range falls {
		top = x.Top(top[:0])
		top[0].Totals.Likes = -1
		x.Changed(top[0])
	}
	assert.Equal(t, describe(DefaultWeights(), m.top(DefaultWeights(), n)), describe(DefaultWeights(), x.Top(nil)))
	assert.LessOrEqual(t, m.passes, falls/(keep(n)-n))
	assert.Positive(t, m.passes, "the test means nothing unless there was a pass")
}

func TestChangedDoesNotAllocate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := &table{}
	for i := range 10_000 {
		m.pages = append(m.pages, &Page{Name: fmt.Sprint("page", i)})
	}
	x := NewIndex(DefaultWeights(), 10, m.all)
	var top []*Page
	round := func() {
		for range 2_000 { // rises and falls, so selections and scans occur
			p := m.pages[random.IntN(len(m.pages))]
			p.Totals.Likes += random.Int64N(100) - 50
			x.Changed(p)
		}
		top = x.Top(top[:0])
		for _, p := range top {
			p.Totals.Likes = 0
			x.Changed(p)
		}
	}
	for range 10 {
		round()
	}
	assert.Zero(t, testing.AllocsPerRun(200, round))
}

type pageRanked = ranked[*Page, Score]

func noPages(func(*Page) bool) {}

func TestSelectFirst(t *testing.T) {
	x := NewIndex(DefaultWeights(), 1, noPages)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pageRanked {
			return pageRanked{score: NewScore(0, rapid.Uint64Range(0, 20).Draw(t, "score"))}
		}), 1, 60).Draw(t, "s")
		for i := range s {
			s[i].page = &Page{Name: fmt.Sprint(i)}
		}
		k := rapid.IntRange(1, len(s)).Draw(t, "k")
		sorted := slices.Clone(s)
		slices.SortFunc(sorted, x.compare)

		// Also with so few pivots that it has to sort.
		x.selectWithin(s, k, rapid.IntRange(0, 12).Draw(t, "pivots"))
		assert.Equal(t, sorted[k-1], s[k-1], "the last of the selected stands at the end of them")
		slices.SortFunc(s[:k], x.compare)
		assert.Equal(t, sorted[:k], s[:k])
	})
}

// Quickselect is known to be slow for equal and for sorted heats.
func TestSelectFirstOfManyEqual(t *testing.T) {
	const many = 100_000
	x := NewIndex(DefaultWeights(), 1, noPages)
	s := make([]pageRanked, many)
	page := &Page{Name: "page"}
	for i := range s {
		s[i] = pageRanked{score: Score{}, page: page}
	}
	x.selectFirst(s, many/2)
	for i := range s {
		s[i].score = NewScore(0, uint64(int64(i)))
	}
	x.selectFirst(s, 10)
	for _, r := range s[:10] {
		assert.Equal(t, 1, r.score.Cmp(NewScore(0, many-11)))
	}
}

// Pages that do not count are in no answer, whether there is a threshold or not, and however they
// come to count and cease to.
func TestIndexOfPagesThatMayNotCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := make([]*Page, rapid.IntRange(1, 30).Draw(t, "pages"))
		for i := range pages {
			pages[i] = &Page{Name: fmt.Sprint(i)}
		}
		counts := func(p *Page) bool { return p.Totals.Behaviours%2 == 0 }
		by := byTotals(DefaultWeights())
		score := by.Score
		by.Score = func(p *Page) (Score, bool) { s, _ := score(p); return s, counts(p) }
		n := rapid.IntRange(1, 5).Draw(t, "n")
		crowd := rapid.IntRange(n+1, 12).Draw(t, "crowd")
		x := newIndex(by, n, crowd, rapid.IntRange(n, crowd-1).Draw(t, "keep"), slices.Values(pages))
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			p := rapid.SampledFrom(pages).Draw(t, "page")
			p.Totals.Behaviours = rapid.Uint64Range(0, 3).Draw(t, "behaviours")
			p.Totals.Likes = rapid.Int64Range(-3, 3).Draw(t, "likes")
			x.Changed(p)
			var want []*Page
			for _, p := range pages {
				if counts(p) {
					want = append(want, p)
				}
			}
			slices.SortFunc(want, func(a, b *Page) int {
				if Before(DefaultWeights().Score(&a.Totals), a.Name, DefaultWeights().Score(&b.Totals), b.Name) {
					return -1
				}
				return 1
			})
			require.Equal(t, want[:min(n, len(want))], append([]*Page(nil), x.Top(nil)...))
		}
	})
}
