package model

import (
	"slices"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// books are what a partition of the table should have of further boards, by the model's own reading of the
// input. They belong to an owner, or to what is committed.
type books struct {
	accounts []account
	used     uint64 // numbers of boards below it were committed
}

// account is what a partition should have of one board: all behaviours of the input from since on, up to where
// the partition has counted, except those that were too late.
type account struct {
	board  *boards.Board
	number uint64
	asOf   boards.Minute
	since  []int64
	late   []bool // by the number of the message
	lates  uint64
	// When it has closed periods, oldest first. What is in it is not changed.
	closings []closing
}

// closing is how far a partition had counted when T closed periods.
type closing struct {
	cut
	asOf  boards.Minute
	lates uint64
}

// closing returns how far the partition had counted when it closed a period, nil if it has not.
func (a *account) closing(period boards.Slot) *closing {
	for i := range a.closings {
		if a.board.Late(period, a.closings[i].asOf) {
			return &a.closings[i]
		}
	}
	return nil
}

func (b *books) clone() *books {
	c := &books{used: b.used, accounts: slices.Clone(b.accounts)}
	for i := range c.accounts {
		c.accounts[i].late = slices.Clone(c.accounts[i].late)
	}
	return c
}

// find returns the account of a board that counts the same, nil if there is none.
func (b *books) find(board *boards.Board) *account {
	d := board.Definition()
	for i := range b.accounts {
		if b.accounts[i].board == board {
			return &b.accounts[i]
		}
		if of := b.accounts[i].board.Definition(); of.Name == d.Name && of.CountingHash() == d.CountingHash() {
			return &b.accounts[i]
		}
	}
	return nil
}

// has reports whether a message that was counted is part of the account.
func (a *account) has(input int, m *message) bool {
	return (input >= len(a.since) || m.offset >= a.since[input]) && (m.number >= len(a.late) || !a.late[m.number])
}

func (a *account) tooLate(m *message) {
	for len(a.late) <= m.number {
		a.late = append(a.late, false)
	}
	a.late[m.number] = true
	a.lates++
}

// totals are what a behaviour adds.
func (m *message) totals() heat.Totals {
	return heat.Totals{Clicks: heat.Uint128{Lo: uint64(m.clicks)}, Minutes: heat.Uint128{Lo: uint64(m.minutes)}, Likes: m.like, Behaviours: 1}
}

// minute is the minute of the timestamp, by the contract: the first for those before 1970.
func (m *message) minute() boards.Minute { return boards.Minute(max(m.timestamp, 0) / 60_000) }

// begin opens the books of an owner whose stage has begun: boards that are committed go on, others count from
// here.
func (o *heatOwner) begin() {
	if o.books == nil {
		return
	}
	w, target := o.w, o.slot.partition
	was := o.books
	o.books = &books{used: was.used}
	progress := o.part.BoardProgress()
	for i, b := range w.boardsOf(o.on.by(w)) {
		p := progress[i]
		known := was.find(b)
		if known != nil {
			next := *known
			next.board = b
			o.books.accounts = append(o.books.accounts, next)
		} else {
			w.counts.BoardsAdded++
			if p.Number < was.used {
				w.violate("%s: board %s begins with the number %d, which another one had", o.name, p.Name, p.Number)
			}
			o.books.accounts = append(o.books.accounts, account{board: b, number: p.Number, since: sinceAt(w.logs[target].reached[o.next])})
		}
		a := &o.books.accounts[i]
		if p.Number != a.number || p.Late != a.lates || !slices.Equal(p.Since, a.since) {
			w.violate("%s: board %s has the number %d, %d late, since %v; it should have %d, %d late, since %v",
				o.name, p.Name, p.Number, p.Late, p.Since, a.number, a.lates, a.since)
		}
		o.books.used = max(o.books.used, p.Number+1)
	}
	if len(was.accounts) > 0 && len(o.books.accounts) < len(was.accounts) {
		w.counts.BoardsRemoved++
	}
	o.observe()
}

// sinceAt are the offsets from which on a board counts that was added when input partitions were counted up to
// others; nil from the beginning.
func sinceAt(to []int64) []int64 {
	known := len(to)
	for known > 0 && to[known-1] == codec.Unknown {
		known--
	}
	since, some := make([]int64, known), false
	for i := range since {
		since[i] = max(to[i], -1) + 1
		some = some || since[i] > 0
	}
	if !some {
		return nil
	}
	return since
}

// observe looks at the T of the boards: it is the clock of the process, and never goes back.
func (o *heatOwner) observe() {
	if o.books == nil {
		return
	}
	for i, p := range o.part.BoardProgress() {
		a := &o.books.accounts[i]
		if p.AsOf == a.asOf {
			continue
		}
		if p.AsOf < a.asOf {
			o.w.violate("%s: board %s goes back from %s to %s", o.name, p.Name, a.asOf, p.AsOf)
		}
		if latest := a.board.AsOf(o.w.latest); p.AsOf > latest {
			o.w.violate("%s: board %s is as of %s, and no clock has shown more than %s", o.name, p.Name, p.AsOf, latest)
		}
		if a.board.Definition().Kind == boards.Calendar && a.board.First(p.AsOf) > a.board.First(a.asOf) {
			progress, _ := o.part.Progress()
			at := o.w.cutOf(o.slot.partition, o.next, progress.Forget.Taken, o.forgotten)
			a.closings = append(slices.Clip(a.closings), closing{at, p.AsOf, a.lates})
		}
		a.asOf = p.AsOf
		o.w.counts.Turns++
	}
}

// account enters the range that was applied last.
func (o *heatOwner) account() {
	if o.books == nil {
		return
	}
	w, log := o.w, o.log
	before, after := log.reached[o.next-1], log.reached[o.next]
	for i, in := range w.inputs {
		from, to := int64(codec.Unknown), after[i]
		if i < len(before) {
			from = before[i]
		}
		if to <= from {
			continue
		}
		for j := range in.messages {
			m := &in.messages[j]
			if m.offset <= from || m.page < 0 || w.pages[m.page].target != log.target || log.isLost(i, m.offset) {
				continue
			}
			if m.offset > to {
				break
			}
			if f := newestOf(w.pages[m.page].name, o.forgotten); f != nil && f.block {
				w.counts.Blocked++
				continue
			}
			for k := range o.books.accounts {
				a := &o.books.accounts[k]
				if a.board.Late(a.board.Place(m.minute()).Slot, a.asOf) {
					a.tooLate(m)
					w.counts.TooLate++
				}
			}
		}
	}
	for k, p := range o.part.BoardProgress() {
		if a := &o.books.accounts[k]; p.Late != a.lates {
			w.violate("%s: board %s as of %s has %d late behaviours at offset %d, and the input has %d", o.name, p.Name, a.asOf, p.Late, o.next, a.lates)
		}
	}
}

// standing is a page on a board.
type standing struct {
	page   string
	number int // in world.pages
	sum    boards.Sum
	score  boards.Score
}

// states are what the pages of a target have on a board, by their index.
func (w *world) states(b *boards.Board, a *account, target int, c cut) []boards.State {
	states := make([]boards.State, len(w.pages))
	for i, in := range w.inputs {
		for j := range in.messages {
			m := &in.messages[j]
			if m.offset > c.to[i] {
				break
			}
			if m.page < 0 || w.pages[m.page].target != target || w.logs[target].isLost(i, m.offset) || !c.counts(i, m) || !a.has(i, m) {
				continue
			}
			t := m.totals()
			states[m.page].Add(b, b.Place(m.minute()), &t)
		}
	}
	return states
}

// standings appends the pages that may be on a board as of a slot, in no order.
func (w *world) standings(into []standing, b *boards.Board, states []boards.State, slot boards.Slot) []standing {
	for i := range states {
		if states[i].Empty() {
			continue
		}
		if sum := states[i].Sum(b, slot); b.Has(w.pages[i].name) && b.Qualifies(&sum) {
			into = append(into, standing{w.pages[i].name, i, sum, b.Score(&sum)})
		}
	}
	return into
}
