package model

import "pageheat/codec"

// flight is one record in flight from a producer to a plain topic: it arrives late, or twice,
// and its acknowledgement may come after those of later records. A producer retries without
// end, so only a crash can lose a record.
type flight struct {
	from  *tenure
	label string

	log    *rangeLog // where it goes; else arrive says
	arrive func()
	value  []byte // for log: the sender's memory until it first arrives
	done   func() // what its acknowledgement causes

	slow         bool // waits for a while
	arrived      bool
	offset       int64
	acknowledged bool // already; kept to arrive once more
	orphan       bool // it is not sent again
}

// send puts a record in flight.
func (w *world) send(f *flight) {
	f.slow = w.chance(w.temper.slow)
	w.flights = append(w.flights, f)
	w.say("%s sends %s", f.from.name, f.label)
}

// land removes the flight at an index from the network.
func (w *world) land(i int) {
	last := len(w.flights) - 1
	w.flights[i] = w.flights[last]
	w.flights[last] = nil
	w.flights = w.flights[:last]
}

// travel delivers one record; it reports whether there was one.
func (w *world) travel() bool {
	if len(w.flights) == 0 {
		return false
	}
	i := w.n(len(w.flights))
	f := w.flights[i]
	if f.slow && !w.settling && !w.chance(0.03) {
		return false
	}
	f.slow = false
	switch {
	case !f.arrived:
		w.arrive(f)
		f.arrived = true
	case f.acknowledged:
		w.arrive(f)
		w.land(i)
		w.counts.Duplicates++
	case f.log != nil && f.offset >= f.log.watermark:
		w.replicate(f.log)
	case w.chance(w.temper.duplicates):
		w.arrive(f) // sent again, though the first had arrived
		w.counts.Duplicates++
	default:
		w.say("acknowledged: %s", f.label)
		if f.done != nil {
			f.done()
		}
		if f.acknowledged = true; !w.chance(w.temper.duplicates) {
			w.land(i)
		}
	}
	return true
}

func (w *world) arrive(f *flight) {
	if f.log == nil {
		w.say("arrives: %s", f.label)
		f.arrive()
		return
	}
	offset := f.log.append(f.value)
	if !f.arrived {
		f.offset = offset
	}
	if f.from.over {
		w.counts.Late++
	}
	w.say("arrives at offset %d: %s", offset, f.label)
	f.value = f.log.records[offset]
	w.checkDeadLetters(f.value)
	if w.chance(0.75) {
		w.replicate(f.log)
	}
}

// checkDeadLetters checks that a range is sent only after the dead letters of its offsets.
func (w *world) checkDeadLetters(value []byte) {
	r, err := codec.ReadRange(value)
	if err != nil {
		w.violate("a range on its way: %v", err)
		return
	}
	if r.Header.Lost {
		return
	}
	in := w.inputs[r.Header.Partition]
	for i := len(in.messages) - 1; i >= 0 && in.messages[i].offset > r.Header.From; i-- {
		if m := &in.messages[i]; m.page == invalid && m.offset <= r.Header.To && !in.dead[m.offset] {
			w.violate("a range of input-%d up to offset %d went out before the dead letter of offset %d",
				in.partition, r.Header.To, m.offset)
		}
	}
}
