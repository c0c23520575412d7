package model

// What boards would be like without a protection. The hooks below do nothing while it is on.

import (
	"pageheat/boards"
	"pageheat/codec"
)

// sendTurning puts a board that turns into leaders: as of the new T, without what changes with it.
func (o *heatOwner) sendTurning(l *codec.Leaders, at int, a *account) {
	for _, b := range o.last {
		if b.Name == nameOf(a.board) && !b.Final && !b.Turning && !b.Grouped {
			b.AsOf = a.asOf
			b.Pages = relabel(b.Pages, a.board, a.board.Slot(a.asOf))
			l.Boards[at] = b
			o.w.claims[o.slot.partition] = appendClaim(o.w.claims[o.slot.partition], claim{*a, l.Next, l.Forget.Taken})
		}
	}
}

// relabel makes leaders of a board be as of another slot.
func relabel(pages []byte, b *boards.Board, slot boards.Slot) (relabelled []byte) {
	all, err := codec.DecodeBoardPages(pages, b)
	if err != nil {
		return pages
	}
	for i := range all {
		all[i].Sum.At = slot
		relabelled = codec.AppendBoardPage(relabelled, b, all[i].Page, &all[i].Sum)
	}
	return relabelled
}

// miswrite returns a record of the table as it is without the protections that are off.
func (o *heatOwner) miswrite(value []byte, progress bool) []byte {
	w := o.w
	if !progress && !w.on.TitleInTable {
		return untitled(value)
	}
	if progress && !w.on.ForgetInProgress {
		return unasked(value)
	}
	if progress && !w.on.SweepInProgress {
		return unswept(value)
	}
	if !progress && !w.on.DayInTable {
		return undated(value)
	}
	if o.books == nil || w.on.TimeInProgress && w.on.NumbersOnce && w.on.TurnKeepsRecord {
		return value
	}
	if !progress {
		if w.on.TurnKeepsRecord {
			return value
		}
		return o.turned(value)
	}
	p, err := codec.DecodeProgress(value)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return value
	}
	if !w.on.NumbersOnce {
		p.NextBoard = 0
	}
	for i := range p.Boards {
		if !w.on.TimeInProgress {
			p.Boards[i].AsOf = 0
		}
		p.NextBoard = max(p.NextBoard, p.Boards[i].Number+1)
	}
	return codec.AppendProgress(nil, &p)
}

// unasked returns a progress that does not say which requests to forget pages are in.
func unasked(progress []byte) []byte {
	p, err := codec.DecodeProgress(progress)
	if err != nil {
		return progress
	}
	p.Forget.Topic, p.Forget.Next = codec.TopicID{}, 0
	return codec.AppendProgress(nil, &p)
}

// turned returns the record of a page as it would be if it were written after the turns that have come since
// the checkpoint.
func (o *heatOwner) turned(value []byte) []byte {
	page, err := codec.DecodePage(value)
	if err != nil || page.Boards.Len == 0 {
		return value
	}
	states := page.Boards
	var kept [][]byte
	for states.Len > 0 {
		number, encoded, err := states.Next()
		if err != nil {
			return value
		}
		for k := range o.books.accounts {
			a := &o.books.accounts[k]
			if a.number != number {
				continue
			}
			state, _, err := a.board.DecodeState(encoded)
			if err != nil {
				return value
			}
			state.Drop(a.board, a.board.Held(a.asOf))
			if !state.Empty() {
				kept = append(kept, codec.AppendBoardState(nil, number, &state))
			}
		}
	}
	return withStates(&page, kept)
}

// misread returns a record of the table, as it is restored without the protections that are off.
func (o *heatOwner) misread(key string, value []byte) []byte {
	if o.books == nil || o.w.on.LaterTime || key != codec.ProgressKey(int32(o.slot.partition)) {
		return value
	}
	p, err := codec.DecodeProgress(value)
	if err != nil {
		return value
	}
	now := boards.MinuteOf(o.now())
	for i := range p.Boards {
		p.Boards[i].AsOf = min(p.Boards[i].AsOf, now)
	}
	return codec.AppendProgress(nil, &p)
}

// mislead returns leaders as the ranking reads them without the protections that are off.
func (o *rankOwner) mislead(l *codec.Leaders) {
	w := o.w
	for _, own := range w.boardsOf(o.on.by(w)) {
		d := own.Definition()
		for i := range l.Boards {
			b := &l.Boards[i]
			if b.Name != d.Name || b.Final {
				continue
			}
			if !w.on.OneBoard {
				b.Hash = d.Hash()
			}
			if w.on.OneSlot || b.Hash != d.Hash() {
				continue
			}
			if w.highest == nil {
				w.highest = map[string]boards.Minute{}
			}
			w.highest[b.Hash] = max(w.highest[b.Hash], b.AsOf)
			b.AsOf = w.highest[b.Hash]
			b.Pages = relabel(b.Pages, own, own.Slot(b.AsOf))
		}
	}
}

// unstamped returns a board's header without the T of boards.
func unstamped(positions []byte) []byte {
	origin, err := codec.DecodeOrigin(positions)
	if err != nil {
		return positions
	}
	origin.Boards = nil
	return codec.AppendOrigin(nil, origin)
}
