package model

import (
	"fmt"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
)

// first are the first pages of a board, in their order, of each group at most as many as the board may have.
func first(b *boards.Board, all []standing) []standing {
	inOrder(all)
	d := b.Definition()
	if d.MaxPerGroup > 0 {
		taken := map[string]int{}
		all = slices.DeleteFunc(all, func(s standing) bool {
			group, ok := b.Group(s.page)
			taken[group]++
			return ok && taken[group] > d.MaxPerGroup
		})
	}
	return all[:min(len(all), d.Size)]
}

// inOrder puts pages in the order of a board.
func inOrder(all []standing) {
	slices.SortFunc(all, func(x, y standing) int {
		if boards.Before(x.score, x.page, y.score, y.page) {
			return -1
		}
		return 1 // names differ
	})
}

// groupsOf are the groups that have a board, by name, and their first pages.
func groupsOf(b *boards.Board, all []standing) (names []string, pages map[string][]standing) {
	inOrder(all)
	d := b.Definition()
	pages = map[string][]standing{}
	for _, s := range all {
		group, ok := b.Group(s.page)
		if !ok {
			continue
		}
		if pages[group] == nil {
			names = append(names, group)
		}
		if len(pages[group]) < d.Size {
			pages[group] = append(pages[group], s)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), d.MaxGroups)], pages
}

// grouped are the pages of all groups that have a board, group by group.
func grouped(b *boards.Board, all []standing) (leading []standing) {
	names, pages := groupsOf(b, all)
	for _, name := range names {
		leading = append(leading, pages[name]...)
	}
	return leading
}

// ofGroup are the pages of a group, none if it has no board.
func ofGroup(b *boards.Board, group string, all []standing) []standing {
	names, pages := groupsOf(b, all)
	if !slices.Contains(names, group) {
		return nil
	}
	return pages[group]
}

// misgroup changes leaders of a board with groups to what they are without the protections that are off. They are
// right before.
func (w *world) misgroup(l *codec.Leaders, a *account, states []boards.State) {
	d := a.board.Definition()
	for i := range l.Boards {
		b := &l.Boards[i]
		if b.Name != d.Name || b.Final {
			continue
		}
		all := w.standings(nil, a.board, states, a.board.Slot(a.asOf))
		switch {
		case b.Grouped && !w.on.FirstGroups:
			if names, pages := groupsOf(a.board, all); len(names) == d.MaxGroups {
				last := names[len(names)-1]
				all = slices.DeleteFunc(grouped(a.board, all), func(s standing) bool { return slices.Contains(pages[last], s) })
				b.Pages = encoded(a.board, all)
			}
		case !b.Grouped && d.MaxPerGroup > 0 && !w.on.FirstOfGroups:
			inOrder(all)
			b.Pages = encoded(a.board, all[:min(len(all), d.Size)])
		}
	}
}

func encoded(b *boards.Board, all []standing) (pages []byte) {
	for i := range all {
		pages = codec.AppendBoardPage(pages, b, all[i].page, &all[i].sum)
	}
	return pages
}

// checkLastGroups checks that, at the end, every group that has a board is published with what was counted, and that
// the boards of other groups are empty.
func (w *world) checkLastGroups(board *boards.Board, cuts []cut) {
	if board.Definition().GroupBy == "" {
		return
	}
	asOf := board.AsOf(w.now)
	var all []standing
	for target := range w.logs {
		if a := w.books[target].find(board); a != nil {
			all = w.standings(all, board, w.states(board, a, target, cuts[target]), board.Slot(asOf))
		}
	}
	names, pages := groupsOf(board, all)
	for _, name := range names {
		w.checkLastGroup(board, name, pages[name])
	}
	for _, r := range w.readers {
		if b := r.newest; b.Group != "" && b.Board == nameOf(board)+"/"+b.Group && !slices.Contains(names, b.Group) && len(b.Pages) > 0 {
			w.violate("the last board %s is version %d, as of %s, of %d pages, and the group has none", b.Board, b.Version, b.AsOf, len(b.Pages))
		}
	}
}

func (w *world) checkLastGroup(board *boards.Board, name string, pages []standing) {
	key := nameOf(board) + "/" + name
	r := w.readers[key]
	if r == nil {
		w.violate("no progress: there is no board %s", key)
		return
	}
	b, asOf := r.newest, board.AsOf(w.now)
	if !b.AsOf.Equal(asOf.Time()) || b.DefinitionHash != w.hash(board) {
		w.violate("no progress: the reader's last board %s is version %d, as of %s by %s; it is %s", key, b.Version, b.AsOf, b.DefinitionHash, asOf)
	} else if err := w.checkPages(b, board, asOf, pages); err != nil {
		w.violate("no progress: the reader's last board %s is version %d: %w", key, b.Version, err)
	}
}

// checkPages compares the pages of a board with those that it should have. The sums of the world are those of the board.
func (w *world) checkPages(b *codec.Board, board *boards.Board, asOf boards.Minute, all []standing) error {
	if len(b.Pages) != len(all) {
		return fmt.Errorf("it has %d pages, not %d", len(b.Pages), len(all))
	}
	for i := range all {
		got, want := &b.Pages[i], board.Show(&all[i].sum, asOf)
		if got.Rank != i+1 || got.Page != all[i].page || string(got.Heat) != want.Heat || string(got.Clicks) != want.Clicks ||
			string(got.Minutes) != want.Minutes || string(got.Likes) != want.Likes || got.Behaviours != want.Behaviours {
			return fmt.Errorf("rank %d is %+v, and the input has page %q with %+v", i+1, *got, all[i].page, want)
		}
		if s := &w.sums[all[i].number]; !s.isCalled(got) {
			return fmt.Errorf("page %q is called %q, at %q, and the input has %s", got.Page, got.Title, got.URL, s)
		}
	}
	return nil
}

// isEmptyGroup reports whether a board is that of a group without pages.
func isEmptyGroup(value []byte) bool {
	b, err := codec.DecodeBoard(value)
	return err == nil && b.Group != "" && len(b.Pages) == 0
}
