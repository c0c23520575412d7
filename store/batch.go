package store

import (
	"errors"
	"fmt"
	"io"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// batchPages is the number of pages of a range that are looked up together. A processor has
// ten to twenty memory accesses in flight at a time.
const batchPages = 64

// batch are the next pages of a range.
type batch struct {
	size    int
	names   [batchPages][]byte
	minutes [batchPages]boards.Minute
	totals  [batchPages]heat.Totals
	labels  [batchPages]*codec.StampedLabel // nil for most
	hashes  [batchPages]uint32
	pages   [batchPages]*page // that may be those of the names
	dirtied [batchPages]bool  // they are dirty since they were changed
	states  [batchPages]*boardPage
	// touched has no meaning: it keeps the compiler from removing the reads.
	touched uint32
}

// read takes the next pages of a range, and says whether there may be more.
func (b *batch) read(r *codec.RangeReader) (more bool, err error) {
	for b.size = 0; b.size < batchPages; b.size++ {
		name, err := r.Next(&b.totals[b.size])
		if err != nil {
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return false, err
		}
		b.names[b.size], b.minutes[b.size] = name, r.Minute
		if label := r.Label(); label != b.labels[b.size] {
			b.labels[b.size] = label
		}
	}
	return true, nil
}

// subtract subtracts what was counted before, by page and minute, and drops the pages without a rest.
func (b *batch) subtract(before Sums) error {
	kept := 0
	for i := range b.size {
		t := &b.totals[i]
		if counted, ok := before[codec.PageMinute{Page: string(b.names[i]), Minute: b.minutes[i]}]; ok {
			if err := t.Sub(&counted.Totals); err != nil {
				return fmt.Errorf("page %q: taking off what was counted before: %w", b.names[i], err)
			}
		}
		if t.Behaviours == 0 {
			continue
		}
		if kept < i {
			b.take(kept, i)
		}
		kept++
	}
	b.size = kept
	return nil
}

// relabel gives pages other labels.
func (b *batch) relabel(labels map[codec.PageMinute]*codec.StampedLabel) {
	if len(labels) == 0 {
		return
	}
	for i := range b.size {
		if l, ok := labels[codec.PageMinute{Page: string(b.names[i]), Minute: b.minutes[i]}]; ok {
			b.labels[i] = l
		}
	}
}

// look finds the pages of the batch. Each loop waits for memory that no other turn
// of it depends on, which is what makes them quick: first the slots, then the
// pages and their names.
func (b *batch) look(t *table) {
	mask := uint32(len(t.slots) - 1)
	touched := uint32(0)
	for i, name := range b.names[:b.size] {
		b.hashes[i] = t.hashOf(name)
		touched += t.slots[b.hashes[i]&mask].at
	}
	for i, hash := range b.hashes[:b.size] {
		b.pages[i] = nil
		if at := t.slots[t.probe(hash, hash)].at; at != 0 {
			b.pages[i] = t.page(at)
		}
	}
	for _, pg := range b.pages[:b.size] {
		if pg != nil && len(pg.Name) > 0 {
			touched += uint32(pg.Name[0]) + uint32(pg.Totals.Behaviours)
		}
	}
	b.touched = touched
}

// lookOn finds what a board has of the pages of the batch, and their states, as look does.
func (b *batch) lookOn(t *boardTable) {
	touched := uint32(0)
	for i, pg := range b.pages[:b.size] {
		b.states[i] = t.get(pg)
	}
	for _, e := range b.states[:b.size] {
		if e != nil {
			touched += uint32(e.state.Len())
		}
	}
	for _, e := range b.states[:b.size] {
		if e != nil {
			touched += uint32(t.states.Newest(&e.state))
		}
	}
	b.touched = touched
}

// unknown reports whether there is no page of a name of the batch, or it was removed.
func (b *batch) unknown(t *table, i int) bool {
	pg := b.pages[i]
	if pg == nil || pg.Name != string(b.names[i]) {
		pg = find(t, b.hashes[i], b.names[i])
	}
	return pg == nil || pg.Totals.Behaviours == 0
}

// leaveOut drops what is of no page, and returns how many behaviours that are.
func (b *batch) leaveOut() (behaviours uint64) {
	kept := 0
	for i := range b.size {
		if b.pages[i] == nil {
			behaviours += b.totals[i].Behaviours
			continue
		}
		if kept < i {
			b.take(kept, i)
			b.pages[kept] = b.pages[i]
		}
		kept++
	}
	b.size = kept
	return behaviours
}

// take moves what was read to an earlier place.
func (b *batch) take(to, from int) {
	b.names[to], b.minutes[to], b.totals[to], b.labels[to] = b.names[from], b.minutes[from], b.totals[from], b.labels[from]
}

// page is the page of a name of the batch, a new one if there is none.
func (b *batch) page(t *table, i int) *page {
	if pg := b.pages[i]; pg != nil && pg.Name == string(b.names[i]) {
		return pg
	}
	// Another with the same hash, or none when the batch was looked up.
	return findOrAdd(t, b.hashes[i], b.names[i])
}
