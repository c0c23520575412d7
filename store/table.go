package store

import (
	"hash/maphash"
	"iter"
	"strings"
)

// table finds pages by name: a hash table with open addressing and linear
// probing, in front of pages that never move. Unlike Go's map, it
// looks up many pages together (see batch). With a million pages most lookups miss the
// processor's caches and wait for memory; together, the waits overlap.
//
// Pages lie in blocks and names in long strings, so that the garbage collector
// has few objects to go through. A page that is freed takes another name later.
type table struct {
	seed   maphash.Seed
	slots  []slot // as many as a power of 2
	blocks [][]page
	count  int             // of pages, those that are freed among them
	freed  []uint32        // their numbers
	names  strings.Builder // the newest names; filled up to its capacity
}

// slot is a place in the hash table: a hash of a page's name, whose low bits say
// where it belongs, and 1 + the number of the page; 0 is a free slot.
type slot struct{ hash, at uint32 }

const (
	// blockPages is how many pages are made at a time.
	blockPages = 1 << blockBits
	blockBits  = 10
	// leastSlots is the size of an empty table.
	leastSlots = 1 << 6
	// nameBytes is how many bytes of names are made at a time.
	nameBytes = 32 << 10
)

func newTable() *table {
	return &table{seed: maphash.MakeSeed(), slots: make([]slot, leastSlots)}
}

// page is the page with a number.
func (t *table) page(at uint32) *page {
	at--
	return &t.blocks[at>>blockBits][at&(blockPages-1)]
}

// hashOf is what places a name.
func (t *table) hashOf(name []byte) uint32 { return uint32(maphash.Bytes(t.seed, name)) }

// get returns the page of a name, nil if there is none.
func (t *table) get(name string) *page {
	return find(t, uint32(maphash.String(t.seed, name)), name)
}

// getOrAdd returns the page of a name, a new one if there is none.
func (t *table) getOrAdd(name string) *page {
	return findOrAdd(t, uint32(maphash.String(t.seed, name)), name)
}

// probe returns the first slot from i on that is free or has the hash.
func (t *table) probe(i, hash uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	for i &= mask; ; i = (i + 1) & mask {
		if s := t.slots[i]; s.at == 0 || s.hash == hash {
			return i
		}
	}
}

// find returns the page of a name with its hash, nil if there is none.
func find[N string | []byte](t *table, hash uint32, name N) *page {
	for i := t.probe(hash, hash); ; i = t.probe(i+1, hash) {
		at := t.slots[i].at
		if at == 0 {
			return nil
		}
		if pg := t.page(at); pg.Name == string(name) {
			return pg
		}
	}
}

// findOrAdd returns the page of a name with its hash, a new one if there is none.
func findOrAdd[N string | []byte](t *table, hash uint32, name N) *page {
	if pg := find(t, hash, name); pg != nil {
		return pg
	}
	if 4*(t.count+1) > 3*len(t.slots) {
		t.grow()
	}
	var at uint32
	if n := len(t.freed); n > 0 {
		at, t.freed = t.freed[n-1], t.freed[:n-1]
	} else {
		if t.count>>blockBits == len(t.blocks) {
			t.blocks = append(t.blocks, make([]page, blockPages))
		}
		t.count++
		at = uint32(t.count)
	}
	t.place(slot{hash: hash, at: at})
	pg := t.page(at)
	pg.Name, pg.Number = keepName(&t.names, name), at
	return pg
}

// free takes a page out, to which nothing may point any more. Slots behind it that would not be found move up.
func (t *table) free(pg *page) {
	mask := uint32(len(t.slots) - 1)
	hole := uint32(maphash.String(t.seed, pg.Name)) & mask
	for t.slots[hole].at != pg.Number {
		hole = (hole + 1) & mask
	}
	for i := (hole + 1) & mask; t.slots[i].at != 0; i = (i + 1) & mask {
		if home := t.slots[i].hash & mask; (i-home)&mask >= (i-hole)&mask { // the hole is on its way
			t.slots[hole], hole = t.slots[i], i
		}
	}
	t.slots[hole] = slot{}
	t.freed = append(t.freed, pg.Number)
	*pg = page{}
}

// place puts a slot where it belongs, or into the next one that is free.
func (t *table) place(s slot) {
	mask := uint32(len(t.slots) - 1)
	i := s.hash & mask
	for t.slots[i].at != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

// keepName returns a copy of the name in a string that it shares with others. (A
// Builder never moves what is in it while its capacity lasts.)
func keepName[N string | []byte](names *strings.Builder, name N) string {
	if names.Cap()-names.Len() < len(name) {
		names.Reset()
		names.Grow(max(nameBytes, len(name)))
	}
	start := names.Len()
	_, _ = names.WriteString(string(name)) // never fails
	return names.String()[start:]
}

// grow doubles the number of slots.
func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.at != 0 {
			t.place(s)
		}
	}
}

// all yields every page, and those that are freed, which have nothing.
func (t *table) all() iter.Seq[*page] {
	return func(yield func(*page) bool) {
		for n := range t.count {
			if !yield(t.page(uint32(n + 1))) {
				return
			}
		}
	}
}
