package processors

import (
	"cmp"
	"hash/maphash"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// sums adds up behaviours per page and minute: a hash table with open addressing that is
// emptied at every flush. Go's map would allocate a string for every page of
// every range; here the names go into one slice. Zero value is not usable.
type sums struct {
	seed    maphash.Seed
	targets int
	slots   []int32 // index into entries + 1, 0 where free; length a power of 2
	entries []pageSum
	names   []byte
	pages   []int           // entries per target partition
	minutes []boards.Minute // of the behaviours; usually there is one
	numbers map[boards.Minute]int32
	ordered []int32 // scratch for order
}

// pageSum is the sum of one page in one minute.
type pageSum struct {
	hash       uint64
	start, end uint32 // its name in sums.names
	target     int32
	minute     int32 // its number in sums.minutes
	totals     heat.Totals
}

// minSlots is the size of an empty table.
const minSlots = 1 << 10

func newSums(targets int) *sums {
	return &sums{seed: maphash.MakeSeed(), targets: targets, slots: make([]int32, minSlots), pages: make([]int, targets),
		numbers: map[boards.Minute]int32{}}
}

// count adds one behaviour of a minute, whose number is that of [sums.minute]. It returns the number of its entry.
func (s *sums) count(b heat.Behaviour, minute int32) int32 {
	h := maphash.Bytes(s.seed, b.Page) + uint64(minute)*spread
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		at := s.slots[i]
		if at == 0 {
			s.insert(i, h, b, minute)
			return int32(len(s.entries) - 1)
		}
		e := &s.entries[at-1]
		if e.hash == h && e.minute == minute && string(s.names[e.start:e.end]) == string(b.Page) {
			e.totals.Count(b)
			return at - 1
		}
	}
}

// spread makes hashes of one page in several minutes differ in all bits.
const spread = 0x9E3779B97F4A7C15

// minute returns the number of a minute, the one in which behaviours are counted next.
func (s *sums) minute(m boards.Minute) int32 {
	number, known := s.numbers[m]
	if !known {
		number = int32(len(s.minutes))
		s.minutes, s.numbers[m] = append(s.minutes, m), number
	}
	return number
}

// first is the earliest minute, 0 if there is none.
func (s *sums) first(order []int32) boards.Minute {
	switch {
	case len(s.minutes) == 0:
		return 0
	case order == nil:
		return s.minutes[0]
	default:
		return s.minutes[s.entries[order[0]].minute]
	}
}

// order are the entries by their minutes; nil if they are all of one minute, or of none.
func (s *sums) order() []int32 {
	if len(s.minutes) < 2 {
		return nil
	}
	s.ordered = s.ordered[:0]
	for i := range s.entries {
		s.ordered = append(s.ordered, int32(i))
	}
	slices.SortStableFunc(s.ordered, func(a, b int32) int {
		return cmp.Compare(s.minutes[s.entries[a].minute], s.minutes[s.entries[b].minute])
	})
	return s.ordered
}

func (s *sums) insert(slot, hash uint64, b heat.Behaviour, minute int32) {
	start := uint32(len(s.names))
	s.names = append(s.names, b.Page...)
	target := topology.Partition(b.Page, s.targets)
	s.entries = append(s.entries, pageSum{hash: hash, start: start, end: uint32(len(s.names)), target: target, minute: minute})
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
func (s *sums) bytes() int {
	return len(s.names) + len(s.entries)*entryBytes + len(s.minutes)*len(s.pages)*codec.MaxMinuteBytes
}

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
	s.minutes = s.minutes[:0]
	clear(s.numbers)
	clear(s.pages)
}
