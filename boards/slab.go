package boards

import (
	"encoding/binary"
	"math/bits"
)

// slab has the memory of the states of a board: millions of pieces of some ten bytes each. As objects of their own,
// the garbage collector would follow a pointer to each of them in each cycle, which takes so much processor time that
// boards are late meanwhile. Here they are slots in chunks, which hold no pointers, and a slot is known by
// numbers.
//
// A chunk has slots of one size. Sizes are in classes, eight for each doubling. A slot that
// is given back is taken again before one that never was, and a chunk without slots in use goes back to the collector, so
// that classes that are not needed any more leave nothing. More than largestSlot has a chunk of its own. Nothing ever
// moves, so growth takes no longer where there is much. The zero value is empty.
type slab struct {
	chunks []chunk         // by number, less 1
	gone   []uint32        // numbers of chunks that went back
	roomy  [classes]uint32 // for each class the first chunk that has room; 0 if there is none
	held   int             // bytes of all chunks
}

// slot is the number of a chunk, and where the slot begins in it, in units. The zero value is no slot.
type slot struct {
	chunk uint32
	at    uint16
}

// chunk has slots of one size.
type chunk struct {
	bytes []byte
	size  int // of a slot
	used  int // slots
	fresh int // where the slots begin that were never taken
	freed int // 1 + where the slot begins that was given back last; it begins with where the one before does
	// Chunks of the class that have room are a ring.
	next, last uint32
}

const (
	unit        = 8
	largestSlot = 4096
	perDoubling = 8 // sizes
	classes     = 56
	// A chunk has at least leastSlots. Chunks of small slots grow with the slab, so that a board with few pages takes
	// little, up to a size that is likely to be given back.
	leastSlots = 8
	leastChunk = 1 << 10
	usualChunk = 8 << 10
)

// classOf returns the class of slots for so many bytes, at most largestSlot: of 8, 16, 24 and so on to 128, 144, 160 and
// so on to 256, 288, 320 and so on.
func classOf(bytes int) int {
	if bytes <= perDoubling*unit {
		return (bytes - 1) / unit
	}
	doubling := bits.Len(uint(bytes-1)) - 4 // the size has four binary digits before so many zeros
	return perDoubling*(doubling-2) + (bytes-1)>>doubling - perDoubling
}

// sizeOf returns the size of the slots of a class.
func sizeOf(class int) int {
	if class < perDoubling {
		return (class + 1) * unit
	}
	return (perDoubling + 1 + class%perDoubling) << (class/perDoubling + 2)
}

// take returns a slot for so many bytes, at least 1. What is in it has no meaning.
func (s *slab) take(bytes int) slot {
	if bytes > largestSlot {
		size := bytes + bytes/4 // it may go on growing
		number := s.open(size, size)
		c := s.chunk(number)
		c.used, c.fresh = 1, size
		return slot{chunk: number}
	}
	class := classOf(bytes)
	number := s.roomy[class]
	if number == 0 {
		size := sizeOf(class)
		number = s.open(size, max(leastSlots*size, min(max(s.held, leastChunk), usualChunk)/size*size))
		s.link(class, number)
	}
	c := s.chunk(number)
	at := c.fresh
	if c.freed > 0 {
		at = c.freed - 1
		c.freed = int(binary.LittleEndian.Uint32(c.bytes[at:]))
	} else {
		c.fresh += c.size
	}
	if c.used++; c.full() {
		s.unlink(class, number)
	}
	return slot{chunk: number, at: uint16(at / unit)}
}

// give gives a slot back.
func (s *slab) give(p slot) {
	c := s.chunk(p.chunk)
	full := c.full()
	if c.used--; c.used == 0 {
		if !full {
			s.unlink(classOf(c.size), p.chunk)
		}
		s.held -= len(c.bytes)
		*c = chunk{}
		s.gone = append(s.gone, p.chunk)
		return
	}
	at := int(p.at) * unit
	binary.LittleEndian.PutUint32(c.bytes[at:], uint32(c.freed))
	c.freed = at + 1
	if full {
		s.link(classOf(c.size), p.chunk)
	}
}

// bytes returns the memory of a slot, which is valid until it is given back.
func (s *slab) bytes(p slot) []byte {
	c := s.chunk(p.chunk)
	at := int(p.at) * unit
	return c.bytes[at : at+c.size : at+c.size]
}

func (s *slab) chunk(number uint32) *chunk { return &s.chunks[number-1] }

// full reports whether all slots are in use.
func (c *chunk) full() bool { return c.freed == 0 && c.fresh+c.size > len(c.bytes) }

// open makes a chunk for slots of a size, and returns its number.
func (s *slab) open(size, bytes int) (number uint32) {
	if n := len(s.gone); n > 0 {
		number, s.gone = s.gone[n-1], s.gone[:n-1]
	} else {
		s.chunks = append(s.chunks, chunk{})
		number = uint32(len(s.chunks))
	}
	*s.chunk(number) = chunk{bytes: make([]byte, bytes), size: size}
	s.held += bytes
	return number
}

// link puts a chunk that has room before the others of its class.
func (s *slab) link(class int, number uint32) {
	c, next := s.chunk(number), s.roomy[class]
	c.next, c.last = number, number
	if next > 0 {
		c.next, c.last = next, s.chunk(next).last
		s.chunk(c.last).next, s.chunk(next).last = number, number
	}
	s.roomy[class] = number
}

// unlink takes a chunk out of those that have room.
func (s *slab) unlink(class int, number uint32) {
	c := s.chunk(number)
	s.chunk(c.last).next, s.chunk(c.next).last = c.next, c.last
	if s.roomy[class] == number {
		s.roomy[class] = c.next
	}
	if c.next == number {
		s.roomy[class] = 0
	}
}
