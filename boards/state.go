package boards

import (
	"iter"
	"slices"

	"pageheat/heat"
)

// State is what a page has on one board: its sums in each slot, sparse. The zero value has none. All
// methods are called with the board that it belongs to. [States] has those of many pages.
//
// A state does not know T. Its sums depend on what was added and dropped, and not on the order. It is
// not safe for concurrent use.
//
// In memory it is its own encoding, so that behaviours of the newest slot are added without allocation.
type State struct {
	cells cells
	memo  *memo // of a state with many cells
}

// memo is the sum of a state as of one slot, kept up to date by Add: with it, adding to a page takes
// the same time however many cells the page has.
type memo struct {
	sum   Sum
	valid bool
}

// memoBytes is the size of cells from which on a state has a memo. Below, reading all cells takes about
// as long as reading the memo would.
const memoBytes = 128

// Empty reports whether the state has no sums: the page needs no state on this board.
func (s *State) Empty() bool { return len(s.cells) == 0 }

// Len returns how many bytes the cells take.
func (s *State) Len() int { return len(s.cells) }

// Add adds behaviours at a place of the board, which must not be late. It reports whether the page
// had no behaviours in this slot before; then it has to be noted in the board's [Holders].
func (s *State) Add(b *Board, p Place, t *heat.Totals) (fresh bool) {
	if t.Behaviours == 0 {
		return false
	}
	c := cellOf(t, p.rate)
	return s.add(b, p.key, &c)
}

// Merge adds all that o has. Merging is commutative and associative.
func (s *State) Merge(b *Board, o *State) {
	for key, c := range o.cells.each() {
		s.add(b, key, c)
	}
}

// add adds a cell, and reports whether it is the first of its slot.
func (s *State) add(b *Board, key uint64, c *cell) (fresh bool) {
	var a addition
	s.cells.plan(b, key, c, &a)
	into := []byte(s.cells)
	if size := a.length(s.cells); size > cap(into) {
		room := 0 // but for that in a size class: most pages have few cells and get no more
		if size >= memoBytes {
			room = size / 4 // a page that goes on growing is not copied each time
		}
		into = slices.Grow([]byte(nil), size+room)
	}
	s.cells = s.cells.added(into, &a)
	if s.memo != nil && s.memo.valid {
		s.memo.sum.follow(b, c, &a)
	}
	return a.fresh
}

// Slots yields the slots in which the page has behaviours, newest first and each once.
func (s *State) Slots(b *Board) iter.Seq[Slot] { return s.cells.slots(b) }

// Drop takes away the slots before first: those before [Board.First] on a window or trending board;
// on a calendar board, closed periods that are no longer needed. It reports whether there were any.
func (s *State) Drop(b *Board, first Slot) bool {
	size := s.cells.from(b, first)
	if size == len(s.cells) {
		return false
	}
	s.shorten(size)
	return true
}

// shorten cuts the cells to a size, and gives memory back where most of it is unused.
func (s *State) shorten(size int) {
	s.cells = s.cells[:size]
	switch {
	case size == 0:
		*s = State{}
		return
	case size < cap(s.cells)/4:
		s.cells = append(cells(nil), s.cells...)
	}
	if size < memoBytes {
		s.memo = nil
	} else if s.memo != nil {
		s.memo.valid = false
	}
}

// Sum returns a page's sum as of a slot: of the slots that [Board.Counts]. That is the slot of T, or
// a period of a calendar board that is open or not dropped yet. Slots that are part of it must not
// have been dropped.
func (s *State) Sum(b *Board, at Slot) Sum {
	if s.memo != nil && s.memo.valid && s.memo.sum.At == at {
		return s.memo.sum
	}
	sum := s.read(b, at)
	if len(s.cells) >= memoBytes {
		if s.memo == nil {
			s.memo = new(memo)
		}
		s.memo.sum, s.memo.valid = sum, true
	}
	return sum
}

// read adds up the cells.
func (s *State) read(b *Board, at Slot) Sum { return s.cells.read(b, at) }

// Bound returns the bound of a page as of a slot.
func (s *State) Bound(b *Board, at Slot) Bound { return s.cells.bound(b, at) }
