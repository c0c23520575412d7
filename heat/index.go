package heat

import (
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// Page is the heat of one page in memory. Its creator owns it; a [PageIndex] that contains it
// keeps a pointer to it. A zero Page with a name is ready to use.
type Page struct {
	// Name is the page's name. It never changes.
	Name string
	// Totals are the sums over the page's behaviours. Call [Index.Changed] after a change.
	Totals Totals
	Place
	// Number is for the page's owner. It costs nothing here.
	Number uint32
}

// Place is where a page stands in an [Index]. It is embedded in what is indexed, belongs to the
// index, and is ready to use. One Place can be in one index at a time.
type Place struct {
	at int32 // 1 + the position among the index's candidates; 0 if it is not one
}

func (p *Place) place() *int32 { return &p.at }

// Placed is what an [Index] has: pointers to what embeds a [Place].
type Placed interface {
	comparable
	place() *int32
}

// Ordered is a score: Cmp returns -1, 0 or 1 as it is less than, equal to or greater than o.
type Ordered[S any] interface{ Cmp(o S) int }

// The sizes of an index that returns n pages: when more than crowd(n) pages are candidates,
// only the best keep(n) remain.
func crowd(n int) int { return max(4*n, 1024) }
func keep(n int) int  { return max(2*n, 512) }

// Index gives the n hottest of many pages whose heat rises and falls, without
// keeping them all in order. P is a page, and S is what it is ordered by.
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
type Index[P Placed, S Ordered[S]] struct {
	by    By[P, S]
	n     int
	all   iter.Seq[P]
	crowd int
	keep  int

	candidates []ranked[P, S]
	open       bool           // no threshold yet: every page is a candidate
	threshold  ranked[P, S]   // the last candidate page, as it was then
	first      []ranked[P, S] // the first n in order, if sorted
	sorted     bool
}

// By says how an [Index] orders pages. Both functions are called for each change, and must depend on
// the page alone.
type By[P, S any] struct {
	// Score returns the score of a page, and whether it counts at all: the index has no others.
	Score func(P) (S, bool)
	// Name returns the unique name of a page. Of two equally hot pages the one with the smaller name,
	// byte by byte, comes first.
	Name func(P) string
}

// PageIndex is an index of pages by their totals.
type PageIndex = Index[*Page, Score]

// ranked is a page with its score when it last changed.
type ranked[P Placed, S Ordered[S]] struct {
	score S
	page  P
}

// compare returns -1 if a comes before b.
func (x *Index[P, S]) compare(a, b ranked[P, S]) int {
	if c := b.score.Cmp(a.score); c != 0 {
		return c
	}
	return strings.Compare(x.by.Name(a.page), x.by.Name(b.page))
}

func (x *Index[P, S]) before(a, b ranked[P, S]) bool { return x.compare(a, b) < 0 }

// NewIndex returns an index over the pages that all yields. It returns the n hottest by a scorer. It
// iterates over all at once, and again from within [Index.Changed] if necessary; all must yield
// every page of the table exactly once, each with a unique name. The index stores its own state
// in a page, so a page can be in one index at a time. An n below 1 means 1.
func NewIndex(by Scorer, n int, all iter.Seq[*Page]) *PageIndex {
	return NewIndexBy(byTotals(by), n, all)
}

// byTotals orders pages by a scorer.
func byTotals(by Scorer) By[*Page, Score] {
	return By[*Page, Score]{
		Score: func(p *Page) (Score, bool) { return by.Score(&p.Totals), true },
		Name:  func(p *Page) string { return p.Name },
	}
}

// NewIndexBy is [NewIndex] for pages of any type and any order.
func NewIndexBy[P Placed, S Ordered[S]](by By[P, S], n int, all iter.Seq[P]) *Index[P, S] {
	n = max(n, 1)
	return newIndex(by, n, crowd(n), keep(n), all)
}

func newIndex[P Placed, S Ordered[S]](by By[P, S], n, crowd, keep int, all iter.Seq[P]) *Index[P, S] {
	x := &Index[P, S]{by: by, n: n, all: all, crowd: crowd, keep: keep}
	x.rebuild()
	return x
}

// Changed tells the index that the score of p changed, or that p is new among all
// pages. It must be called after each change, or batch of changes to p, before
// [Index.Top] is asked. It takes constant time, amortised, and allocates nothing
// once the index has grown to its size.
func (x *Index[P, S]) Changed(p P) {
	score, counts := x.by.Score(p)
	now := ranked[P, S]{score: score, page: p}
	switch {
	case !x.Holds(p):
		if counts {
			x.join(now)
		}
	case !counts || !x.open && x.before(x.threshold, now):
		x.leave(p)
	default:
		at := &x.candidates[*p.place()-1]
		x.moved(*at)
		at.score = now.score
		x.moved(*at)
	}
}

// moved notes that a page has left, or taken, a place in the order.
func (x *Index[P, S]) moved(r ranked[P, S]) {
	if x.sorted && (len(x.first) < x.n || !x.before(x.first[len(x.first)-1], r)) {
		x.sorted = false
	}
}

// Holds reports whether the index keeps a pointer to p, that is, whether p is a
// candidate of it. What it does not hold its owner may forget, and make another
// Page for when it changes again. (A place alone may be left from another index.)
func (x *Index[P, S]) Holds(p P) bool {
	at := int(*p.place())
	return at > 0 && at <= len(x.candidates) && x.candidates[at-1].page == p
}

// Threshold returns the score of the last candidate, and false while every page is a candidate. The index need
// not be told of a change to a page that it does not hold if the score stays below: that makes no difference.
func (x *Index[P, S]) Threshold() (score S, ok bool) { return x.threshold.score, !x.open }

// join makes a page that is no candidate one, if it is at or before the threshold.
func (x *Index[P, S]) join(r ranked[P, S]) {
	if !x.open && x.before(x.threshold, r) {
		return
	}
	x.moved(r)
	x.candidates = append(x.candidates, r)
	*r.page.place() = int32(len(x.candidates))
	if len(x.candidates) > x.crowd {
		x.thin()
	}
}

// leave takes a candidate out.
func (x *Index[P, S]) leave(p P) {
	hole, last := int(*p.place()-1), len(x.candidates)-1
	x.moved(x.candidates[hole])
	x.candidates[hole] = x.candidates[last]
	*x.candidates[hole].page.place() = int32(hole + 1)
	x.candidates[last] = ranked[P, S]{}
	x.candidates = x.candidates[:last]
	*p.place() = 0
	// Where there is a threshold, there are pages behind it: fewer than n
	// candidates are not all that there are.
	if !x.open && len(x.candidates) < x.n {
		x.rebuild()
	}
}

// thin keeps the best candidates and raises the threshold to the worst of them.
func (x *Index[P, S]) thin() {
	x.selectFirst(x.candidates, x.keep)
	for i := range x.candidates[:x.keep] {
		*x.candidates[i].page.place() = int32(i + 1)
	}
	for _, r := range x.candidates[x.keep:] {
		*r.page.place() = 0
	}
	clear(x.candidates[x.keep:])
	x.candidates = x.candidates[:x.keep]
	x.open, x.threshold = false, x.candidates[x.keep-1]
}

// rebuild finds the candidates among all pages.
func (x *Index[P, S]) rebuild() {
	for _, r := range x.candidates {
		*r.page.place() = 0
	}
	clear(x.candidates)
	x.candidates, x.open, x.sorted = x.candidates[:0], true, false
	for p := range x.all {
		if score, counts := x.by.Score(p); counts {
			x.join(ranked[P, S]{score: score, page: p})
		}
	}
}

// Top appends the n hottest pages to dst, hottest first (fewer where there are
// fewer), and returns it. The pages are those of the table, not copies.
func (x *Index[P, S]) Top(dst []P) []P {
	if !x.sorted {
		x.sort()
	}
	for _, r := range x.first {
		dst = append(dst, r.page)
	}
	return dst
}

// sort finds the first n. They are kept until one of them changes or another comes before the last of them, which
// is seldom where there are many pages.
func (x *Index[P, S]) sort() {
	x.first = append(x.first[:0], x.candidates...)
	best := x.first
	if len(best) > x.n {
		x.selectFirst(best, x.n)
		clear(best[x.n:])
		best = best[:x.n]
	}
	slices.SortFunc(best, x.compare)
	x.first, x.sorted = best, true
}

// selectFirst moves the k first of s by order to its front, the last of them at
// s[k-1], with 0 < k <= len(s).
func (x *Index[P, S]) selectFirst(s []ranked[P, S], k int) {
	x.selectWithin(s, k, 2*bits.Len(uint(len(s))))
}

// selectWithin is Hoare's quickselect (Find, CACM algorithm 65) with a median of
// three as pivot. Where that many pivots were not enough it sorts what is left, so
// that it never takes quadratic time.
func (x *Index[P, S]) selectWithin(s []ranked[P, S], k, pivots int) {
	lo, hi := 0, len(s)-1 // what the k-th lies in
	for ; hi > lo; pivots-- {
		if pivots == 0 {
			slices.SortFunc(s[lo:hi+1], x.compare)
			return
		}
		middle := lo + (hi-lo)/2
		if x.before(s[middle], s[lo]) {
			s[middle], s[lo] = s[lo], s[middle]
		}
		if x.before(s[hi], s[lo]) {
			s[hi], s[lo] = s[lo], s[hi]
		}
		if x.before(s[hi], s[middle]) {
			s[hi], s[middle] = s[middle], s[hi]
		}
		pivot := s[middle]
		i, j := lo, hi
		for i <= j {
			for x.before(s[i], pivot) {
				i++
			}
			for x.before(pivot, s[j]) {
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
