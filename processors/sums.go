package processors

import (
	"hash/maphash"

	"pageheat/heat"
	"pageheat/topology"
)

// sums adds up behaviours per page: a hash table with open addressing that is
// emptied at every flush. Go's map would allocate a string for every page of
// every range; here the names go into one slice. Zero value is not usable.
type sums struct {
	seed    maphash.Seed
	targets int
	slots   []int32 // index into entries + 1, 0 where free; length a power of 2
	entries []pageSum
	names   []byte
	pages   []int // entries per target partition
}

// pageSum is the sum of one page.
type pageSum struct {
	hash       uint64
	start, end uint32 // its name in sums.names
	target     int32
	totals     heat.Totals
}

// minSlots is the size of an empty table.
const minSlots = 1 << 10

func newSums(targets int) *sums {
	return &sums{seed: maphash.MakeSeed(), targets: targets, slots: make([]int32, minSlots), pages: make([]int, targets)}
}

// count adds one behaviour.
func (s *sums) count(b heat.Behaviour) {
	h := maphash.Bytes(s.seed, b.Page)
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		at := s.slots[i]
		if at == 0 {
			s.insert(i, h, b)
			return
		}
		e := &s.entries[at-1]
		if e.hash == h && string(s.names[e.start:e.end]) == string(b.Page) {
			e.totals.Count(b)
			return
		}
	}
}

func (s *sums) insert(slot, hash uint64, b heat.Behaviour) {
	start := uint32(len(s.names))
	s.names = append(s.names, b.Page...)
	target := topology.Partition(b.Page, s.targets)
	s.entries = append(s.entries, pageSum{hash: hash, start: start, end: uint32(len(s.names)), target: target})
	s.entries[len(s.entries)-1].totals.Count(b)
	s.pages[target]++
	s.slots[slot] = int32(len(s.entries))
	if len(s.entries)*2 > len(s.slots) {
		s.resize(len(s.slots) * 2)
	}
}

func (s *sums) resize(slots int) {
	s.slots = make([]int32, slots)
	mask := uint64(slots - 1)
	for n := range s.entries {
		i := s.entries[n].hash & mask
		for s.slots[i] != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = int32(n + 1)
	}
}

// name is the page of an entry; it is valid until the next reset.
func (s *sums) name(e *pageSum) []byte { return s.names[e.start:e.end] }

// bytes bounds the size of what a flush would send.
func (s *sums) bytes() int { return len(s.names) + len(s.entries)*entryBytes }

// entryBytes bounds what a page's sum takes on the wire besides its name: its
// length, its four numbers (a sum of at most some 65,536 behaviours).
const entryBytes = 3 + 4*10

// reset empties the table, and makes it smaller when it was far too large.
func (s *sums) reset() {
	if len(s.slots) > minSlots && len(s.entries)*16 < len(s.slots) {
		s.slots = make([]int32, len(s.slots)/2)
	} else {
		clear(s.slots)
	}
	s.entries = s.entries[:0]
	s.names = s.names[:0]
	clear(s.pages)
}
