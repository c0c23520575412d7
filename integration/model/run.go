package model

import (
	"io"
	"time"

	"pageheat/codec"
)

// Outcome is how a schedule ended.
type Outcome struct {
	// Seed repeats the schedule.
	Seed uint64
	// Violation is what did not hold; nil if everything did.
	Violation error
	// Stopped is the permanent error that stopped the pipeline because something was truly
	// lost; nil if there was none.
	Stopped error
	// Counts are of this schedule.
	Counts Counts
}

// The steps of a schedule.
const (
	actGrow = iota
	actTravel
	actOwner
	actStale
	actRead
	actAssign
	actJump
	actHandOver
	actExpel
	actCrash
	actFreeze
	actThaw
	actCompact
	actRetain
	actExpire
	actLeader
	actRestore
	actForget
	actFollow
	actMove
	actExpireOffset
	actChange
	actRepartition
	actEndProducing
	actAddInput
	actClock
	actAsk
	actions
)

// Run runs the schedule of a seed: a few hundred steps with faults, then steps without faults
// until nothing is left to do. The same seed and protections give the same schedule. If trace is
// not nil, each step writes a line to it.
func Run(seed uint64, p Protections, trace io.Writer) Outcome {
	w := newWorld(seed, p, trace)
	if w.disk != nil {
		defer func() { _ = w.disk.Close() }()
	}
	w.say("seed %d: %+v", seed, w.temper)
	total := 0
	for _, weight := range w.temper.weights {
		total += weight
	}
	w.warm()
	for w.steps = 0; w.steps < w.temper.steps && w.goesOn(); w.steps++ {
		w.pass(w.temper.pace)
		at := w.n(total)
		for action, weight := range w.temper.weights {
			if at -= weight; at < 0 {
				w.do(action)
				break
			}
		}
	}
	if w.goesOn() {
		w.settle()
	}
	if w.goesOn() {
		w.checkEnd()
	}
	w.counts.Schedules = 1
	w.counts.Steps = uint64(w.steps)
	if w.stopped != nil {
		w.counts.Stopped = 1
	}
	return Outcome{Seed: seed, Violation: w.violation, Stopped: w.stopped, Counts: w.counts}
}

func (w *world) goesOn() bool { return w.violation == nil && w.stopped == nil }

// warm lets all owners begin, in schedules that have faults of a pipeline at work.
func (w *world) warm() {
	for range w.temper.warm {
		w.pass(w.temper.pace)
		w.grow()
		for _, s := range w.slots {
			if !w.goesOn() {
				return
			}
			if s.holder == nil {
				w.assign(s)
			}
			w.own(s)
			w.travel()
		}
	}
}

// do takes one step.
func (w *world) do(action int) {
	s := w.anySlot()
	target := w.n(len(w.logs))
	switch action {
	case actGrow:
		if w.steps < w.temper.growUntil {
			w.grow()
		}
	case actTravel:
		w.travel()
	case actOwner:
		w.own(s)
	case actStale:
		w.haunt(s)
	case actRead:
		w.read()
	case actAssign:
		if s.holder == nil {
			w.assign(s)
		}
	case actJump:
		w.jump()
	case actHandOver:
		if s.holder != nil && !s.holder.base().leaving {
			s.holder.base().leaving = true
			w.counts.HandOvers++
			w.say("%s is to give up its partition", s.holder.base().name)
		}
	case actExpel:
		w.expel(s)
	case actCrash:
		w.crash(w.instances[w.n(len(w.instances))])
	case actFreeze, actThaw:
		w.freeze(s, action == actFreeze)
	case actCompact:
		if log := w.requests[target]; len(log.records) > 0 && w.chance(0.5) {
			log.compact(w)
			break
		}
		w.compact(w.tables[target])
	case actRetain:
		w.retain()
	case actExpire:
		if w.tables[target].expire() {
			w.counts.Expired++
			w.say("the open transaction on table-%d has timed out and is aborted", target)
		}
	case actLeader:
		w.changeLeader()
	case actRestore:
		w.restoreCommitted(target)
	case actForget:
		if s.holder != nil {
			s.holder.base().fault("an error that is no more than that")
		}
	case actFollow:
		w.follow(w.instances[w.n(len(w.instances))], s)
	case actMove:
		w.advanceCommitted()
	case actExpireOffset:
		w.expireOffset()
	case actChange:
		w.change(w.instances[w.n(len(w.instances))])
	case actRepartition:
		w.repartition()
	case actEndProducing:
		w.endProducing(w.inputs[w.n(len(w.inputs))])
	case actAddInput:
		w.addInput()
	case actClock:
		w.setClock(w.instances[w.n(len(w.instances))])
	case actAsk:
		w.ask()
	}
}

// anySlot returns a random slot, more often one of the role that the schedule focuses on.
func (w *world) anySlot() *slot {
	s := w.slots[w.n(len(w.slots))]
	if w.temper.focus != "" && s.role != w.temper.focus && w.chance(0.3) {
		s = w.slots[w.n(len(w.slots))]
	}
	return s
}

// own lets the holder of a slot take some steps.
func (w *world) own(s *slot) bool {
	if s.holder == nil || s.holder.base().frozen {
		return false
	}
	a := s.holder
	acted := a.act()
	for acted && !a.base().over && w.goesOn() && w.chance(0.6) {
		a.act()
	}
	return acted
}

// haunt lets a previous holder of a slot take a step.
func (w *world) haunt(s *slot) {
	if len(s.stale) == 0 {
		return
	}
	a := s.stale[w.n(len(s.stale))]
	t := a.base()
	switch {
	case t.frozen:
		return
	case t.leaving && w.chance(0.1):
		a.end("it had no more time to finish")
		return
	case w.chance(w.temper.notice):
		t.leaving = true
	}
	a.act()
}

// freeze stops an actor of a slot until it is thawed.
func (w *world) freeze(s *slot, freeze bool) {
	s.each(func(a actor) {
		if t := a.base(); t.frozen != freeze && (w.settling || w.chance(0.5)) {
			t.frozen = freeze
			if freeze {
				w.counts.Frozen++
			}
			w.say("%s: frozen is %t", t.name, freeze)
		}
	})
}

// pass advances the clock, by at most twice the given time.
func (w *world) pass(about time.Duration) {
	w.now = w.now.Add(time.Duration(w.rng.Int64N(2*int64(about) + 1)))
}

// jump advances the clock far enough that something becomes due.
func (w *world) jump() {
	by := []time.Duration{100 * time.Millisecond, time.Second, 11 * time.Second}
	if w.withBoards() {
		by = append(by, 20*time.Second, time.Minute, time.Minute, 3*time.Minute, 17*time.Minute)
	}
	w.now = w.now.Add(by[w.n(len(by))])
	w.turnDays()
	w.say("it is %s", w.now.Format(time.TimeOnly+".000"))
}

const (
	// settleRounds is the number of rounds, with a step of every actor, until nothing may be
	// left to do; a schedule needs about 50.
	settleRounds = 3000
	// settleJumps is the number of times that all processes must be idle at the end, and
	// settleTime the time that passes each time: what is due later happens, and leaders are
	// sent again.
	settleJumps = 12
	settleTime  = time.Second
	// settleMinutes is the number of minutes after which all final boards must be there.
	settleMinutes = 10
)

// settle continues without faults until nothing is left to do.
func (w *world) settle() {
	w.settling = true
	w.temper.duplicates, w.temper.lostAnswers = 0, 0
	w.temper.notice = max(w.temper.notice, 0.1)
	w.say("no more faults")
	w.alignClocks()
	for _, on := range w.instances {
		w.change(on)
	}
	for _, in := range w.inputs {
		for w.endProducing(in) {
			continue
		}
	}
	jumps, minutes := 0, 0
	for range settleRounds {
		w.steps++
		w.pass(time.Millisecond)
		busy := false
		for _, s := range w.slots {
			w.freeze(s, false)
			if s.holder == nil {
				w.assign(s)
				busy = true
			}
			busy = w.own(s) || busy
			if len(s.stale) > 0 {
				w.haunt(s)
				busy = true
			}
		}
		for range len(w.flights) {
			busy = w.travel() || busy
		}
		busy = w.read() || busy
		if !w.goesOn() {
			return
		}
		if busy {
			continue
		}
		if at := w.readAgain(); at.After(w.now) {
			w.now = at
			continue
		}
		// A minute that has just begun may still have to be published.
		if jumps++; jumps > settleJumps && (!w.withBoards() || w.now.Second() >= 3) {
			// Final boards that the ranking ignored, of an owner that counted again, come again after a minute, and where
			// there are many, not all of them at once.
			if !w.withBoards() || minutes > 0 && (minutes == settleMinutes || !w.finalsMissing()) {
				return
			}
			minutes, jumps = minutes+1, 0
			w.now = w.now.Add(time.Minute)
			continue
		}
		w.now = w.now.Add(settleTime)
	}
	w.violate("no progress: after %d rounds without faults there is still something to do", settleRounds)
}

// readAgain returns the time by which all input that could not be read is read again.
func (w *world) readAgain() (at time.Time) {
	for _, s := range w.slots {
		if o, ok := s.holder.(*ingestOwner); ok && o.again.After(at) {
			at = o.again
		}
	}
	return at
}

// checkEnd checks that everything is counted and published.
func (w *world) checkEnd() {
	cuts := w.lastCuts()
	for i, l := range w.logs {
		w.checkTable(i)
		w.restoreCommitted(i)
		if !w.goesOn() {
			return
		}
		c := w.tables[i].table[codec.ProgressKey(int32(i))]
		p, err := codec.DecodeProgress(c.value)
		if err != nil || p.Next != l.watermark {
			w.violate("no progress: table-%d ends at offset %d of behaviour-%d, which has %d (%v)", i, p.Next, i, l.watermark, err)
		}
		for j, in := range w.inputs {
			if cuts[i].to[j] < in.last() {
				w.violate("no progress: table-%d has counted input-%d up to offset %d of %d", i, j, cuts[i].to[j], in.last())
			}
		}
	}
	for i, in := range w.inputs {
		if in.committed <= in.last() && !in.expired {
			w.violate("no progress: the group has committed offset %d of input-%d, whose last is %d", in.committed, i, in.last())
		}
		for j := range in.messages {
			m := &in.messages[j]
			if m.page == invalid && !in.dead[m.offset] && !w.logs[0].isLost(i, m.offset) && !w.moved {
				w.violate("the invalid message at offset %d of input-%d is not among the dead letters", m.offset, i)
			}
		}
	}
	allTime := w.readers[boardName]
	if allTime == nil || allTime.newest == nil {
		w.violate("no progress: there is no board")
		return
	}
	w.checkLastBoards(cuts)
	w.checkAnswered()
	if w.events != nil && w.events.read < len(w.output) {
		w.violate("no progress: there are events of %d of %d boards", w.events.read, len(w.output))
	}
	if err := w.checkBoard(allTime.newest, w.temper.settings[len(w.temper.settings)-1], cuts); err != nil {
		w.violate("no progress: the reader's last board is version %d: %w", allTime.newest.Version, err)
	}
	lasts := map[string]uint64{}
	for _, p := range w.output {
		lasts[p.board.Board] = p.board.Version
	}
	last := w.temper.settings[len(w.temper.settings)-1]
	for _, name := range append(w.boardNames(last), boardName) {
		if newest := w.readers[name]; newest != nil && lasts[name] != newest.newest.Version {
			w.violate("the last board %s in the output has version %d, the newest is %d", name, lasts[name], newest.newest.Version)
		}
	}
}
