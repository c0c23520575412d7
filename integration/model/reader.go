package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// errBack means that a reader saw something go back.
var errBack = errors.New("a board goes back")

// reader reads the boards of a name as our views do: it ignores a board whose version is not above the
// previous ones. What it sees must never go back, except what leaves a further board.
type reader struct {
	newest     *codec.Board
	behaviours map[string]uint64 // the highest values seen of each page
	clicks     map[string]int64
}

// read reads one board, and reports whether there was one.
func (w *world) read() bool {
	if w.next == len(w.output) {
		return false
	}
	p := w.output[w.next]
	b := p.board
	w.next++
	r := w.readers[b.Board]
	if r == nil {
		r = &reader{behaviours: make(map[string]uint64), clicks: make(map[string]int64)}
		w.readers[b.Board] = r
	}
	if r.newest != nil && b.Version <= r.newest.Version {
		w.counts.OldBoards++
		w.say("the reader of %s ignores version %d after %d", b.Board, b.Version, r.newest.Version)
		return true
	}
	w.say("the reader of %s sees version %d, counted %d", b.Board, b.Version, b.Counted)
	w.forgetIn(r, b)
	if w.removedBetween(r.newest, b) {
		last := *r.newest
		last.AsOf = time.Time{} // the next one is another board, with a T of its own
		r.newest = &last
	}
	err := r.take(b)
	if err == nil {
		return true
	}
	// Boards are not fenced: a previous owner may publish one more, and the next owner its
	// first, before either has seen the other's.
	for _, other := range w.output[p.known : w.next-1] {
		if processors.Epoch(other.board.Version) < processors.Epoch(b.Version) {
			w.counts.Crossed++
			w.say("the board crossed one of an owner before: %v", err)
			r.forget(b)
			return true
		}
	}
	w.violate("board %s version %d: %w", b.Board, b.Version, err)
	return true
}

// removedBetween reports whether an owner between those of two boards of the same name had no such board.
func (w *world) removedBetween(last, b *codec.Board) bool {
	if last == nil || b.Board == boardName {
		return false
	}
	name, _, _ := strings.Cut(b.Board, "/")
	return slices.ContainsFunc(w.rankings, func(r ranking) bool {
		return processors.Epoch(last.Version) < r.epoch && r.epoch < processors.Epoch(b.Version) && !slices.Contains(r.boards, name)
	})
}

// forget makes the next board the first one.
func (r *reader) forget(b *codec.Board) {
	r.newest = nil
	clear(r.behaviours)
	clear(r.clicks)
	_ = r.take(b)
}

// forgetIn makes a reader expect less of pages that are forgotten in a board.
func (w *world) forgetIn(r *reader, b *codec.Board) {
	if r.newest == nil {
		return
	}
	for _, o := range b.Forgotten {
		before, _ := r.newest.Forgotten.Get(o.Partition)
		for i := before; i < min(o.Offset, int64(len(w.requests[o.Partition].taken))); i++ {
			taken := &w.requests[o.Partition].taken[i]
			if taken.sweep != nil {
				for page, gone := range taken.sweep.gone {
					if gone {
						delete(r.behaviours, w.pages[page].name)
						delete(r.clicks, w.pages[page].name)
					}
				}
				continue
			}
			name := taken.name
			delete(r.behaviours, name)
			delete(r.clicks, name)
		}
	}
}

// take checks that a board is not behind the previous ones.
func (r *reader) take(b *codec.Board) error {
	forgets := false // pages that the last board may have
	if last := r.newest; last != nil {
		for _, o := range last.Forgotten {
			if taken, _ := b.Forgotten.Get(o.Partition); taken < o.Offset {
				return fmt.Errorf("%w: it has %d requests to forget pages of heat-%d after %d", errBack, taken, o.Partition, o.Offset)
			}
		}
		if forgets = !slices.Equal(b.Forgotten, last.Forgotten); b.Counted < last.Counted && !forgets {
			return fmt.Errorf("%w: counted %d after %d", errBack, b.Counted, last.Counted)
		}
		for _, o := range last.Offsets {
			if offset, _ := b.Offsets.Get(o.Partition); offset < o.Offset {
				return fmt.Errorf("%w: the offset of input-%d is %d after %d", errBack, o.Partition, offset, o.Offset)
			}
		}
	}
	if b.Board != boardName {
		if last := r.newest; b.Final && last != nil && !forgets && last.DefinitionHash == b.DefinitionHash && slices.Equal(last.Since, b.Since) &&
			!slices.EqualFunc(last.Pages, b.Pages, func(x, y codec.BoardPage) bool { return x.Page == y.Page && x.Heat == y.Heat }) {
			return fmt.Errorf("%w: the final board was another one", errBack)
		}
		if r.newest != nil && b.AsOf.Before(r.newest.AsOf) {
			return fmt.Errorf("%w: it is as of %s after %s", errBack, b.AsOf, r.newest.AsOf)
		}
		r.newest = b
		return nil
	}
	for i := range b.Pages {
		p := &b.Pages[i]
		clicks, err := strconv.ParseInt(string(p.Clicks), 10, 64)
		if err != nil {
			return fmt.Errorf("page %q: %w", p.Page, err)
		}
		if p.Behaviours < r.behaviours[p.Page] || clicks < r.clicks[p.Page] {
			return fmt.Errorf("%w: page %q has %d behaviours and %d clicks after %d and %d",
				errBack, p.Page, p.Behaviours, clicks, r.behaviours[p.Page], r.clicks[p.Page])
		}
		r.behaviours[p.Page], r.clicks[p.Page] = p.Behaviours, clicks
	}
	r.newest = b
	return nil
}
