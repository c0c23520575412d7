package model

import (
	"fmt"
)

// follow makes a process that does not own a partition of the table read a few records of its
// changelog, like the standby of package pipeline.
func (w *world) follow(on *instance, s *slot) {
	if !w.temper.standby || s.role != heatRole {
		return
	}
	owns := false
	s.each(func(a actor) { owns = owns || a.base().on == on })
	if owns {
		return
	}
	part := on.stores.Take(int32(s.partition))
	if part == nil {
		part = w.store(on, s.partition)
	}
	defer on.stores.Keep(part, nil)
	part.Resume()
	table := w.tables[s.partition]
	for range 1 + w.n(12) {
		at, _ := part.GetOffset(-1)
		r, more := table.read(at+1, table.stable()-1)
		if !more {
			return
		}
		if err := w.take(part, r.key, r.value); err != nil {
			w.stop(fmt.Errorf("instance-%d, a standby of %s, at offset %d: %w", on.number, table.name, r.offset, err), false)
			return
		}
		_ = part.SetOffset(r.offset)
		w.counts.Followed++
		w.say("instance-%d, a standby of %s, reads offset %d", on.number, table.name, r.offset)
	}
}
