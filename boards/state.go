package boards

import (
	"encoding/binary"
	"iter"
	"slices"

	"pageheat/heat"
)

// State is what a page has on one board: its sums in each slot, sparse. The zero value has none. All
// methods are called with the board that it belongs to.
//
// A state does not know T. Its sums depend on what was added and dropped, and not on the order. It is
// not safe for concurrent use.
//
// In memory it is its own encoding, the newest cell first, so that behaviours of the newest slot are
// added at its beginning.
type State struct {
	cells []byte
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

// Newest reads where the newest cell is: a caller that reads those of many states together, before it adds to them,
// waits for memory once. The value has no meaning.
func (s *State) Newest() byte {
	if len(s.cells) == 0 {
		return 0
	}
	return s.cells[0]
}

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
	for key, c := range o.each() {
		s.add(b, key, c)
	}
}

// add adds a cell, and reports whether it is the first of its slot.
func (s *State) add(b *Board, key uint64, c *cell) (fresh bool) {
	if newest, size := s.newest(); size > 0 && newest == key {
		var buffer [maxCellBytes]byte
		var old cell
		end := size + old.sums(s.cells[size:])
		sum := *c
		sum.add(&old)
		s.splice(size, end, sum.appendSums(buffer[:0]))
		s.remember(b, b.slotOf(key), c, &old, &sum)
		return false
	}
	slot := b.slotOf(key)
	fresh = true
	at, above, next := 0, ^uint64(0), uint64(0)
	hasAbove, hasNext, found := false, false, false
	var size, sums int // of the gap of the cell at at, and of what follows it
	for at < len(s.cells) {
		var gap uint64
		gap, size = uvarint(s.cells[at:])
		next = gap
		if hasAbove {
			next = above - gap - 1
		}
		if b.slotOf(next) == slot {
			fresh = false
		}
		if next <= key {
			hasNext, found = true, next == key
			break
		}
		above, hasAbove = next, true
		at += size + skipSums(s.cells[at+size:])
	}
	var buffer [2*maxCellBytes + binary.MaxVarintLen64]byte
	written := buffer[:0]
	gap := key
	if hasAbove {
		gap = above - key - 1
	}
	written = binary.AppendUvarint(written, gap)
	old, sum := cell{}, *c
	end := at
	switch {
	case found:
		sums = old.sums(s.cells[at+size:])
		sum.add(&old)
		written = sum.appendSums(written)
		end = at + size + sums
	case hasNext:
		written = sum.appendSums(written)
		written = binary.AppendUvarint(written, key-next-1)
		end = at + size
	default:
		written = sum.appendSums(written)
	}
	s.splice(at, end, written)
	s.remember(b, slot, c, &old, &sum)
	return fresh
}

// newest reads the key of the newest cell; its size is 0 if there is none.
func (s *State) newest() (key uint64, size int) {
	if len(s.cells) == 0 {
		return 0, 0
	}
	return uvarint(s.cells)
}

// splice puts other bytes in the place of those from at to end. It allocates only to grow.
func (s *State) splice(at, end int, other []byte) {
	if len(other) == end-at {
		copy(s.cells[at:], other)
		return
	}
	size := len(s.cells) + len(other) - (end - at)
	tail := s.cells[end:]
	if size <= cap(s.cells) {
		s.cells = s.cells[:size]
		copy(s.cells[at+len(other):], tail)
		copy(s.cells[at:], other)
		return
	}
	room := 0 // but for that in a size class: most pages have few cells and get no more
	if size >= memoBytes {
		room = size / 4 // a page that goes on growing is not copied each time
	}
	grown := slices.Grow([]byte(nil), size+room)
	grown = append(grown, s.cells[:at]...)
	grown = append(grown, other...)
	s.cells = append(grown, tail...) //nolint:gocritic // this is the new slice
}

// remember brings the memo up to date after c was added to the cell old, which made it sum.
func (s *State) remember(b *Board, slot Slot, c, old, sum *cell) {
	if s.memo == nil || !s.memo.valid || !b.Counts(slot, s.memo.sum.At) {
		return
	}
	into := &s.memo.sum
	into.add(c, b.shift(into.At-slot))
	if b.capped {
		before := heat.Score{}
		if old.behaviours > 0 {
			before = b.cap(old)
		}
		into.capped = into.capped.Add(b.cap(sum)).Sub(before)
	}
}

// key reads the key of the cell at a place after one with the key last, and returns its size too.
func (s *State) key(at int, last uint64) (key uint64, size int) {
	gap, size := uvarint(s.cells[at:])
	if at == 0 {
		return gap, size
	}
	return last - gap - 1, size
}

// each yields the cells with their keys, newest first. The cell is valid until the next.
func (s *State) each() iter.Seq2[uint64, *cell] {
	return func(yield func(uint64, *cell) bool) {
		var c cell
		key := uint64(0)
		for at := 0; at < len(s.cells); {
			var size int
			key, size = s.key(at, key)
			at += size
			at += c.sums(s.cells[at:])
			if !yield(key, &c) {
				return
			}
		}
	}
}

// Slots yields the slots in which the page has behaviours, newest first and each once.
func (s *State) Slots(b *Board) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		last, key := Slot(-1), uint64(0)
		for at := 0; at < len(s.cells); {
			var size int
			key, size = s.key(at, key)
			at += size
			at += skipSums(s.cells[at:])
			if slot := b.slotOf(key); slot != last {
				if !yield(slot) {
					return
				}
				last = slot
			}
		}
	}
}

// Drop takes away the slots before first: those before [Board.First] on a window or trending board;
// on a calendar board, closed periods that are no longer needed. It reports whether there were any.
func (s *State) Drop(b *Board, first Slot) bool {
	key := uint64(0)
	for at := 0; at < len(s.cells); {
		var size int
		key, size = s.key(at, key)
		if b.slotOf(key) < first {
			s.shorten(at)
			return true
		}
		at += size
		at += skipSums(s.cells[at:])
	}
	return false
}

// shorten cuts the cells to a size, and gives memory back where most of it is unused.
func (s *State) shorten(size int) {
	s.cells = s.cells[:size]
	switch {
	case size == 0:
		*s = State{}
		return
	case size < cap(s.cells)/4:
		s.cells = append([]byte(nil), s.cells...)
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
func (s *State) read(b *Board, at Slot) Sum {
	sum := Sum{At: at}
	for key, c := range s.each() {
		slot := b.slotOf(key)
		if slot > at {
			continue
		}
		if slot <= at-b.slots {
			break
		}
		sum.add(c, b.shift(at-slot))
		if b.capped {
			sum.capped = sum.capped.Add(b.cap(c))
		}
	}
	return sum
}
