package store

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// boardTable is what a partition has of one further board: the state of each page, and the hottest
// pages as of the board's T. It belongs to the goroutine of its partition.
type boardTable struct {
	board  *boards.Board
	name   string
	hash   string
	number uint64 // see codec.BoardProgress
	// What it counts, as codec.BoardProgress has it.
	counting, definition string
	asOf                 boards.Minute
	late                 uint64
	since                []int64

	slot      boards.Slot   // of asOf
	table     *table        // of all pages
	pages     [][]boardPage // in blocks, by page number; nil where no page ever had a state
	states    boards.States // of the pages
	holders   boards.Holders[pageAt]
	index     *heat.Index[*boardPage, boards.Score]
	groups    *boardGroups // nil if the board has none
	finals    *boardFinals // nil if the board has no periods
	labels    *labels      // of the partition
	touched   []*boardPage // since the index was told
	top       []*boardPage
	turning   [][]pageAt // pieces of pages whose sums are different as of the slot, see advance
	turnPages int        // in a piece
	leaving   [][]pageAt // pieces of pages with sums that are not needed as of the slot

	// A page that the index does not hold matters if its bound is not below near.
	bounded bool
	near    boards.Bound

	// Where behaviours of the minute that came last belong.
	minute boards.Minute
	place  boards.Place
	isLate bool
	counts bool // as of the slot: others count after a turn, which tells the index
	placed bool
	reach  boards.Reach
}

// pageAt is the number of a page that has something on a board, less 1. There is one for each page and slot: pointers
// would take twice the memory, and the collector would go through all of them.
type pageAt uint32

// boardPage is one page on one board. It has no pointers, for the same reason.
type boardPage struct {
	heat.Place
	page    uint32 // its number; 0 if the page never had a state
	bound   boards.Bound
	touched bool // it is in boardTable.touched
	allowed bool // by the board's patterns
	state   boards.Kept
}

const (
	// boardBlock is how many boardPages are made at a time. They never move.
	boardBlock     = 1 << boardBlockBits
	boardBlockBits = 8
)

func newBoardTable(b *boards.Board, of *table, labels *labels, turnPages int) *boardTable {
	d := b.Definition()
	t := &boardTable{board: b, name: d.Name, hash: d.Hash(), counting: d.CountingHash(), definition: d.Counting(), table: of, labels: labels, turnPages: turnPages}
	t.bounded = b.Bounded() && d.GroupBy == "" // whose indexes have thresholds of their own
	t.index = heat.NewIndexBy(heat.By[*boardPage, boards.Score]{
		Score: t.score,
		Name:  t.nameOf,
	}, d.Size, t.all())
	t.groups, t.finals = newBoardGroups(t), newBoardFinals(t)
	return t
}

// pageOf returns the page, and nameOf its name.
func (t *boardTable) pageOf(e *boardPage) *page  { return t.table.page(e.page) }
func (t *boardTable) nameOf(e *boardPage) string { return t.pageOf(e).Name }

// score is a page's score as of the board's slot, and whether the page may be on the board.
func (t *boardTable) score(e *boardPage) (boards.Score, bool) {
	if !e.allowed {
		return boards.Score{}, false
	}
	sum := t.states.Sum(&e.state, t.board, t.slot)
	if !t.board.Qualifies(&sum) {
		return boards.Score{}, false
	}
	return t.board.Score(&sum), true
}

// all yields every page that has, or had, a state, but for those that are below what the index, which goes through them,
// has for its last candidate by then.
func (t *boardTable) all() iter.Seq[*boardPage] {
	return func(yield func(*boardPage) bool) {
		n, near := 0, boards.Bound(0)
		may := func(e *boardPage) bool {
			if n++; n%lookEvery == 0 {
				near = t.belowAll()
			}
			return e.bound >= near
		}
		if t.finals != nil { // a page that has nothing in the period is not on the board
			for _, at := range t.holders.In(t.slot) {
				e := t.at(at)
				if may(e) && !t.index.Holds(e) && !yield(e) { // else it was noted twice
					return
				}
			}
			return
		}
		for _, block := range t.pages {
			for i := range block {
				if e := &block[i]; e.page > 0 && may(e) && !yield(e) {
					return
				}
			}
		}
	}
}

// lookEvery is after how many pages all looks at what the index has.
const lookEvery = 1024

// at returns a page that is noted in the holders.
func (t *boardTable) at(at pageAt) *boardPage {
	return &t.pages[at>>boardBlockBits][at&(boardBlock-1)]
}

// get returns what the board has of a page, nil if there is nothing.
func (t *boardTable) get(pg *page) *boardPage {
	at := pageAt(pg.Number - 1)
	if block := int(at >> boardBlockBits); block >= len(t.pages) || t.pages[block] == nil {
		return nil
	}
	if e := t.at(at); e.page > 0 {
		return e
	}
	return nil
}

// getOrAdd returns what the board has of a page.
func (t *boardTable) getOrAdd(pg *page) *boardPage {
	at := pageAt(pg.Number - 1)
	block := int(at >> boardBlockBits)
	for len(t.pages) <= block {
		t.pages = append(t.pages, nil)
	}
	if t.pages[block] == nil {
		t.pages[block] = make([]boardPage, boardBlock)
	}
	e := t.at(at)
	if e.page == 0 {
		e.page, e.allowed = pg.Number, t.board.Has(pg.Name)
	}
	return e
}

// note notes that a page has behaviours in a slot.
func (t *boardTable) note(slot boards.Slot, e *boardPage) {
	t.holders.Note(slot, pageAt(e.page-1))
}

// addAll adds the behaviours of a batch. It returns the bytes of the states of pages that are dirty since.
func (t *boardTable) addAll(b *batch) (bytes int) {
	b.lookOn(t)
	for i := range b.size {
		if e := t.add(b.states[i], b.pages[i], b.minutes[i], &b.totals[i]); e != nil && b.dirtied[i] {
			bytes += e.state.Len()
		}
	}
	return bytes
}

// add adds behaviours of a minute to a page, of which the board has e if that is not nil, and returns what it has
// then.
func (t *boardTable) add(e *boardPage, pg *page, m boards.Minute, sum *heat.Totals) *boardPage {
	if m != t.minute || !t.placed {
		t.minute, t.place, t.placed = m, t.board.Place(m), true
		t.isLate = t.board.Late(t.place.Slot, t.asOf)
		t.counts = t.board.Counts(t.place.Slot, t.slot)
		t.reach = t.board.Reach(t.place, t.slot)
	}
	if t.isLate {
		t.late += sum.Behaviours
		return e
	}
	if e == nil {
		e = t.getOrAdd(pg)
	}
	if t.states.Add(&e.state, t.board, t.place, sum) {
		t.note(t.place.Slot, e)
	}
	e.bound = t.reach.Add(e.bound, sum)
	if t.counts && t.matters(e) {
		t.touch(e)
	}
	return e
}

// matters reports whether a page may be one that the index has or takes: others need not be known to it when
// their sums change.
func (t *boardTable) matters(e *boardPage) bool { return e.bound >= t.near }

// refresh sets what matters to pages, after the index has changed or T has advanced.
func (t *boardTable) refresh() {
	t.near = t.belowAll()
}

// belowAll returns a bound that is not above the score of the last candidate of the index.
func (t *boardTable) belowAll() boards.Bound {
	if score, ok := t.index.Threshold(); ok && t.bounded {
		return t.board.Below(score, t.slot)
	}
	return 0
}

func (t *boardTable) touch(e *boardPage) {
	if !e.touched {
		e.touched = true
		t.touched = append(t.touched, e)
	}
}

// changed tells the indexes that the sum of a page has changed.
func (t *boardTable) changed(e *boardPage) {
	t.index.Changed(e)
	if t.groups != nil {
		t.groups.changed(e)
	}
	if t.bounded && !t.index.Holds(e) {
		e.bound = t.states.Bound(&e.state, t.board, t.slot)
	}
}

// settle tells the indexes what was touched.
func (t *boardTable) settle() {
	for i, e := range t.touched {
		e.touched = false
		t.changed(e)
		t.touched[i] = nil
	}
	t.touched = t.touched[:0]
	t.refresh()
}

// turnPages is the default of [Config].TurnPages.
const turnPages = 1024

// turnTo begins to make the board be as of a later T, which turn continues.
func (t *boardTable) turnTo(asOf boards.Minute) {
	slot := t.board.Slot(asOf)
	t.asOf, t.placed = asOf, false
	if slot != t.slot {
		t.settle()
		t.turning = slices.AppendSeq(t.turning, t.holders.Turn(t.board, t.slot, slot, t.turnPages))
		t.slot = slot
		t.refresh()
	}
	t.leaving = slices.AppendSeq(t.leaving, t.holders.Leave(t.board.Held(asOf), t.turnPages))
}

// scanned is how many pages that do not matter are gone through in the time of one that does.
const scanned = 16

// turn goes through pages whose sums are different as of the T that turnTo began, a piece of those that matter,
// and reports whether it was the last.
func (t *boardTable) turn() (done bool) {
	for left := t.turnPages * scanned; len(t.turning) > 0 && left > 0; {
		piece, rest := t.turning[0], 0
		for i, at := range piece {
			left--
			e := t.at(at)
			if !t.matters(e) {
				continue
			}
			t.changed(e)
			if left -= scanned - 1; left <= 0 {
				rest = len(piece) - 1 - i
				break
			}
		}
		if t.turning[0] = piece[len(piece)-rest:]; rest == 0 {
			t.turning = t.turning[1:]
		}
	}
	t.refresh()
	if len(t.turning) > 0 {
		return false
	}
	t.turning = nil
	return true
}

// leave drops the sums that are not needed any more of a piece of the pages. Nothing waits for it. A page that an
// open checkpoint is to write keeps its record: it belongs to the T of the checkpoint.
func (t *boardTable) leave(of *Checkpoint) {
	held := t.board.Held(t.asOf)
	if len(t.leaving) > 0 {
		for _, at := range t.leaving[0] {
			e := t.at(at)
			if pg := t.pageOf(e); pg.state&writing != 0 {
				of.preserve(pg)
			}
			t.states.Drop(&e.state, t.board, held)
		}
		t.leaving = t.leaving[1:]
	}
	if len(t.leaving) == 0 {
		t.leaving = nil
	}
}

// advance makes the board be as of a time, if it is not, in as many calls as there are pieces. It
// reports whether T has advanced, and all pages with it.
func (t *boardTable) advance(now time.Time, of *Checkpoint) bool {
	if len(t.turning) == 0 {
		asOf := t.board.AsOf(now)
		if asOf <= t.asOf {
			t.leave(of)
			return false
		}
		t.turnTo(asOf)
		if t.finals != nil {
			t.finals.due = true
		}
	}
	return t.turn()
}

// busy reports whether advance has more to do before the board is as of its T.
func (t *boardTable) busy() bool { return len(t.turning) > 0 }

// leaders appends the hottest pages as of the board's T, and those of its groups. It says so if the board is
// not as of it yet.
func (t *boardTable) leaders(dst []codec.BoardLeaders) []codec.BoardLeaders {
	d := t.board.Definition()
	l := codec.BoardLeaders{Name: d.Name, Hash: t.hash, AsOf: t.asOf, Late: t.late, Since: t.since, Turning: t.busy()}
	if l.Turning {
		return append(dst, l)
	}
	t.settle()
	if t.groups != nil && d.MaxPerGroup > 0 {
		for e := range t.groups.capped(d.MaxPerGroup) {
			l.Pages = t.appendLeader(l.Pages, e)
		}
	} else {
		t.top = t.index.Top(t.top[:0])
		for _, e := range t.top {
			l.Pages = t.appendLeader(l.Pages, e)
		}
		clear(t.top)
	}
	dst = append(dst, l)
	if t.groups != nil {
		dst = append(dst, t.groups.leaders(l))
	}
	return dst
}

func (t *boardTable) appendLeader(dst []byte, e *boardPage) []byte {
	t.labels.show(&t.pageOf(e).Page)
	return t.appendSum(dst, e, t.slot)
}

func (t *boardTable) appendSum(dst []byte, e *boardPage, at boards.Slot) []byte {
	sum := t.states.Sum(&e.state, t.board, at)
	return codec.AppendBoardPage(dst, t.board, t.nameOf(e), &sum)
}

// restore sets the state of a page as it was encoded.
func (t *boardTable) restore(pg *page, encoded []byte) error {
	e := t.getOrAdd(pg)
	rest, err := t.states.Decode(&e.state, t.board, encoded)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after a state", codec.ErrMalformed, len(rest))
	}
	if err != nil {
		return err
	}
	t.states.Drop(&e.state, t.board, t.board.Held(t.asOf))
	e.bound = t.states.Bound(&e.state, t.board, t.slot)
	for slot := range t.states.Slots(&e.state, t.board) {
		t.note(slot, e)
	}
	t.changed(e)
	return nil
}

// progress is what the partition's progress says of the board.
func (t *boardTable) progress() codec.BoardProgress {
	p := codec.BoardProgress{Number: t.number, Name: t.name, Counting: t.counting, Definition: t.definition, AsOf: t.asOf, Late: t.late, Since: t.since}
	if t.finals != nil {
		p.Closings = t.finals.closings
	}
	return p
}

// clear forgets the states of all pages.
func (t *boardTable) clear() {
	clear(t.touched)
	t.touched, t.turning, t.leaving, t.holders = t.touched[:0], nil, nil, boards.Holders[pageAt]{}
	t.states = boards.States{}
	for _, block := range t.pages {
		for i := range block {
			if e := &block[i]; e.page > 0 {
				e.touched, e.state = false, boards.Kept{}
			}
		}
	}
	for _, block := range t.pages {
		for i := range block {
			if e := &block[i]; e.page > 0 {
				t.changed(e)
			}
		}
	}
	if t.finals != nil {
		t.finals.making = nil
		clear(t.finals.closed)
		t.finals.again()
	}
}

// resume takes over what the table has counted for the board, while the partition is restored. The T of
// a partition that was kept may be later than the committed one. With another number it is another board than
// the one of which there may be states: that was removed since, and added again.
func (t *boardTable) resume(b codec.BoardProgress) {
	if t.number != b.Number {
		t.clear()
	}
	t.number, t.late, t.since = b.Number, b.Late, b.Since
	if t.finals != nil {
		t.finals.closings = b.Closings
		t.finals.wasCommitted(b.AsOf)
	}
	t.turnTo(max(t.asOf, b.AsOf))
	for done := false; !done; {
		done = t.turn()
	}
	for len(t.leaving) > 0 {
		t.leave(nil)
	}
}
