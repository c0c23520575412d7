package model

import (
	"math/rand/v2"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/store"
)

// aging is that of a schedule in which days pass, and pages without a behaviour are dropped. Without further boards, days
// pass by the timestamps of behaviours alone; with them, by all clocks. Its random numbers are its own, so that it leaves
// other schedules as they are.
type aging struct {
	rng   *rand.Rand
	today codec.Day // without further boards
	days  int       // after which instances drop a page
	step  int       // how many times as long passes at once
	off   int       // one in so many sessions drops none
	begin time.Time // instances have the setting from then on
	ahead int       // one in so many behaviours is late, or ahead of time
}

// newAging returns the aging of a schedule, nil if it has none: a third of them have it.
func (w *world) newAging(seed uint64) *aging {
	rng := rand.New(rand.NewPCG(seed, 0xa9e5))
	if drawn := rng.IntN(3) == 0; !drawn && w.on.sweeping() {
		return nil
	}
	a := &aging{rng: rng, today: codec.DayOf(boards.MinuteOf(w.now)) - 5000, days: 2, off: 10, ahead: 10, step: 1}
	if w.withBoards() {
		a.passDays(w)
	}
	return a
}

// passDays makes days pass by all clocks.
func (a *aging) passDays(w *world) {
	a.days = 1 + a.rng.IntN(2)
	w.now = w.now.Add(10 * time.Hour) // near the turn of a day
	t := &w.temper
	t.weights[actJump], t.steps = 20, max(t.steps, 300)
	t.growUntil = t.steps
	if a.rng.IntN(3) > 0 { // much happens in one partition
		t.inputs, t.targets, t.focus, t.warm = 1, 1, heatRole, 10
		t.weights[actOwner], t.weights[actGrow], t.weights[actAssign] = 200, 20, 30
	}
	switch {
	case a.rng.IntN(4) == 0 && w.on.sweeping():
		a.holdDays(w)
	case a.rng.IntN(3) == 0 || !w.on.SweptStates: // the setting is on later, when behaviours have come of the days after that
		a.days, a.begin, a.ahead = 1, w.now.Add(2*time.Hour), 2
		t.warm = 10
	}
}

// holdDays makes calendar boards have days, which are held for a week: pages that are on them are not dropped before.
func (a *aging) holdDays(w *world) {
	a.days, a.step = 2, 3
	for i, b := range w.catalog {
		d := b.Definition()
		if d.Kind != boards.Calendar {
			continue
		}
		d.Period = boards.Day
		day, err := boards.New(d)
		if err != nil {
			panic(err) // an hour of the same kind is valid
		}
		w.catalog[i] = day
	}
}

// page is the page of a behaviour, in the place of another one, in schedules with further boards: on each day some pages
// have most behaviours, and others have none.
func (w *world) page(instead int) int {
	if w.aging == nil || !w.withBoards() || w.aging.rng.IntN(8) == 0 {
		return instead
	}
	return (int(codec.DayOf(boards.MinuteOf(w.now))) + w.aging.rng.IntN(2)) % len(w.pages)
}

// turnDays makes time pass, in schedules with further boards: hours or days. Owners begin again when they have the setting.
func (w *world) turnDays() {
	a := w.aging
	if a == nil || !w.withBoards() || a.rng.IntN(2) == 0 {
		return
	}
	off := w.now.Before(a.begin)
	hours := []int{7, 24, 24, 25}[a.rng.IntN(4)] * a.step
	w.now = w.now.Add(time.Duration(hours) * time.Hour)
	if !off {
		return
	}
	for _, on := range w.instances {
		w.crash(on)
	}
}

// shift moves the timestamp of a behaviour by some days, in schedules with further boards: late, and ahead.
func (w *world) shift() time.Duration {
	a := w.aging
	switch {
	case a == nil || a.rng.IntN(a.ahead) > 0:
		return 0
	case w.now.Before(a.begin):
		return time.Duration(2+a.rng.IntN(10)) * 24 * time.Hour
	}
	return time.Duration(a.rng.IntN(8)-3) * 24 * time.Hour
}

// timestamp is that of the next behaviour: of today, late, or ahead.
func (a *aging) timestamp() int64 {
	if a.rng.IntN(3) == 0 {
		a.today += codec.Day(1 + a.rng.IntN(2))
	}
	day := a.today
	if a.rng.IntN(4) == 0 {
		day += codec.Day(a.rng.IntN(2))
		day -= codec.Day(a.rng.IntN(5))
	}
	return day.Time().UnixMilli() + a.rng.Int64N((24 * time.Hour).Milliseconds())
}

// forgetAfter is the setting of a new session, which not all instances have.
func (w *world) forgetAfter() int {
	a := w.aging
	switch {
	case a == nil:
		return 0
	case w.now.Before(a.begin):
		return 0
	case a.rng.IntN(a.off) == 0:
		return 0
	}
	return a.days
}

// sweepOf is the sweep of a partition, by the model's own reading of the input.
type sweepOf struct {
	before codec.Day
	from   []int64
	gone   []bool // by number of the page
}

// sweptBy finds the pages that a sweep drops: those of a target without a known behaviour of its day, or a later one.
func (w *world) sweptBy(target int, c cut, before codec.Day, from []int64) *sweepOf {
	s := &sweepOf{before: before, from: from, gone: make([]bool, len(w.pages))}
	for i := range s.gone {
		s.gone[i] = w.pages[i].target == target
	}
	for i, in := range w.inputs {
		for j := range in.messages {
			m := &in.messages[j]
			if m.page < 0 || w.pages[m.page].target != target || w.logs[target].isLost(i, m.offset) || !c.counts(i, m) || m.offset > c.to[i] {
				continue
			}
			if known := i >= len(from) || m.offset > from[i]; known && codec.DayOf(m.minute()) >= before {
				s.gone[m.page] = false
			}
		}
	}
	return s
}

// swept notes a sweep of the stage; before are the books before.
func (o *heatOwner) swept(before *books) {
	days := o.days()
	if days != nil && !days.Swept && !o.w.on.WholeSweeps {
		o.hurry()
	}
	if days == nil || days.Before <= o.before {
		return
	}
	w, target := o.w, o.slot.partition
	o.before, o.written = days.Before, before
	if latest := codec.DayOf(boards.MinuteOf(w.latest)); days.Before+codec.Day(w.aging.days) > latest {
		w.violate("%s drops pages without a behaviour since day %d, and no clock has shown more than day %d", o.name, days.Before, latest)
	}
	at := w.cutOf(target, o.next, uint64(len(o.forgotten)), o.forgotten)
	s := w.sweptBy(target, at, days.Before, days.From)
	o.forgotten = append(o.forgotten, forgotten{asked: asked{request: &request{page: noPage}}, number: uint64(len(o.forgotten)) + 1,
		to: slices.Clone(at.to), sweep: s})
	w.counts.Sweeps++
	if o.books != nil {
		w.counts.BoardSweeps++
		o.checkDropped(before, at, s)
		if w.aging.rng.IntN(2) == 0 { // periods end while the pages are removed
			w.now = w.now.Add(70 * time.Minute)
		}
	}
	for i, gone := range s.gone {
		if gone && (at.gone == nil || at.gone[i] == nil) {
			w.counts.Swept++
		}
	}
	w.say("%s drops the pages without a behaviour since day %d: %v", o.name, days.Before, s.gone)
	if !w.on.HeldLeaders {
		o.hurry()
	}
}

// checkDropped checks that a sweep drops no page that has something on a further board, but for what came before days
// were kept.
func (o *heatOwner) checkDropped(before *books, at cut, s *sweepOf) {
	w := o.w
	for i, in := range w.inputs {
		for j := range in.messages {
			m := &in.messages[j]
			if m.offset > at.to[i] {
				break
			}
			if m.page < 0 || !s.gone[m.page] || w.logs[o.slot.partition].isLost(i, m.offset) || !at.counts(i, m) {
				continue
			}
			for k := range before.accounts {
				a := &before.accounts[k]
				slot := a.board.Place(m.minute()).Slot
				if slot < a.board.Held(a.asOf) || !a.has(i, m) {
					continue
				}
				if i >= len(s.from) || m.offset > s.from[i] {
					w.violate("%s drops page %q with the behaviour at offset %d of input-%d, which board %s as of %s still has",
						o.name, w.pages[m.page].name, m.offset, i, nameOf(a.board), a.asOf)
				}
				w.counts.BoardsSwept++
			}
		}
	}
}

// checkSweep checks the record of a sweep.
func (w *world) checkSweep(target int, want *forgotten) {
	table := w.tables[target]
	key := (&codec.Sweep{Partitions: int32(len(w.logs)), Partition: int32(target), Before: want.sweep.before}).Key()
	got, err := codec.DecodeSweep(table.table[key].value)
	if err != nil {
		w.violate("%s: the sweep before day %d: %v", table.name, want.sweep.before, err)
		return
	}
	to := slices.Clone(got.To)
	for len(to) < len(want.to) {
		to = append(to, codec.Unknown)
	}
	if got.Number != want.number || !slices.Equal(to, want.to) || len(got.To) > 0 && got.Input != w.inputID || !slices.Equal(got.From, want.sweep.from) {
		w.violate("%s: the sweep before day %d is %+v, and should be number %d from %v to %v", table.name, want.sweep.before, got, want.number, want.sweep.from, want.to)
	}
}

// finishSweep removes what is dropped and not removed yet from a restored partition.
func (w *world) finishSweep(part *store.Partition) {
	part.StartSweeps()
	for more := true; more; {
		var err error
		if _, more, err = part.PassOn(); err != nil {
			w.violate("removing dropped pages: %v", err)
			return
		}
	}
}

// closeEarly makes boards be as of now while dropped pages are removed.
func (o *heatOwner) closeEarly() {
	if days := o.days(); days != nil && !days.Swept {
		o.part.Advance(o.now())
		o.observe()
	}
}

// days says which pages are dropped.
func (o *heatOwner) days() *codec.DaysProgress {
	progress, _ := o.part.Progress()
	return progress.Days
}

// unsweep puts pages that were dropped back on a board in leaders.
func (o *heatOwner) unsweep(l *codec.Leaders, a *account) {
	w, target := o.w, o.slot.partition
	requests := slices.Clone(o.forgotten)
	for i := range requests {
		if requests[i].sweep != nil {
			requests[i].sweep = &sweepOf{}
		}
	}
	states := w.states(a.board, a, target, w.cutOf(target, l.Next, l.Forget.Taken, requests))
	for i := range l.Boards {
		b := &l.Boards[i]
		if b.Name != nameOf(a.board) {
			continue
		}
		all := w.standings(nil, a.board, states, a.board.Slot(b.AsOf))
		if b.Grouped {
			all = grouped(a.board, all)
		} else {
			all = first(a.board, all)
		}
		b.Pages = encoded(a.board, all)
	}
}

// undated returns the record of a page without its day.
func undated(value []byte) []byte {
	return rewritten(value, func(page *codec.PageState) { page.Day = 0 })
}

// unswept returns a progress that does not say which pages are dropped.
func unswept(progress []byte) []byte {
	p, err := codec.DecodeProgress(progress)
	if err != nil || p.Days == nil {
		return progress
	}
	p.Days.Before, p.Days.Swept = 0, true
	return codec.AppendProgress(nil, &p)
}
