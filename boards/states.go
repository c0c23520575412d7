package boards

import (
	"encoding/binary"
	"iter"

	"pageheat/heat"
)

// States has the states of many pages of one board, in memory that the garbage collector need not go through. Its
// methods are those of [State], and are called with what is [Kept] of the page. The zero value has none.
//
// It is not safe for concurrent use.
type States struct{ slab slab }

// Kept is the state of a page in [States]. The zero value is that of a page without sums, and needs no memory but its
// own. It must not be copied while it has sums.
type Kept struct {
	// Where the cells are, and the sum as of one slot, for the same reason as a [State] has one. The numbers of both
	// slots are apart so that all takes 16 bytes.
	cellsChunk, sumChunk uint32
	size                 uint32 // of the cells
	cellsAt, sumAt       uint16
}

func (k *Kept) cellsSlot() slot { return slot{k.cellsChunk, k.cellsAt} }
func (k *Kept) sumSlot() slot   { return slot{k.sumChunk, k.sumAt} }

// Empty reports whether the state has no sums: the page needs no state on this board.
func (k *Kept) Empty() bool { return k.size == 0 }

// Len returns how many bytes the cells take.
func (k *Kept) Len() int { return int(k.size) }

// cells returns the cells of a page, with the memory that they have. They are valid until its state changes.
func (s *States) cells(k *Kept) cells {
	if k.size == 0 {
		return nil
	}
	return s.slab.bytes(k.cellsSlot())[:k.size]
}

// View returns the state of a page to read it: it must not be changed, and is valid until [States] is.
func (s *States) View(k *Kept) State { return State{cells: s.cells(k)[:k.size:k.size]} }

// Newest reads where the newest cell is: a caller that reads those of many states together, before it adds to them,
// waits for memory once. The value has no meaning.
func (s *States) Newest(k *Kept) byte {
	if k.size == 0 {
		return 0
	}
	return s.cells(k)[0]
}

// Add is [State.Add].
func (s *States) Add(k *Kept, b *Board, p Place, t *heat.Totals) (fresh bool) {
	if t.Behaviours == 0 {
		return false
	}
	c := cellOf(t, p.rate)
	before := s.cells(k)
	var a addition
	before.plan(b, p.key, &c, &a)
	if size := a.length(before); size <= cap(before) {
		before.added(before, &a)
		k.size = uint32(size)
	} else {
		into := s.slab.take(size)
		before.added(s.slab.bytes(into), &a)
		s.place(k, into, size)
	}
	if k.sumChunk != 0 {
		memory := s.slab.bytes(k.sumSlot())
		var sum Sum
		sum.get(memory)
		sum.follow(b, &c, &a)
		sum.put(memory)
	}
	return a.fresh
}

// place sets where the cells of a page are, and gives back where they were.
func (s *States) place(k *Kept, at slot, size int) {
	if k.size > 0 {
		s.slab.give(k.cellsSlot())
	}
	k.cellsChunk, k.cellsAt, k.size = at.chunk, at.at, uint32(size)
}

// Sum is [State.Sum].
func (s *States) Sum(k *Kept, b *Board, at Slot) (sum Sum) {
	if k.sumChunk != 0 {
		if memory := s.slab.bytes(k.sumSlot()); sumAsOf(memory) == at {
			sum.get(memory)
			return sum
		}
	}
	sum = s.cells(k).read(b, at)
	if k.size >= memoBytes {
		if k.sumChunk == 0 {
			p := s.slab.take(sumBytes)
			k.sumChunk, k.sumAt = p.chunk, p.at
		}
		sum.put(s.slab.bytes(k.sumSlot()))
	}
	return sum
}

// forget gives back the memory of the sum of a page.
func (s *States) forget(k *Kept) {
	if k.sumChunk != 0 {
		s.slab.give(k.sumSlot())
		k.sumChunk, k.sumAt = 0, 0
	}
}

// Slots is [State.Slots].
func (s *States) Slots(k *Kept, b *Board) iter.Seq[Slot] { return s.cells(k).slots(b) }

// Bound is [State.Bound].
func (s *States) Bound(k *Kept, b *Board, at Slot) Bound { return s.cells(k).bound(b, at) }

// Drop is [State.Drop].
func (s *States) Drop(k *Kept, b *Board, first Slot) bool {
	before := s.cells(k)
	size := before.from(b, first)
	switch {
	case size == len(before):
		return false
	case size == 0:
		s.Clear(k)
		return true
	case size < cap(before)/4: // most of it is unused
		into := s.slab.take(size)
		copy(s.slab.bytes(into), before[:size])
		s.place(k, into, size)
	default:
		k.size = uint32(size)
	}
	s.forget(k)
	return true
}

// Clear takes all sums of a page away.
func (s *States) Clear(k *Kept) {
	if k.size > 0 {
		s.slab.give(k.cellsSlot())
	}
	s.forget(k)
	*k = Kept{}
}

// Decode sets the state of a page as [Board.DecodeState] reads it. After an error it is as it was.
func (s *States) Decode(k *Kept, b *Board, from []byte) (rest []byte, err error) {
	read, rest, err := b.readCells(from)
	if err != nil {
		return nil, err
	}
	s.Clear(k)
	if len(read) > 0 {
		into := s.slab.take(len(read))
		copy(s.slab.bytes(into), read)
		s.place(k, into, len(read))
	}
	return rest, nil
}

// sumBytes is how many bytes a sum takes in memory: 13 words.
const sumBytes = 13 * wordBytes

const wordBytes = 8

// put writes a sum to memory.
func (s *Sum) put(memory []byte) {
	m := (*[sumBytes]byte)(memory)
	le := binary.LittleEndian
	le.PutUint64(m[0*wordBytes:], uint64(s.At))
	le.PutUint64(m[1*wordBytes:], s.Behaviours)
	s.clicks.put((*wideBytes)(m[2*wordBytes:]))
	s.minutes.put((*wideBytes)(m[5*wordBytes:]))
	s.likes.put((*wideBytes)(m[8*wordBytes:]))
	hi, lo := s.capped.Words()
	le.PutUint64(m[11*wordBytes:], uint64(hi))
	le.PutUint64(m[12*wordBytes:], lo)
}

// get reads what put wrote.
func (s *Sum) get(memory []byte) {
	m := (*[sumBytes]byte)(memory)
	le := binary.LittleEndian
	s.At, s.Behaviours = Slot(le.Uint64(m[0*wordBytes:])), le.Uint64(m[1*wordBytes:])
	s.clicks.get((*wideBytes)(m[2*wordBytes:]))
	s.minutes.get((*wideBytes)(m[5*wordBytes:]))
	s.likes.get((*wideBytes)(m[8*wordBytes:]))
	s.capped = heat.NewScore(int64(le.Uint64(m[11*wordBytes:])), le.Uint64(m[12*wordBytes:]))
}

// sumAsOf reads the slot of a sum.
func sumAsOf(memory []byte) Slot { return Slot(binary.LittleEndian.Uint64(memory)) }

// wideBytes are a wide number in memory.
type wideBytes [3 * wordBytes]byte

func (w *wide) put(m *wideBytes) {
	for i, word := range w {
		binary.LittleEndian.PutUint64(m[wordBytes*i:], word)
	}
}

func (w *wide) get(m *wideBytes) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(m[wordBytes*i:])
	}
}
