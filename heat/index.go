package heat

import (
	"iter"
	"math/bits"
	"slices"
)

// Page is the heat of one page in memory. Its creator owns it; an [Index] that contains it
// keeps a pointer to it. A zero Page with a name is ready to use.
type Page struct {
	// Name is the page's name. It never changes.
	Name string
	// Totals are the sums over the page's behaviours. Call [Index.Changed] after a change.
	Totals Totals

	place int32 // 1 + the position among the index's candidates; 0 if it is not one
}

// The sizes of an index that returns n pages: when more than crowd(n) pages are candidates,
// only the best keep(n) remain.
func crowd(n int) int { return max(4*n, 1024) }
func keep(n int) int  { return max(2*n, 512) }

// Index gives the n hottest of many pages whose heat rises and falls, without
// keeping them all in order.
//
// It holds, unsorted, all pages at or before a threshold in the order of [Before]:
// the candidates. A page that rises to the threshold joins them, one that falls
// behind it leaves. When the candidates become a crowd, the best few hundred are
// selected and the worst of these is the new threshold; while there has never
// been a crowd, every page is a candidate. Only when enough have fallen that
// fewer than n candidates are left, all pages are gone through again. A selection
// is paid for by the hundreds of pages that joined before it, a pass over all
// pages by the hundreds that fell, so a change costs O(1), amortised; and the
// answer is exact also where heat falls, which a heap of n cannot give.
//
// An Index is not safe for concurrent use.
type Index struct {
	by    Scorer
	n     int
	all   iter.Seq[*Page]
	crowd int
	keep  int

	candidates []ranked
	open       bool   // no threshold yet: every page is a candidate
	threshold  ranked // the last candidate page, as it was then
	scratch    []ranked
}

// ranked is a page with its score when it last changed.
type ranked struct {
	score Score
	page  *Page
}

func (a ranked) before(b ranked) bool {
	if a.score != b.score {
		return b.score.Less(a.score)
	}
	return a.page.Name < b.page.Name
}

func compareRanked(a, b ranked) int {
	switch {
	case a.before(b):
		return -1
	case b.before(a):
		return 1
	default:
		return 0
	}
}

// NewIndex returns an index over the pages that all yields. It returns the n hottest by a scorer. It
// iterates over all at once, and again from within [Index.Changed] if necessary; all must yield
// every page of the table exactly once, each with a unique name. The index stores its own state
// in a page, so a page can be in one index at a time. An n below 1 means 1.
func NewIndex(by Scorer, n int, all iter.Seq[*Page]) *Index {
	n = max(n, 1)
	return newIndex(by, n, crowd(n), keep(n), all)
}

func newIndex(by Scorer, n, crowd, keep int, all iter.Seq[*Page]) *Index {
	x := &Index{by: by, n: n, all: all, crowd: crowd, keep: keep}
	x.rebuild()
	return x
}

// Changed tells the index that p.Totals changed, or that p is new among all
// pages. It must be called after each change, or batch of changes to p, before
// [Index.Top] is asked. It takes constant time, amortised, and allocates nothing
// once the index has grown to its size.
func (x *Index) Changed(p *Page) {
	now := ranked{score: x.by.Score(&p.Totals), page: p}
	if x.Holds(p) {
		x.candidates[p.place-1].score = now.score
		if !x.open && x.threshold.before(now) {
			x.leave(p)
		}
		return
	}
	x.join(now)
}

// Holds reports whether the index keeps a pointer to p, that is, whether p is a
// candidate of it. What it does not hold its owner may forget, and make another
// Page for when it changes again. (A place alone may be left from another index.)
func (x *Index) Holds(p *Page) bool {
	return p.place > 0 && int(p.place) <= len(x.candidates) && x.candidates[p.place-1].page == p
}

// join makes a page that is no candidate one, if it is at or before the threshold.
func (x *Index) join(r ranked) {
	if !x.open && x.threshold.before(r) {
		return
	}
	x.candidates = append(x.candidates, r)
	r.page.place = int32(len(x.candidates))
	if len(x.candidates) > x.crowd {
		x.thin()
	}
}

// leave takes a candidate out.
func (x *Index) leave(p *Page) {
	hole, last := int(p.place-1), len(x.candidates)-1
	x.candidates[hole] = x.candidates[last]
	x.candidates[hole].page.place = int32(hole + 1)
	x.candidates[last] = ranked{}
	x.candidates = x.candidates[:last]
	p.place = 0
	// There is a threshold, so there are pages behind it: fewer than n
	// candidates are not all that there are.
	if len(x.candidates) < x.n {
		x.rebuild()
	}
}

// thin keeps the best candidates and raises the threshold to the worst of them.
func (x *Index) thin() {
	selectFirst(x.candidates, x.keep)
	for i := range x.candidates[:x.keep] {
		x.candidates[i].page.place = int32(i + 1)
	}
	for _, r := range x.candidates[x.keep:] {
		r.page.place = 0
	}
	clear(x.candidates[x.keep:])
	x.candidates = x.candidates[:x.keep]
	x.open, x.threshold = false, x.candidates[x.keep-1]
}

// rebuild finds the candidates among all pages.
func (x *Index) rebuild() {
	for _, r := range x.candidates {
		r.page.place = 0
	}
	clear(x.candidates)
	x.candidates, x.open = x.candidates[:0], true
	for p := range x.all {
		x.join(ranked{score: x.by.Score(&p.Totals), page: p})
	}
}

// Top appends the n hottest pages to dst, hottest first (fewer where there are
// fewer), and returns it. The pages are those of the table, not copies.
func (x *Index) Top(dst []*Page) []*Page {
	x.scratch = append(x.scratch[:0], x.candidates...)
	best := x.scratch
	if len(best) > x.n {
		selectFirst(best, x.n)
		best = best[:x.n]
	}
	slices.SortFunc(best, compareRanked)
	for _, r := range best {
		dst = append(dst, r.page)
	}
	clear(x.scratch)
	return dst
}

// selectFirst moves the k first of s by order to its front, the last of them at
// s[k-1], with 0 < k <= len(s).
func selectFirst(s []ranked, k int) {
	selectWithin(s, k, 2*bits.Len(uint(len(s))))
}

// selectWithin is Hoare's quickselect (Find, CACM algorithm 65) with a median of
// three as pivot. Where that many pivots were not enough it sorts what is left, so
// that it never takes quadratic time.
func selectWithin(s []ranked, k, pivots int) {
	lo, hi := 0, len(s)-1 // what the k-th lies in
	for ; hi > lo; pivots-- {
		if pivots == 0 {
			slices.SortFunc(s[lo:hi+1], compareRanked)
			return
		}
		middle := lo + (hi-lo)/2
		if s[middle].before(s[lo]) {
			s[middle], s[lo] = s[lo], s[middle]
		}
		if s[hi].before(s[lo]) {
			s[hi], s[lo] = s[lo], s[hi]
		}
		if s[hi].before(s[middle]) {
			s[hi], s[middle] = s[middle], s[hi]
		}
		pivot := s[middle]
		i, j := lo, hi
		for i <= j {
			for s[i].before(pivot) {
				i++
			}
			for pivot.before(s[j]) {
				j--
			}
			if i <= j {
				s[i], s[j] = s[j], s[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			hi = j
		case k-1 >= i:
			lo = i
		default:
			return
		}
	}
}
