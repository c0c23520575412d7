package pagefile

import (
	"iter"

	"pageheat/boards"
	"pageheat/snapshot"
)

// shownOn yields the names of the boards that a page has behaviours on, and what they show of it as of their T.
func shownOn(cut *snapshot.Cut, p *snapshot.Page) iter.Seq2[string, boards.Shown] {
	return func(yield func(string, boards.Shown) bool) {
		for i := range cut.Boards {
			if shown := p.Shown(cut, i); shown.Behaviours > 0 && !yield(cut.Boards[i].Name(), shown) {
				return
			}
		}
	}
}
