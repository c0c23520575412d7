package boards

// PerGroup chooses the pages of a board on which each group has at most so many: it is offered pages in
// the order of the board, hottest first, and takes those whose group is not full. Pages without a group
// are always taken. The zero value takes none with a group; see [NewPerGroup].
//
// # Why the partitions' own boards are enough
//
// Let pages be in a total order, and let the capped top n of a set of pages be the first n that a walk in
// this order takes, where it takes a page unless k pages of its group were taken before. The capped top n
// of all pages is the capped top n of the union of the partitions' capped top n:
//
// A walk takes a page exactly if fewer than k pages of its group are ahead of it in the set: the first k
// of each group are taken, and no later ones. So whether a page is taken depends on its group alone.
//
// Let page p of partition q be in the capped top n of all pages. Fewer than k pages of its group are ahead
// of it among all, so fewer than k among those of q: the walk in q takes p. A page ahead of p that the walk
// in q takes need not be one that the walk over all takes. So let the walk in q take s pages ahead of p. Of
// each group g it takes min(k, aᵍ) of the aᵍ pages of g in q ahead of p, and the walk over all takes
// min(k, bᵍ) of the bᵍ ≥ aᵍ such pages of all partitions, at least as many. Adding up over groups (a page
// without a group is a group of its own), the walk over all takes at least s pages ahead of p; these are
// fewer than n, so s < n, and p is in the capped top n of q.
//
// So all pages of the capped top n are in the union U. Pages that are in U and not in the capped top n of
// all do not change the walk before its end: let p be the first page at which the walk over U and that
// over all pages differ, with fewer than n taken by then. If p is not in U, the walk over all takes it, so
// it is in the capped top n, and in U. If p is in U, and it has k pages of its group ahead of it among all
// pages, then the first k of that group are taken by the walk over all before p, so they are in the capped
// top n and thus in U, and the walk over U does not take p either. If it has fewer among all, it has fewer
// in U, and both take it. So there is no such p. ∎
type PerGroup struct {
	most  int
	taken map[string]int
}

// NewPerGroup returns a choice of no more than most pages of each group; with 0, all are taken.
func NewPerGroup(most int) *PerGroup { return &PerGroup{most: most, taken: map[string]int{}} }

// Take reports whether the next page is on the board. Its group is that of [Board.Group].
func (p *PerGroup) Take(group string, hasGroup bool) bool {
	if !hasGroup || p.most == 0 {
		return true
	}
	if p.taken[group] >= p.most {
		return false
	}
	p.taken[group]++
	return true
}

// Reset begins another board.
func (p *PerGroup) Reset() { clear(p.taken) }
