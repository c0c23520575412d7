package boards

import (
	"encoding/binary"
	"iter"
)

// cells are the sums of a page in each slot, sparse, in bytes: the newest cell first, so that behaviours of the
// newest slot are added at the beginning. Equal sums have equal bytes. A [State] has cells in memory of their own, and
// [States] has those of many pages together.
type cells []byte

// addition is what adding a cell does to cells: other bytes take the place of those from at to end.
type addition struct {
	slot     Slot
	fresh    bool // the page had no behaviours in the slot
	old, sum cell // of the key, before and after
	at, end  int
	size     int
	other    [2*maxCellBytes + binary.MaxVarintLen64]byte // the first size of them
}

// bytes are those that take the place of others.
func (a *addition) bytes() []byte { return a.other[:a.size] }

// length is the size of cells after the addition.
func (a *addition) length(before cells) int { return len(before) + a.size - (a.end - a.at) }

// plan says what adding a cell does. It changes nothing.
func (s cells) plan(b *Board, key uint64, c *cell, a *addition) {
	a.slot, a.sum = b.slotOf(key), *c
	if newest, size := s.newest(); size > 0 && newest == key {
		a.at, a.end = size, size+a.old.sums(s[size:])
		a.sum.add(&a.old)
		a.size = len(a.sum.appendSums(a.other[:0]))
		return
	}
	a.fresh = true
	at, above, next := 0, ^uint64(0), uint64(0)
	hasAbove, hasNext, found := false, false, false
	size := 0 // of the gap of the next cell
	for at < len(s) {
		var gap uint64
		gap, size = uvarint(s[at:])
		next = gap
		if hasAbove {
			next = above - gap - 1
		}
		if b.slotOf(next) == a.slot {
			a.fresh = false
		}
		if next <= key {
			hasNext, found = true, next == key
			break
		}
		above, hasAbove = next, true
		at += size + skipSums(s[at+size:])
	}
	gap := key
	if hasAbove {
		gap = above - key - 1
	}
	written := binary.AppendUvarint(a.other[:0], gap)
	a.at, a.end = at, at
	switch {
	case found:
		a.end = at + size + a.old.sums(s[at+size:])
		a.sum.add(&a.old)
		written = a.sum.appendSums(written)
	case hasNext:
		written = a.sum.appendSums(written)
		written = binary.AppendUvarint(written, key-next-1)
		a.end = at + size
	default:
		written = a.sum.appendSums(written)
	}
	a.size = len(written)
}

// added returns the cells after an addition, in memory that has room for them: other memory only if they grow.
func (s cells) added(into []byte, a *addition) cells {
	into = into[:a.length(s)]
	if a.size != a.end-a.at {
		copy(into[a.at+a.size:], s[a.end:])
	}
	copy(into[a.at:], a.bytes())
	copy(into[:a.at], s[:a.at])
	return into
}

// newest reads the key of the newest cell; its size is 0 if there is none.
func (s cells) newest() (key uint64, size int) {
	if len(s) == 0 {
		return 0, 0
	}
	return uvarint(s)
}

// key reads the key of the cell at a place after one with the key last, and returns its size too.
func (s cells) key(at int, last uint64) (key uint64, size int) {
	gap, size := uvarint(s[at:])
	if at == 0 {
		return gap, size
	}
	return last - gap - 1, size
}

// each yields the cells with their keys, newest first. The cell is valid until the next.
func (s cells) each() iter.Seq2[uint64, *cell] {
	return func(yield func(uint64, *cell) bool) {
		var c cell
		key := uint64(0)
		for at := 0; at < len(s); {
			var size int
			key, size = s.key(at, key)
			at += size
			at += c.sums(s[at:])
			if !yield(key, &c) {
				return
			}
		}
	}
}

// slots yields the slots of the cells, newest first and each once.
func (s cells) slots(b *Board) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		last, key := Slot(-1), uint64(0)
		for at := 0; at < len(s); {
			var size int
			key, size = s.key(at, key)
			at += size
			at += skipSums(s[at:])
			if slot := b.slotOf(key); slot != last {
				if !yield(slot) {
					return
				}
				last = slot
			}
		}
	}
}

// from returns the size of the cells of slots not before first, which come first.
func (s cells) from(b *Board, first Slot) int {
	key := uint64(0)
	for at := 0; at < len(s); {
		var size int
		key, size = s.key(at, key)
		if b.slotOf(key) < first {
			return at
		}
		at += size
		at += skipSums(s[at:])
	}
	return len(s)
}

// read adds up the cells.
func (s cells) read(b *Board, at Slot) Sum {
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

// bound returns the bound of a page with these cells as of a slot.
func (s cells) bound(b *Board, at Slot) Bound {
	var bound Bound
	for key, c := range s.each() {
		slot := b.slotOf(key)
		if slot <= at-b.slots {
			break
		}
		// The sums of a cell are times rates, 1 on boards without.
		r := b.reach(1, slot-at)
		bound = r.add(bound, floatOf(c.clicks), floatOf(c.minutes), signedFloat(c.likes))
	}
	return bound
}
