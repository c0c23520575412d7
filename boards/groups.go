package boards

import "slices"

// Groups has the groups that have boards of their own: of those with a page that qualifies, the first
// MaxGroups by name, byte by byte. It is given the group of each such page, in any order. The zero value has
// none; see [NewGroups]. It is not safe for concurrent use.
//
// # Why by name
//
// Which groups have a board must be a function of the pages' sums as of T, and not of the order in which
// behaviours came, or two instances and a recount would disagree about group 101. And each heat partition
// must be able to decide alone what to send. The hottest groups would be a function, too, but a partition
// in which a group is cold could not know that the group is hot in another one, and would not send its
// pages.
//
// By name, the partitions are enough: let a group be among the first n of all groups, and let a partition
// have a page of it. The groups of this partition with smaller names are some of all groups with smaller
// names, so fewer than n, and the group is among the first n of the partition: each partition with a page
// of the group sends it. And the first n groups of all that were sent are the first n of all, because
// those were sent, and no others come before them. ∎
//
// A pattern that names its groups, such as /(news|sport)/.*, has no more than these, whatever pages there
// are. One that does not leaves the choice to whoever names pages.
type Groups struct {
	most  int
	names []string // in order
	over  bool
}

// NewGroups returns groups of which at most so many have boards.
func NewGroups(most int) *Groups { return &Groups{most: most} }

// Note takes the group of a page that qualifies. It reports whether the group is one of the first as far as
// groups are known; if so, one that was may no longer be.
func (g *Groups) Note(group string) bool {
	at, known := slices.BinarySearch(g.names, group)
	switch {
	case known:
		return true
	case at == g.most:
		g.over = true
		return false
	case len(g.names) == g.most:
		g.over = true
		g.names = g.names[:len(g.names)-1]
	}
	g.names = slices.Insert(g.names, at, group)
	return true
}

// Has reports whether a group has a board of its own.
func (g *Groups) Has(group string) bool {
	_, known := slices.BinarySearch(g.names, group)
	return known
}

// Names returns the groups that have boards, in order. The slice is valid until the next Note or Reset.
func (g *Groups) Names() []string { return g.names }

// Over reports whether there are groups without a board: more than there may be.
func (g *Groups) Over() bool { return g.over }

// Reset begins another T.
func (g *Groups) Reset() {
	clear(g.names) // the names are those of pages
	g.names, g.over = g.names[:0], false
}
