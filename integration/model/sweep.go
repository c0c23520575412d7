package model

import (
	"math/rand/v2"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/store"
)

// aging is that of a schedule in which days pass, by the timestamps of behaviours, and pages without one are dropped. Its
// random numbers are its own, so that it leaves other schedules as they are.
type aging struct {
	rng   *rand.Rand
	today codec.Day
}

// forgetAfter is the number of days after which instances drop a page.
const forgetAfter = 2

// newAging returns the aging of a schedule, nil if it has none: a third of those without further boards have it.
func (w *world) newAging(seed uint64) *aging {
	rng := rand.New(rand.NewPCG(seed, 0xa9e5))
	if drawn := rng.IntN(3) == 0; w.withBoards() || !drawn && w.on.sweeping() {
		return nil
	}
	return &aging{rng: rng, today: codec.DayOf(boards.MinuteOf(w.now)) - 5000}
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
	if w.aging == nil || w.aging.rng.IntN(10) == 0 {
		return 0
	}
	return forgetAfter
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

// swept notes a sweep of the stage.
func (o *heatOwner) swept() {
	progress, _ := o.part.Progress()
	days := progress.Days
	if days != nil && !days.Swept && !o.w.on.WholeSweeps {
		o.hurry()
	}
	if days == nil || days.Before <= o.before {
		return
	}
	w, target := o.w, o.slot.partition
	o.before = days.Before
	if latest := codec.DayOf(boards.MinuteOf(w.latest)); days.Before+forgetAfter > latest {
		w.violate("%s drops pages without a behaviour since day %d, and no clock has shown more than day %d", o.name, days.Before, latest)
	}
	at := w.cutOf(target, o.next, uint64(len(o.forgotten)), o.forgotten)
	s := w.sweptBy(target, at, days.Before, days.From)
	o.forgotten = append(o.forgotten, forgotten{asked: asked{request: &request{page: noPage}}, number: uint64(len(o.forgotten)) + 1,
		to: slices.Clone(at.to), sweep: s})
	w.counts.Sweeps++
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

// undated returns the record of a page without its day.
func undated(value []byte) []byte {
	page, err := codec.DecodePage(value)
	if err != nil || page.Boards.Len > 0 {
		return value
	}
	return codec.AppendPage(nil, &page.Totals, page.Label, 0, 0)
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
