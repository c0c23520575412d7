package store

import (
	"pageheat/codec"
	"pageheat/heat"
)

// pages is where the pages of a partition are. The rules of a partition are the
// same wherever that is. It is called once for many pages where pages are counted,
// and once for each record where records are handed over one by one.
//
// An error means that pages cannot be read or written any more: the partition is
// unfit for use.
type pages interface {
	// attach says which index is told of restored pages, and where labels of pages in memory are, once, before
	// anything else.
	attach(index *heat.PageIndex, labels *labels)
	// fill finds the pages of a batch, and makes those that there are not, unless they are blocked: these are nil.
	// Blocked may be nil, and is asked about pages that are not known alone. Pages stay
	// in memory until they were changed and handed to written.
	fill(b *batch, blocked func(name []byte) bool) error
	// removed takes a page in memory whose totals are zero now, and returned one of these that has some again.
	removed(pg *page)
	returned(pg *page)
	// restore sets the totals, the label and the day of a page, perhaps not before settle; a page with zero totals is
	// removed. It returns how
	// many behaviours the table has gained by what was set; settle returns the rest. The page is nil if
	// it is not in memory.
	restore(name string, t heat.Totals, label *codec.StampedLabel, day codec.Day) (pg *page, gained uint64, err error)
	settle() (gained uint64, err error)
	// written takes the state of a page as it is now, which a checkpoint has handed out; none if the page was removed.
	written(pg *page, state []byte) error
	// inMemory returns the totals and the label of a page, and whether it is in memory. The totals of a page that was
	// removed are zero.
	inMemory(name string) (codec.PageState, bool)
	// onDisk returns the totals and the label of a page that was not in memory a moment ago, and whether
	// it is known. It may be called at any time, by any goroutine.
	onDisk(name string) (codec.PageState, bool, error)
	// each yields every page, perhaps also those that were removed, and stops early only where err returns an error then.
	each(yield func(*heat.Page) bool)
	// pass goes through the next pages, about as many as most, and drops those with a day before another one. If drop
	// is nil, it stops at the first of these. Done says that there are no more pages, or that it has stopped.
	pass(at *cursor, most int, before codec.Day, drop func(*page)) (done bool, err error)
	// err is the error of a call that could not return it.
	err() error
	// count is the number of pages.
	count() int
	// level is how much of the memory that dirty pages may take is taken.
	level() level
	// discard gives back what the pages take.
	discard() error
}

// level says how much of the memory that pages may take is taken.
type level uint8

const (
	levelLow  level = iota
	levelHigh       // a checkpoint should be taken
	levelFull       // and nothing be applied until some of it is handed out
)

// memory keeps all pages in memory.
type memory struct {
	table  *table
	gone   int // pages of it that were removed, and are not freed yet
	frees  bool
	index  *heat.PageIndex
	labels *labels
}

var _ pages = (*memory)(nil)

func (m *memory) attach(index *heat.PageIndex, labels *labels) { m.index, m.labels = index, labels }

func (m *memory) fill(b *batch, blocked func(name []byte) bool) error {
	b.look(m.table)
	if blocked == nil {
		for i := range b.size {
			b.pages[i] = b.page(m.table, i)
		}
		return nil
	}
	for i := range b.size {
		if b.unknown(m.table, i) && blocked(b.names[i]) {
			b.pages[i] = nil
		} else {
			b.pages[i] = b.page(m.table, i)
		}
	}
	return nil
}

func (m *memory) removed(*page)  { m.gone++ }
func (m *memory) returned(*page) { m.gone-- }

func (m *memory) restore(name string, t heat.Totals, label *codec.StampedLabel, day codec.Day) (*page, uint64, error) {
	if t.Behaviours == 0 && m.table.get(name) == nil {
		return nil, 0, nil
	}
	pg := m.table.getOrAdd(name)
	gained := t.Behaviours - pg.Totals.Behaviours
	pg.setTotals(m, t)
	pg.day = day
	m.labels.set(&pg.Page, label)
	m.index.Changed(&pg.Page)
	if m.free(pg) {
		pg = nil
	}
	return pg, gained, nil
}

func (m *memory) inMemory(name string) (codec.PageState, bool) {
	pg := m.table.get(name)
	if pg == nil {
		return codec.PageState{}, false
	}
	return codec.PageState{Totals: pg.Totals, Label: m.labels.get(&pg.Page), Day: pg.day}, true
}

func (m *memory) pass(at *cursor, most int, before codec.Day, drop func(*page)) (done bool, err error) {
	for ; most > 0 && int(at.number) < m.table.count; most-- {
		at.number++
		if at.take(m.table.page(at.number), before, drop) {
			return true, nil
		}
	}
	return int(at.number) >= m.table.count, nil
}

func (m *memory) onDisk(string) (codec.PageState, bool, error) { return codec.PageState{}, false, nil }

func (m *memory) each(yield func(*heat.Page) bool) {
	for pg := range m.table.all() {
		if !yield(&pg.Page) {
			return
		}
	}
}

// written frees a page whose tombstone is handed out.
func (m *memory) written(pg *page, _ []byte) error {
	m.free(pg)
	return nil
}

// free makes room for another page in the place of one that was removed, if nothing points to it. Boards know pages by
// their numbers, so their pages remain.
func (m *memory) free(pg *page) bool {
	if !m.frees || pg.state != gone || m.index.Holds(&pg.Page) {
		return false
	}
	m.table.free(pg)
	m.gone--
	return true
}

func (m *memory) settle() (uint64, error) { return 0, nil }
func (m *memory) err() error              { return nil }
func (m *memory) count() int              { return m.table.count - len(m.table.freed) - m.gone }
func (m *memory) level() level            { return levelLow }
func (m *memory) discard() error          { return nil }
