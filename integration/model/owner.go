package model

import (
	"slices"
	"strconv"
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// instance is one process. Its fields survive its sessions, but not a crash.
type instance struct {
	number    int
	settings  int // of temper.settings
	combiners map[int]*processors.Combiner
	stores    *processors.HeatStores
	pageTime  map[int]time.Duration // what writing a page took, by partition
	ranker    *processors.Ranker
	skew      time.Duration // of its clock
	turn      *ingestOwner  // the owner whose turn it is to read a large batch; nil or over if there is none
}

func (i *instance) restart(standby bool) {
	i.combiners = make(map[int]*processors.Combiner)
	i.stores = processors.NewHeatStores(standby)
	i.pageTime = make(map[int]time.Duration)
	i.ranker, i.turn = nil, nil
}

// role is the role that a slot belongs to.
type role string

const (
	ingestRole role = "ingest"
	heatRole   role = "heat"
	rankRole   role = "rank"
	eventsRole role = "events"
)

// slot is one partition of one consumer group. The group knows one holder; previous holders may
// not know yet that they were replaced.
type slot struct {
	role       role
	partition  int
	generation int
	holder     actor
	stale      []actor
}

// actor is an owner, or believes that it is one.
type actor interface {
	base() *tenure
	// act takes one step, and reports whether there was one.
	act() bool
	// end ends its tenure.
	end(why string)
}

// tenure is the time that an instance holds a slot, or believes so.
type tenure struct {
	w          *world
	slot       *slot
	on         *instance
	generation int
	name       string
	frozen     bool
	leaving    bool // its session ends; it may finish what it started
	over       bool
}

func (t *tenure) base() *tenure { return t }

// now is the time by the clock of the owner's process.
func (t *tenure) now() time.Time { return t.w.clock(t.on) }

// current reports whether the group considers it the holder.
func (t *tenure) current() bool { return t.generation == t.slot.generation }

// end ends the tenure.
func (t *tenure) end(why string) {
	if t.over {
		return
	}
	t.over = true
	t.w.say("%s ends: %s", t.name, why)
	if t.slot.holder != nil && t.slot.holder.base() == t {
		t.slot.holder = nil
		return
	}
	for i, a := range t.slot.stale {
		if a.base() == t {
			t.slot.stale = append(t.slot.stale[:i], t.slot.stale[i+1:]...)
			return
		}
	}
}

// each calls f for every actor of a slot.
func (s *slot) each(f func(actor)) {
	for _, a := range slices.Backward(s.stale) { // f may end it
		f(a)
	}
	if s.holder != nil {
		f(s.holder)
	}
}

// assign gives a slot without a holder to an instance that has no tenure of it; a process
// rejoins only after its last session.
func (w *world) assign(s *slot) {
	free := make([]*instance, 0, len(w.instances))
	for _, i := range w.instances {
		busy := false
		s.each(func(a actor) { busy = busy || a.base().on == i })
		if !busy {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		s.stale[w.n(len(s.stale))].base().leaving = true
		return
	}
	on := free[w.n(len(free))]
	s.generation++
	t := tenure{w: w, slot: s, on: on, generation: s.generation, name: string(s.role) + "-" + strconv.Itoa(s.partition) +
		"/instance-" + strconv.Itoa(on.number) + "/" + strconv.Itoa(s.generation)}
	switch s.role {
	case ingestRole:
		s.holder = newIngestOwner(t)
	case heatRole:
		// The others get another partition, or none: a process keeps stores only
		// until its next session with partitions.
		for _, other := range w.instances {
			if other != on && w.chance(0.5) {
				other.stores.Begin(w.allBut(s.partition))
			}
		}
		s.holder = newHeatOwner(t)
	case rankRole:
		s.holder = newRankOwner(t)
	case eventsRole:
		s.holder = newEventsOwner(t)
	}
	w.say("%s is assigned", t.name)
}

// allBut are all heat partitions but one.
func (w *world) allBut(p int) (owned []int32) {
	for other := range w.logs {
		if other != p {
			owned = append(owned, int32(other))
		}
	}
	return owned
}

// expel removes a holder from its group without its knowledge: the group gives its slot to
// another one.
func (w *world) expel(s *slot) {
	if s.holder == nil || len(s.stale) >= 2 {
		return
	}
	s.stale = append(s.stale, s.holder)
	w.say("%s is expelled from its group, and does not know", s.holder.base().name)
	s.holder = nil
	s.generation++
	w.counts.Expelled++
}

// crash ends a process and starts it again. Records that were sent but not acknowledged may
// still arrive.
func (w *world) crash(on *instance) {
	w.say("instance-%d crashes", on.number)
	w.counts.Crashes++
	for _, s := range w.slots {
		s.each(func(a actor) {
			if a.base().on == on {
				a.base().end("its process crashed")
			}
		})
	}
	w.forget(on, "")
	on.restart(w.temper.standby)
}

// fault ends a tenure with an error that also ends the processor: it is recreated without its
// memory.
func (t *tenure) fault(why string) {
	t.w.counts.Faults++
	t.end(why)
	t.w.forget(t.on, t.slot.role)
	switch t.slot.role {
	case ingestRole:
		delete(t.on.combiners, t.slot.partition)
	case rankRole:
		t.on.ranker = nil
	}
}

// forget drops the records in flight of a process or one of its roles that it will not send
// again.
func (w *world) forget(on *instance, r role) {
	for i, f := range slices.Backward(w.flights) {
		if f.from.on != on || r != "" && f.from.slot.role != r || !f.from.over {
			continue
		}
		if f.orphan = true; f.arrived || w.chance(0.5) {
			w.land(i)
		}
	}
}

// fencing is the take-over of a table partition, in three steps: another one may come between
// any two.
type fencing struct {
	table   *changelog
	epoch   int
	fence   codec.Fence
	fenceAt int64 // -1 until it is written
	taken   bool
}

// step continues the take-over; it returns false if another one has taken over.
func (f *fencing) step(t *tenure) bool {
	switch {
	case f.epoch == 0:
		f.epoch, f.fenceAt = f.table.takeOver(), -1
		f.fence = codec.Fence{Owner: t.name}
		t.w.say("%s takes over the transactional.id of %s", t.name, f.table.name)
	case f.fenceAt < 0:
		at, ok := f.table.write(f.epoch, codec.FenceKey(int32(t.slot.partition)), codec.AppendFence(nil, f.fence))
		if !ok {
			return false
		}
		f.fenceAt = at
	default:
		if !f.table.commit(f.epoch) {
			return false
		}
		f.taken = true
		t.w.say("%s has its fence in %s at offset %d", t.name, f.table.name, f.fenceAt)
	}
	return true
}
