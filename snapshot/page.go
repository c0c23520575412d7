package snapshot

import (
	"fmt"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// Page is a page with all that was counted for it.
type Page struct {
	// Name of the page.
	Name string
	// Totals are its totals.
	Totals heat.Totals
	// Label is what it is called, nil if no behaviour said so.
	Label *codec.StampedLabel
	// States are what it has on each of the cut's boards; nil if it has nothing on any.
	States []boards.State
}

// Append appends the page's record as the heat table has it, where the number of a board is its place in the cut.
func (p *Page) Append(dst []byte) []byte {
	n := 0
	for i := range p.States {
		if !p.States[i].Empty() {
			n++
		}
	}
	dst = codec.AppendPage(dst, &p.Totals, p.Label, 0, n)
	for i := range p.States {
		if !p.States[i].Empty() {
			dst = codec.AppendBoardState(dst, uint64(i), &p.States[i])
		}
	}
	return dst
}

// Plain reports whether the page has totals alone.
func (p *Page) Plain() bool {
	for i := range p.States {
		if !p.States[i].Empty() {
			return false
		}
	}
	return p.Label == nil
}

// ReadPage reads a record that [Page.Append] wrote.
func (c *Cut) ReadPage(name string, record []byte) (Page, error) {
	s, err := codec.DecodePage(record)
	if err != nil {
		return Page{}, err
	}
	p := Page{Name: name, Totals: s.Totals, Label: s.Label}
	for last := -1; s.Boards.Len > 0; {
		number, state, err := s.Boards.Next()
		if err != nil {
			return Page{}, err
		}
		if number >= uint64(len(c.Boards)) || int(number) <= last {
			return Page{}, fmt.Errorf("%w: a state of board %d after one of board %d, and there are %d boards", codec.ErrMalformed, number, last, len(c.Boards))
		}
		last = int(number)
		if err := p.restore(c.Boards, last, state); err != nil {
			return Page{}, err
		}
	}
	return p, nil
}

// restore sets the state on one of the boards as it was encoded.
func (p *Page) restore(all []Board, at int, encoded []byte) error {
	state, rest, err := all[at].DecodeState(encoded)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after a state", codec.ErrMalformed, len(rest))
	}
	if err != nil {
		return err
	}
	state.Drop(all[at].Board, all[at].Held(all[at].AsOf))
	if !state.Empty() {
		*p.state(all, at) = state
	}
	return nil
}

// state returns the state on one of the boards.
func (p *Page) state(all []Board, at int) *boards.State {
	if p.States == nil {
		p.States = make([]boards.State, len(all))
	}
	return &p.States[at]
}

// Shown is what a page has on one of the boards, as of its T.
func (p *Page) Shown(c *Cut, board int) boards.Shown {
	if p.States == nil {
		return boards.Shown{}
	}
	b := &c.Boards[board]
	sum := p.States[board].Sum(b.Board, b.Slot(b.AsOf))
	return b.Show(&sum, b.AsOf)
}
