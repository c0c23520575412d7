package model

import (
	"fmt"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
)

// claim is what leaders of a target say of a further board.
type claim struct {
	account
	next  int64
	taken uint64 // requests to forget pages
}

// same reports whether two claims say the same.
func (c *claim) same(o *claim) bool {
	return c.board == o.board && c.next == o.next && c.taken == o.taken && c.asOf == o.asOf && c.lates == o.lates && slices.Equal(c.since, o.since) &&
		slices.Equal(c.late, o.late) && slices.EqualFunc(c.closings, o.closings, func(x, y closing) bool {
		return x.asOf == y.asOf && x.lates == y.lates && x.taken == y.taken && slices.Equal(x.to, y.to)
	})
}

// serves reports whether a board of a slot can be made from the leaders: the final one from those that have closed it.
func (c *claim) serves(b *codec.Board, slot boards.Slot) bool {
	if b.Final {
		return c.closing(slot) != nil
	}
	return c.board.Slot(c.asOf) == slot
}

// claim checks the boards of leaders that go out, and returns the leaders as they are without the protections
// that are off.
func (o *heatOwner) claim(body []byte) []byte {
	if o.books == nil {
		return body
	}
	w, target := o.w, o.slot.partition
	l, err := codec.DecodeLeaders(body)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return body
	}
	for k := range o.books.accounts {
		a := &o.books.accounts[k]
		d := a.board.Definition()
		at := slices.IndexFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Name == d.Name && !b.Final && !b.Grouped })
		if at < 0 {
			w.violate("%s: leaders without board %s", o.name, d.Name)
			return body
		}
		if l.Boards[at].Turning {
			w.counts.Turning++
			if !w.on.WholeTurns {
				o.sendTurning(l, at, a)
			}
			continue
		}
		states := w.states(a.board, a, target, w.cutOf(target, l.Next, l.Forget.Taken, o.forgotten))
		for next := range l.Boards[at:] {
			b := &l.Boards[at+next]
			if b.Name != d.Name || b.Final {
				break
			}
			if err := w.checkLeaders(b, a, states); err != nil {
				w.violate("%s: leaders of board %s as of %s at offset %d, of groups: %t: %w", o.name, d.Name, a.asOf, l.Next, b.Grouped, err)
				return body
			}
		}
		if groups := at+1 < len(l.Boards) && l.Boards[at+1].Name == d.Name && l.Boards[at+1].Grouped; groups != (d.GroupBy != "") {
			w.violate("%s: leaders of board %s with groups: %t", o.name, d.Name, groups)
		}
		w.claims[target] = appendClaim(w.claims[target], claim{*a, l.Next, l.Forget.Taken})
		if err := w.checkFinals(l, a, states); err != nil {
			w.violate("%s: leaders of the final board of %s at offset %d: %w", o.name, d.Name, l.Next, err)
			return body
		}
		w.misgroup(l, a, states)
		if !w.on.SweptStates {
			o.unsweep(l, a)
		}
	}
	for _, b := range l.Boards {
		if !slices.ContainsFunc(o.books.accounts, func(a account) bool { return nameOf(a.board) == b.Name }) {
			w.violate("%s: leaders of board %s, which it has not", o.name, b.Name)
		}
	}
	if !w.on.WholeTurns {
		o.last = l.Boards
	}
	if !w.on.WholeTurns || !w.on.FirstGroups || !w.on.FirstOfGroups || !w.on.SweptStates {
		return codec.AppendLeaders(nil, l)
	}
	return body
}

// appendClaim adds a claim that was not made lately.
func appendClaim(claims []claim, c claim) []claim {
	for i := len(claims) - 1; i >= max(0, len(claims)-4); i-- {
		if claims[i].same(&c) {
			return claims
		}
	}
	c.late = slices.Clone(c.late)
	return append(claims, c)
}

// checkLeaders compares leaders of a further board with the account and the states of the pages.
func (w *world) checkLeaders(l *codec.BoardLeaders, a *account, states []boards.State) error {
	hash := w.hash(a.board)
	if l.Hash != hash || l.AsOf != a.asOf || l.Late != a.lates || !slices.Equal(l.Since, a.since) {
		return fmt.Errorf("definition %s, as of %s, %d late, since %v; it should be %s, as of %s, %d late, since %v",
			l.Hash, l.AsOf, l.Late, l.Since, hash, a.asOf, a.lates, a.since)
	}
	got, err := codec.DecodeBoardPages(l.Pages, a.board)
	if err != nil {
		return err
	}
	want := w.standings(nil, a.board, states, a.board.Slot(a.asOf))
	if l.Grouped {
		want = grouped(a.board, want)
	} else {
		want = first(a.board, want)
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d pages, and the input has %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Page != want[i].page || got[i].Sum != want[i].sum {
			return fmt.Errorf("rank %d is %+v, and the input has %s", i+1, got[i], a.show(&want[i]))
		}
	}
	return nil
}

// checkFinals compares leaders of closed periods with the account.
func (w *world) checkFinals(l *codec.Leaders, a *account, states []boards.State) error {
	for i := range l.Boards {
		b := &l.Boards[i]
		if b.Name != nameOf(a.board) || !b.Final {
			continue
		}
		period := a.board.Slot(b.AsOf)
		if !a.board.Late(period, a.asOf) || a.board.Begins(period) != b.AsOf {
			return fmt.Errorf("period %s is not closed as of %s", a.board.PeriodName(period), a.asOf)
		}
		w.counts.Finals++
		final, closed := *a, a.closing(period)
		if closed == nil || b.Closing == nil || b.Closing.AsOf != closed.asOf || b.Closing.Late != closed.lates {
			return fmt.Errorf("period %s was closed with %+v; it should be %+v", a.board.PeriodName(period), b.Closing, closed)
		}
		final.asOf = b.AsOf
		if err := w.checkLeaders(b, &final, states); err != nil {
			return fmt.Errorf("of %s: %w", a.board.PeriodName(period), err)
		}
	}
	return nil
}

func (a *account) show(s *standing) string {
	return fmt.Sprintf("page %q with %+v", s.page, a.board.Show(&s.sum, a.asOf))
}
