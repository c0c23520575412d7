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
	making    *finalBoard // nil if all are made
	due       bool        // they are sent with the next leaders
}

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
	score boards.Score
}

func (a finalPage) compare(b finalPage) int {
	switch {
	case a.page == b.page:
		return 0
	case boards.Before(a.score, a.page.page.Name, b.score, b.page.page.Name):
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
		closed.pages = append(closed.pages, p.page.page)
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
	sum := e.state.Sum(t.board, m.period)
	if !t.board.Qualifies(&sum) {
		return
	}
	d := t.board.Definition()
	in, most := "", d.Size
	if d.MaxPerGroup > 0 {
		if group, ok := t.board.Group(e.page.Name); ok {
			in, most = group, min(d.MaxPerGroup, d.Size)
		}
	}
	p, top := finalPage{e, t.board.Score(&sum)}, m.tops[in]
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

// wasCommitted takes the T of a checkpoint.
func (f *boardFinals) wasCommitted(asOf boards.Minute) {
	f.committed, f.due = max(f.committed, asOf), true
}

// leaders appends the final boards, if they are due.
func (f *boardFinals) leaders(dst []codec.BoardLeaders, l codec.BoardLeaders) []codec.BoardLeaders {
	if !f.due {
		return dst
	}
	f.due = false
	l.Final = true
	for period := f.of.board.Held(f.of.asOf); period < f.of.board.First(f.committed); period++ {
		if closed, made := f.closed[period]; made {
			l.AsOf, l.Pages = f.of.board.Begins(period), closed.encoded
			for _, pg := range closed.pages {
				f.of.labels.show(&pg.Page)
			}
			dst = append(dst, l)
		} else {
			f.due = true // it is being made
		}
	}
	return dst
}
