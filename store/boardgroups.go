package store

import (
	"iter"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// boardGroups has the hottest pages of each group of a board. The boards of groups are made of them, and
// so is a board of all groups that has a maximum for each.
type boardGroups struct {
	of     *boardTable
	size   int
	groups map[string]*boardGroup
	others *boardGroup // pages without a group
	pages  map[*boardPage]*groupedPage
	named  *boards.Groups
	merged []*groupedPage
}

// boardGroup is one group.
type boardGroup struct {
	index   *heat.Index[*groupedPage, boards.Score]
	members []*groupedPage
	top     []*groupedPage // of the index
	stale   bool           // it is not that of the index any more
}

// groupedPage is a page on a board with groups.
type groupedPage struct {
	heat.Place
	*boardPage
	in *boardGroup
}

// newBoardGroups returns nil for a board without groups.
func newBoardGroups(t *boardTable) *boardGroups {
	d := t.board.Definition()
	if d.GroupBy == "" {
		return nil
	}
	g := &boardGroups{of: t, size: d.Size, groups: map[string]*boardGroup{}, pages: map[*boardPage]*groupedPage{}, named: boards.NewGroups(d.MaxGroups)}
	g.others = g.group()
	return g
}

func (g *boardGroups) group() *boardGroup {
	in := &boardGroup{}
	var all iter.Seq[*groupedPage] = func(yield func(*groupedPage) bool) {
		for _, p := range in.members {
			if !yield(p) {
				return
			}
		}
	}
	in.index = heat.NewIndexBy(heat.By[*groupedPage, boards.Score]{
		Score: func(p *groupedPage) (boards.Score, bool) { return g.of.score(p.boardPage) },
		Name:  func(p *groupedPage) string { return g.of.nameOf(p.boardPage) },
	}, g.size, all)
	return in
}

// changed takes a page whose sum has changed.
func (g *boardGroups) changed(e *boardPage) {
	p := g.pages[e]
	if p == nil {
		in := g.others
		if name, ok := g.of.board.Group(g.of.nameOf(e)); ok {
			if in = g.groups[name]; in == nil {
				in = g.group()
				g.groups[name] = in
			}
		}
		p = &groupedPage{boardPage: e, in: in}
		in.members = append(in.members, p)
		g.pages[e] = p
	}
	p.in.stale = true
	p.in.index.Changed(p)
}

// hottest are the group's hottest pages.
func (in *boardGroup) hottest() []*groupedPage {
	if in.stale {
		in.stale, in.top = false, in.index.Top(in.top[:0])
	}
	return in.top
}

// capped are the hottest pages of the board of all groups, with at most so many of each group.
func (g *boardGroups) capped(most int) iter.Seq[*boardPage] {
	g.merged = append(g.merged[:0], g.others.hottest()...)
	for _, in := range g.groups {
		top := in.hottest()
		g.merged = append(g.merged, top[:min(most, len(top))]...)
	}
	slices.SortFunc(g.merged, func(a, b *groupedPage) int {
		scoreA, _ := g.of.score(a.boardPage)
		scoreB, _ := g.of.score(b.boardPage)
		if boards.Before(scoreA, g.of.nameOf(a.boardPage), scoreB, g.of.nameOf(b.boardPage)) {
			return -1
		}
		return 1
	})
	return func(yield func(*boardPage) bool) {
		for _, p := range g.merged[:min(g.size, len(g.merged))] {
			if !yield(p.boardPage) {
				return
			}
		}
	}
}

// leaders are the hottest pages of all groups that have boards.
func (g *boardGroups) leaders(l codec.BoardLeaders) codec.BoardLeaders {
	l.Grouped, l.Pages = true, nil
	g.named.Reset()
	for name, in := range g.groups {
		if len(in.hottest()) > 0 {
			g.named.Note(name)
		}
	}
	for _, name := range g.named.Names() {
		for _, p := range g.groups[name].hottest() {
			l.Pages = g.of.appendLeader(l.Pages, p.boardPage)
		}
	}
	return l
}
