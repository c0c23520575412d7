package store

import (
	"slices"

	"pageheat/boards"
	"pageheat/codec"
)

// boardFinals makes the final boards of a calendar board: the hottest pages of each period that is closed,
// as long as it is held. What is counted later is late, so they do not change. They are sent when the
// checkpoint is committed in which the period was closed: an owner after a crash has the same.
type boardFinals struct {
	of        *boardTable
	committed boards.Minute // T that was committed
	closed    map[boards.Slot]closedPeriod
	making    *finalBoard     // nil if all are made
	due       bool            // they are sent with the next leaders
	next      boards.Slot     // the first that was not sent with the last ones; 0 to begin with the oldest
	closings  []codec.Closing // of periods that are held, oldest first; what is in it never changes
}

// finalBytes is how much of final boards is sent with one message of leaders, but for one board. An hour is held
// for a day, and may have a thousand pages with long names.
const finalBytes = 256 << 10

// offsetBytes is the most that an offset takes in a message.
const offsetBytes = 8

// closedPeriod are the hottest pages of a period: encoded, and to look their labels up.
type closedPeriod struct {
	encoded []byte
	pages   []*page
}

// finalBoard is the board of a period that is being made.
type finalBoard struct {
	period boards.Slot
	rest   []pageAt
	tops   map[string][]finalPage // the hottest pages; by group if there is a maximum for each
}

// finalPage is a page with what orders it.
type finalPage struct {
	page  *boardPage
	name  string
	score boards.Score
}

func (a finalPage) compare(b finalPage) int {
	switch {
	case a.page == b.page:
		return 0
	case boards.Before(a.score, a.name, b.score, b.name):
		return -1
	default:
		return 1
	}
}

// newBoardFinals returns nil for a board without periods.
func newBoardFinals(t *boardTable) *boardFinals {
	if t.board.Definition().Kind != boards.Calendar {
		return nil
	}
	return &boardFinals{of: t, closed: map[boards.Slot]closedPeriod{}}
}

// advance goes through a piece of the pages of a closed period that has no final board yet. It reports
// whether there is more to do.
func (f *boardFinals) advance() (more bool) {
	if f.making == nil && !f.begin() {
		return false
	}
	m := f.making
	n := min(f.of.turnPages, len(m.rest))
	for _, at := range m.rest[:n] {
		m.add(f.of, f.of.at(at))
	}
	if m.rest = m.rest[n:]; len(m.rest) > 0 {
		return true
	}
	closed := closedPeriod{encoded: []byte{}}
	for _, p := range m.top(f.of.board.Definition().Size) {
		closed.encoded = f.of.appendSum(closed.encoded, p.page, m.period)
		closed.pages = append(closed.pages, f.of.pageOf(p.page))
	}
	f.closed[m.period], f.making = closed, nil
	return true
}

// begin takes the oldest closed period that has no final board. It forgets those that are not held.
func (f *boardFinals) begin() bool {
	t := f.of
	held := t.board.Held(t.asOf)
	for period := range f.closed {
		if period < held {
			delete(f.closed, period)
		}
	}
	for period := held; period < t.board.First(t.asOf); period++ {
		if _, made := f.closed[period]; !made {
			f.making = &finalBoard{period: period, rest: t.holders.In(period), tops: map[string][]finalPage{}}
			return true
		}
	}
	return false
}

// add adds a page, which may be given twice.
func (m *finalBoard) add(t *boardTable, e *boardPage) {
	if !e.allowed {
		return
	}
	sum := t.states.Sum(&e.state, t.board, m.period)
	if !t.board.Qualifies(&sum) {
		return
	}
	d, name := t.board.Definition(), t.nameOf(e)
	in, most := "", d.Size
	if d.MaxPerGroup > 0 {
		if group, ok := t.board.Group(name); ok {
			in, most = group, min(d.MaxPerGroup, d.Size)
		}
	}
	p, top := finalPage{e, name, t.board.Score(&sum)}, m.tops[in]
	at, found := slices.BinarySearchFunc(top, p, finalPage.compare)
	if found || at == most {
		return
	}
	top = slices.Insert(top, at, p)
	m.tops[in] = top[:min(most, len(top))]
}

// top are the hottest pages of all.
func (m *finalBoard) top(size int) []finalPage {
	var all []finalPage
	for _, top := range m.tops {
		all = append(all, top...)
	}
	slices.SortFunc(all, finalPage.compare)
	return all[:min(size, len(all))]
}

// wasClosed notes how far the partition has counted now that T has closed periods.
func (f *boardFinals) wasClosed(by *codec.Progress) {
	t := f.of
	f.closings = append(f.closings, codec.Closing{AsOf: t.asOf, Counted: by.Counted, To: slices.Clone(by.To), Late: t.late})
	held := t.board.Held(t.asOf)
	for t.board.First(f.closings[0].AsOf) <= held {
		f.closings = f.closings[1:]
	}
}

// closing is how far the partition had counted when it closed a period, nil if that is not known.
func (f *boardFinals) closing(period boards.Slot) *codec.Closing {
	for i := range f.closings {
		if period < f.of.board.First(f.closings[i].AsOf) {
			return &f.closings[i]
		}
	}
	return nil
}

// wasCommitted takes the T of a checkpoint.
func (f *boardFinals) wasCommitted(asOf boards.Minute) {
	f.due = f.due || f.of.board.First(asOf) > f.of.board.First(f.committed)
	f.committed = max(f.committed, asOf)
}

// again sends all final boards again, from the oldest.
func (f *boardFinals) again() { f.due, f.next = true, 0 }

// leaders appends the final boards that are due, oldest first, until there is no more room. The next leaders have the
// others.
func (f *boardFinals) leaders(dst []codec.BoardLeaders, room int) ([]codec.BoardLeaders, int) {
	t := f.of
	if !f.due || t.busy() {
		return dst, room
	}
	l := codec.BoardLeaders{Name: t.name, Hash: t.hash, Late: t.late, Since: t.since, Final: true}
	for period := max(f.next, t.board.Held(t.asOf)); period < t.board.First(f.committed); period++ {
		closed, made := f.closed[period]
		if !made || room <= 0 {
			f.next = period
			return dst, room
		}
		l.AsOf, l.Pages, l.Closing = t.board.Begins(period), closed.encoded, f.closing(period)
		for _, pg := range closed.pages {
			t.labels.show(&pg.Page)
		}
		dst, room = append(dst, l), room-len(closed.encoded)
		if l.Closing != nil {
			room -= offsetBytes * len(l.Closing.To)
		}
	}
	f.due, f.next = false, 0
	return dst, room
}

// finalLeaders appends final boards that are due: all of one board before those of the next, so that each has its turn.
func (p *Partition) finalLeaders(dst []codec.BoardLeaders) []codec.BoardLeaders {
	room := finalBytes
	for range p.boards {
		if f := p.boards[p.finals].finals; f != nil {
			if dst, room = f.leaders(dst, room); room <= 0 {
				return dst
			}
		}
		p.finals = (p.finals + 1) % len(p.boards)
	}
	return dst
}
