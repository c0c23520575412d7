package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/heat"
)

const (
	// residentBytes is how much memory pages may take, about.
	residentBytes = 32 << 20
	// pageBytes is what a page in memory takes besides its name.
	pageBytes = 256
	// writeRecords is how many states are written to disk at a time.
	writeRecords = 1024
	// readers is how many pages are read at a time: a disk is quick when it is asked
	// for many.
	readers = 8
	// leastSweep is how many pages are held at least when they are gone through.
	leastSweep = 1024
)

// diskPages keeps pages on disk. In memory, and so newer than on disk, are only
//   - dirty pages, and those that the open checkpoint has yet to hand out,
//   - pages whose states are written with the next batch (pending),
//   - pages that the index holds, which has pointers to them (held).
//
// All others are on disk as they are.
type diskPages struct {
	dir   string
	db    *leveldb.DB
	gone  func() // is told once when the pages are discarded
	index *heat.PageIndex
	known int // pages, in memory and on disk

	labels     *labels               // of resident
	readLabels []*codec.StampedLabel // of missing

	resident map[string]*page
	bytes    int // of resident, about
	missing  []*page

	batch   leveldb.Batch
	records int     // written at a time
	pending []*page // whose states are in the batch
	state   []byte

	held  []*page // that have not changed; more may have left the index since
	sweep int     // number of held pages that starts a sweep

	restoring batch
	names     []byte                // of restoring
	days      [batchPages]codec.Day // of restoring
	passed    batch                 // pages that a pass brings in

	failed error
}

var _ pages = (*diskPages)(nil)

// newDiskPages keeps pages in a database, and writes the given number of records at a time.
func newDiskPages(dir string, db *leveldb.DB, records int) *diskPages {
	return &diskPages{dir: dir, db: db, records: records, resident: make(map[string]*page), sweep: leastSweep}
}

func (d *diskPages) attach(index *heat.PageIndex, labels *labels) { d.index, d.labels = index, labels }
func (d *diskPages) err() error                                   { return d.failed }
func (d *diskPages) count() int                                   { return d.known }

func (d *diskPages) level() level {
	switch taken := d.bytes + d.labels.bytes; {
	case taken >= residentBytes:
		return levelFull
	case taken >= residentBytes/2:
		return levelHigh
	default:
		return levelLow
	}
}

func (d *diskPages) fail(doing string, err error) error {
	if d.failed == nil {
		d.failed = diskError(doing, d.dir, err)
	}
	return d.failed
}

func (d *diskPages) fill(b *batch, blocked func(name []byte) bool) error {
	d.missing = d.missing[:0]
	for i, name := range b.names[:b.size] {
		pg := d.resident[string(name)]
		if pg == nil {
			pg = &page{Page: heat.Page{Name: string(name)}}
			d.admit(pg)
			d.missing = append(d.missing, pg)
		}
		b.pages[i] = pg
	}
	if err := d.readMissing(); err != nil || blocked == nil {
		return err
	}
	for i, pg := range b.pages[:b.size] {
		if pg.Totals.Behaviours > 0 || !blocked(b.names[i]) {
			continue
		}
		b.pages[i] = nil
		if pg.state == 0 && d.resident[pg.Name] == pg { // it is new
			d.drop(pg)
			d.known--
		}
	}
	return nil
}

func (d *diskPages) removed(*page)  { d.known-- }
func (d *diskPages) returned(*page) { d.known++ }

// readMissing reads the missing pages that are on disk; the others are new.
func (d *diskPages) readMissing() error {
	d.readLabels = append(d.readLabels[:0], make([]*codec.StampedLabel, len(d.missing))...)
	var found [readers]int
	var group errgroup.Group
	for r := range min(readers, len(d.missing)) {
		group.Go(func() error {
			for i := r; i < len(d.missing); i += readers {
				pg := d.missing[i]
				s, ok, err := d.load([]byte(pg.Name))
				if err != nil {
					return err
				}
				if ok {
					pg.Totals, pg.day, d.readLabels[i] = s.Totals, s.Day, s.Label
					found[r]++
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return d.fail("reading a page in", err)
	}
	for i, label := range d.readLabels {
		d.labels.set(&d.missing[i].Page, label)
	}
	clear(d.readLabels)
	d.known += len(d.missing)
	for _, n := range found {
		d.known -= n
	}
	return nil
}

// load reads a page.
func (d *diskPages) load(name []byte) (codec.PageState, bool, error) {
	state, err := d.db.Get(name, nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return codec.PageState{}, false, nil
	}
	if err != nil {
		return codec.PageState{}, false, err
	}
	s, err := codec.DecodePage(state)
	if err != nil {
		return codec.PageState{}, false, fmt.Errorf("page %q: %w", name, err)
	}
	return codec.PageState{Totals: s.Totals, Label: s.Label, Day: s.Day}, true, nil
}

func (d *diskPages) inMemory(name string) (codec.PageState, bool) {
	b := &d.restoring
	for i := b.size - 1; i >= 0; i-- {
		if string(b.names[i]) == name {
			return codec.PageState{Totals: b.totals[i], Label: b.labels[i], Day: d.days[i]}, true
		}
	}
	if pg := d.resident[name]; pg != nil {
		return codec.PageState{Totals: pg.Totals, Label: d.labels.get(&pg.Page), Day: pg.day}, true
	}
	return codec.PageState{}, false
}

func (d *diskPages) onDisk(name string) (codec.PageState, bool, error) {
	s, ok, err := d.load([]byte(name))
	if err != nil {
		return codec.PageState{}, false, diskError("reading a page in", d.dir, err)
	}
	return s, ok, nil
}

// restore gathers pages, so that they are looked up together.
func (d *diskPages) restore(name string, t heat.Totals, label *codec.StampedLabel, day codec.Day) (_ *page, gained uint64, err error) {
	b := &d.restoring
	start := len(d.names)
	d.names = append(d.names, name...)
	b.names[b.size], b.totals[b.size], b.labels[b.size] = d.names[start:len(d.names):len(d.names)], t, label
	d.days[b.size] = day
	b.size++
	if b.size < batchPages {
		return nil, 0, d.failed
	}
	gained, err = d.settle()
	return nil, gained, err
}

func (d *diskPages) settle() (gained uint64, err error) {
	b := &d.restoring
	if b.size == 0 {
		return 0, d.failed
	}
	if err := d.fill(b, nil); err != nil {
		return 0, err
	}
	for i, pg := range b.pages[:b.size] {
		gained += b.totals[i].Behaviours - pg.Totals.Behaviours
		pg.setTotals(d, b.totals[i])
		pg.day = d.days[i]
		d.labels.set(&pg.Page, b.labels[i])
		d.index.Changed(&pg.Page)
		d.state = d.state[:0]
		if pg.Totals.Behaviours > 0 {
			d.state = codec.AppendPage(d.state, &pg.Totals, b.labels[i], pg.day, 0)
		}
		d.put(pg, d.state)
	}
	b.size, d.names = 0, d.names[:0]
	return gained, d.write()
}

func (d *diskPages) written(pg *page, state []byte) error {
	d.put(pg, state)
	return d.write()
}

// put has a page written with the next batch, or deleted if it has no state.
func (d *diskPages) put(pg *page, state []byte) {
	if len(state) == 0 {
		d.batch.Delete([]byte(pg.Name))
	} else {
		d.batch.Put([]byte(pg.Name), state)
	}
	d.pending = append(d.pending, pg)
}

// write writes the batch if it is large enough, and forgets the pages in it.
func (d *diskPages) write() error {
	if d.failed != nil || len(d.pending) < d.records {
		return d.failed
	}
	if err := d.db.Write(&d.batch, nil); err != nil {
		return d.fail("writing pages in", err)
	}
	d.batch.Reset()
	for _, pg := range d.pending {
		d.forget(pg)
	}
	clear(d.pending)
	d.pending = d.pending[:0]
	if len(d.held) >= d.sweep {
		d.sweepHeld()
	}
	return nil
}

// forget drops a page that disk has as it is, unless the index holds it.
func (d *diskPages) forget(pg *page) {
	switch {
	case pg.state&(dirty|writing) != 0: // it has changed again
	case !d.index.Holds(&pg.Page):
		d.drop(pg)
	case pg.state&held == 0:
		pg.state |= held
		d.held = append(d.held, pg)
	}
}

// sweepHeld drops the pages that have left the index. One that has changed comes
// back when it is written.
func (d *diskPages) sweepHeld() {
	kept := d.held[:0]
	for _, pg := range d.held {
		unchanged := pg.state&(dirty|writing) == 0
		if unchanged && d.index.Holds(&pg.Page) {
			kept = append(kept, pg)
			continue
		}
		pg.state &^= held
		if unchanged {
			d.drop(pg)
		}
	}
	clear(d.held[len(kept):])
	d.held, d.sweep = kept, max(2*len(kept), leastSweep)
}

// admit keeps a page in memory.
func (d *diskPages) admit(pg *page) {
	d.resident[pg.Name] = pg
	d.bytes += pageBytes + len(pg.Name)
}

// drop takes a page out of memory, if it is there.
func (d *diskPages) drop(pg *page) {
	if d.resident[pg.Name] == pg {
		delete(d.resident, pg.Name)
		d.labels.set(&pg.Page, nil)
		d.bytes -= pageBytes + len(pg.Name)
	}
}

// each yields the pages in memory and then those that are on disk alone. Of these,
// the index may want to hold some.
func (d *diskPages) each(yield func(*heat.Page) bool) {
	for _, pg := range d.resident {
		if !yield(&pg.Page) {
			return
		}
	}
	if d.known == 0 {
		return
	}
	type joins struct {
		*page
		label *codec.StampedLabel
	}
	var joined []joins
	sweep := leastSweep
	stillHeld := func() {
		joined = slices.DeleteFunc(joined, func(pg joins) bool { return !d.index.Holds(&pg.Page) })
		sweep = max(2*len(joined), leastSweep)
	}
	all := d.db.NewIterator(nil, &opt.ReadOptions{DontFillCache: true})
	defer all.Release()
	for all.Next() {
		if d.resident[string(all.Key())] != nil {
			continue
		}
		s, err := codec.DecodePage(all.Value())
		if err != nil {
			_ = d.fail("reading all pages in", fmt.Errorf("page %q: %w", all.Key(), err))
			return
		}
		pg := &page{Page: heat.Page{Name: string(all.Key()), Totals: s.Totals}, day: s.Day}
		if !yield(&pg.Page) {
			return
		}
		if d.index.Holds(&pg.Page) {
			if joined = append(joined, joins{pg, s.Label}); len(joined) >= sweep {
				stillHeld()
			}
		}
	}
	if err := all.Error(); err != nil {
		_ = d.fail("reading all pages in", err)
		return
	}
	stillHeld()
	for _, pg := range joined {
		d.admit(pg.page)
		d.labels.set(&pg.Page, pg.label)
		pg.state |= held
		d.held = append(d.held, pg.page)
	}
}

// pass brings pages in that are on disk alone. These are dropped from memory again with the next ones that are written, as
// all pages are that have changed.
func (d *diskPages) pass(at *cursor, most int, before codec.Day, drop func(*page)) (done bool, err error) {
	if !at.resident { // what leaves memory later has been passed, or has a later day
		at.resident = true
		for _, pg := range d.resident {
			if at.take(pg, before, drop) {
				return true, nil
			}
		}
		return false, nil
	}
	all := d.db.NewIterator(&util.Range{Start: []byte(at.name)}, &opt.ReadOptions{DontFillCache: true})
	defer all.Release()
	b := &d.passed
	for b.size = 0; most > 0 && b.size < batchPages && all.Next(); most-- {
		at.name = string(all.Key()) + "\x00" // after it
		if d.resident[string(all.Key())] != nil {
			continue
		}
		s, err := codec.DecodePage(all.Value())
		if err != nil {
			return false, d.fail("reading all pages in", fmt.Errorf("page %q: %w", all.Key(), err))
		}
		if s.Day < before {
			b.names[b.size] = bytes.Clone(all.Key())
			b.size++
		}
	}
	if err := all.Error(); err != nil {
		return false, d.fail("reading all pages in", err)
	}
	done = most > 0 && b.size < batchPages
	if b.size == 0 {
		return done, nil
	}
	if at.stopped = drop == nil; at.stopped {
		return true, nil
	}
	if err := d.fill(b, nil); err != nil {
		return false, err
	}
	for _, pg := range b.pages[:b.size] {
		at.take(pg, before, drop)
	}
	return done, nil
}

func (d *diskPages) discard() error {
	if d.gone == nil {
		return nil
	}
	d.gone()
	d.gone = nil
	_ = d.fail("using", leveldb.ErrClosed)
	_ = d.db.Close() // says again what failed before; only the files matter now
	if d.dir == "" {
		return nil // its files are in memory
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return diskError("deleting", d.dir, err)
	}
	return nil
}
