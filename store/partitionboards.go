package store

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"pageheat/codec"
	"pageheat/heat"
)

// encodedStates is a page whose states have not been decoded: the boards are known with the progress,
// which comes after the pages.
type encodedStates struct {
	page   *page
	states codec.BoardStates
}

// restoreStates takes the states of a page that was restored, which replace all that it has.
func (p *Partition) restoreStates(pg *page, states codec.BoardStates) {
	if len(p.boards) == 0 {
		return
	}
	for _, t := range p.boards {
		if e := t.get(pg); e != nil {
			t.states.Clear(&e.state)
			t.changed(e)
		}
	}
	if states.Len > 0 {
		p.encoded = append(p.encoded, encodedStates{page: pg, states: states.Clone()})
	}
}

// decodeStates decodes what restoreStates took, after the progress that was written with it.
func (p *Partition) decodeStates() error {
	tables := make(map[uint64]*boardTable, len(p.boards))
	for _, t := range p.boards {
		for i := range p.progress.Boards {
			b := &p.progress.Boards[i]
			if d := t.board.Definition(); b.Name == d.Name && b.Counting == d.CountingHash() {
				tables[b.Number] = t
				t.resume(*b)
			}
		}
	}
	for _, e := range p.encoded {
		for _, t := range p.boards { // the last ones of a page replace those before
			if on := t.get(e.page); on != nil && !on.state.Empty() {
				t.states.Clear(&on.state)
				t.changed(on)
			}
		}
		for states := e.states; states.Len > 0; {
			number, state, err := states.Next()
			if err != nil {
				return fmt.Errorf("page %q: %w", e.page.Name, err)
			}
			if t := tables[number]; t != nil { // else of a board that was removed
				if err := t.restore(e.page, state); err != nil {
					return fmt.Errorf("page %q: %w", e.page.Name, err)
				}
			}
		}
	}
	p.encoded = nil
	for _, t := range p.boards {
		t.refresh()
	}
	return nil
}

// StartBoards begins to count for the boards, once in a session, after the partition was restored and
// [Partition.Begin] was called. Boards that the table does not know count from here on; what it has of
// boards that are gone is forgotten.
func (p *Partition) StartBoards() {
	known := p.progress.Boards
	p.progress.Boards = nil
	for _, t := range p.boards {
		d := t.board.Definition()
		if !slices.ContainsFunc(known, func(b codec.BoardProgress) bool { return b.Name == d.Name && b.Counting == d.CountingHash() }) {
			t.resume(codec.BoardProgress{Number: p.progress.NextBoard, Since: p.since()})
			p.progress.NextBoard++
			if t.finals != nil && t.asOf > 0 { // the T of a board of this name that was removed
				t.finals.wasClosed(&p.progress)
			}
		}
		p.progress.Boards = append(p.progress.Boards, t.progress())
	}
}

// since are the offsets that are not counted yet, by input partition; nil if nothing is.
func (p *Partition) since() []int64 {
	since, any := make([]int64, len(p.progress.To)), false
	for i, to := range p.progress.To {
		since[i] = max(to, -1) + 1
		any = any || since[i] > 0
	}
	if !any {
		return nil
	}
	return since
}

// Advance makes the boards be as of a time. It goes through a bounded number of pages: as long as more
// is true, it must be called again, and ranges may be applied meanwhile. Changed says that
// a board is as of another time than before. No board's T goes back if the time does.
func (p *Partition) Advance(now time.Time) (changed, more bool) {
	if p.failed != nil {
		return false, false
	}
	for _, t := range p.boards {
		open := t.board.First(t.asOf)
		changed = t.advance(now, p.checkpoint) || changed
		// A period that is closed is committed, so that its final board can be sent.
		if t.finals != nil && t.board.First(t.asOf) > open {
			t.finals.wasClosed(&p.progress)
			p.ahead = true
		}
		// A turn that began before, in an earlier session too, may have been to an earlier T.
		more = more || t.busy() || t.board.AsOf(now) > t.asOf || len(t.leaving) > 0 || t.finals != nil && t.finals.advance()
	}
	return changed, more
}

// committedBoards takes the boards of a progress that was committed.
func (p *Partition) committedBoards(progress []codec.BoardProgress) {
	for i, t := range p.boards {
		if t.finals != nil && i < len(progress) {
			t.finals.wasCommitted(progress[i].AsOf)
		}
	}
}

// Late yields the further boards by name, each with the number of behaviours that came too late for it.
func (p *Partition) Late() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, t := range p.boards {
			if !yield(t.name, t.late) {
				return
			}
		}
	}
}

// Boards is the number of further boards.
func (p *Partition) Boards() int { return len(p.boards) }

// BoardProgress is how far the partition has counted for the further boards, as the next checkpoint has it.
func (p *Partition) BoardProgress() []codec.BoardProgress {
	if len(p.boards) == 0 {
		return nil
	}
	progress := make([]codec.BoardProgress, len(p.boards))
	for i, t := range p.boards {
		progress[i] = t.progress()
	}
	return progress
}

// statesOf counts the states of a page.
func (p *Partition) statesOf(pg *page) (n int) {
	for _, t := range p.boards {
		if e := t.get(pg); e != nil && !e.state.Empty() {
			n++
		}
	}
	return n
}

// appendPage appends a page's record.
func (p *Partition) appendPage(dst []byte, pg *page, totals *heat.Totals) []byte {
	n := 0
	if len(p.boards) > 0 {
		n = p.statesOf(pg)
	}
	dst = codec.AppendPage(dst, totals, p.labels.get(&pg.Page), pg.day, n)
	if n == 0 {
		return dst
	}
	for _, t := range p.boards {
		if e := t.get(pg); e != nil && !e.state.Empty() {
			state := t.states.View(&e.state)
			dst = codec.AppendBoardState(dst, t.number, &state)
		}
	}
	return dst
}
