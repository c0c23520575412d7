package model

import (
	"fmt"
	"math"
	"slices"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// flush is one range for every target, on its way.
type flush struct {
	to    int64
	open  int  // not acknowledged yet
	first bool // one was acknowledged
}

// ingestOwner follows the rules of adapter.Ingest for one input partition.
type ingestOwner struct {
	tenure
	in       *input
	gatherer *processors.Gatherer

	asked      bool // what the group and the input say is known
	looked     int  // logs whose last ranges were looked at
	known      sent
	set        bool // the start is known
	fed        bool // and the gatherer has been told
	started    bool // and what was lost is acknowledged: commits are allowed
	from       int64
	inputFirst int64 // when it was asked
	inputEnd   int64
	lostTo     int64
	next       int64    // what to read next
	last       int64    // what was read last
	flushed    int64    // the last offset of the last flush
	dead       int      // dead letters on their way
	flushes    []*flush // on their way
	mark       int64    // what the next commit stores
	stored     int64    // what the last one did
}

func newIngestOwner(t tenure) *ingestOwner {
	return &ingestOwner{tenure: t, in: t.w.inputs[t.slot.partition], stored: -1}
}

func (o *ingestOwner) act() bool {
	o.acknowledge()
	switch {
	case !o.set:
		o.setup()
	case !o.fed:
		o.feed()
	case !o.started:
		if len(o.flushes) > 0 {
			return false
		}
		o.started = true
		o.flush() // the first mark is due even if nothing comes
	case o.leaving:
		return o.finish()
	default:
		return o.run()
	}
	return true
}

// setup looks up where to begin, in steps between which anything may happen.
func (o *ingestOwner) setup() {
	switch from := max(o.in.committed, 0); {
	case from > o.in.next:
		o.w.stop(fmt.Errorf("%s: the committed offset %d is above the end %d", o.name, from, o.in.next), false)
	case !o.asked:
		o.asked = true
		o.from, o.inputFirst, o.inputEnd = from-1, o.in.first, o.in.next
	case o.looked < len(o.w.logs):
		o.look(o.w.logs[o.looked])
		o.looked++
	default:
		o.begins()
	}
}

// begins sets where to begin.
func (o *ingestOwner) begins() {
	if next := o.known.next(o.w.on.LowestSent); next-1 > o.from {
		o.from = next - 1
		o.w.counts.Above++
	}
	o.lostTo = max(o.from, o.inputFirst-1)
	if !o.w.on.DeclareLost {
		o.from = o.lostTo
	}
	o.next, o.last, o.mark = o.lostTo+1, o.lostTo, o.lostTo+1
	o.flushed = o.lostTo
	o.set = true
	o.w.say("%s begins after offset %d, lost up to %d; ranges in the logs end at %v", o.name, o.from, o.lostTo, o.known)
}

// sent is, by log, the highest offset that ranges of an input partition reach, of those that
// were looked at; -1 where there is none.
type sent []int64

// next is the offset below which everything was sent to all logs, 0 if it is not known.
func (s sent) next(lowest bool) int64 {
	if !lowest {
		return slices.Max(s) + 1
	}
	return slices.Min(s) + 1
}

// look looks at the last ranges of a log, perhaps at none.
func (o *ingestOwner) look(l *rangeLog) {
	to := int64(-1)
	most := int64(o.w.n(8))
	for at := max(l.watermark-most, l.first); at < l.watermark; at++ {
		h, err := codec.DecodeRangeHeader(l.records[at])
		if err != nil {
			o.w.violate("%s: %v", o.name, err)
			return
		}
		if int(h.Partition) == o.in.partition && int(h.Targets) == len(o.w.logs) && h.To < o.inputEnd {
			to = max(to, h.To)
		}
	}
	o.known = append(o.known, to)
}

// until is the offset at which the range that is gathered has to end.
func (o *ingestOwner) until() int64 {
	until := int64(math.MaxInt64)
	for _, to := range o.known {
		if to > o.flushed {
			until = min(until, to)
		}
	}
	return until
}

// feed begins to gather, and says what was lost.
func (o *ingestOwner) feed() {
	o.gatherer = o.on.gatherers[o.slot.partition]
	if o.gatherer == nil {
		o.gatherer = processors.NewGatherer(int32(o.slot.partition), o.w.gatherTargets(), heat.DefaultLimits())
		o.on.gatherers[o.slot.partition] = o.gatherer
	}
	o.gatherer.Start(o.w.inputID, o.from)
	if o.lostTo > o.from {
		o.send(o.gatherer.Lose(o.lostTo), o.lostTo)
	}
	o.fed = true
}

// run takes one of the steps there are.
func (o *ingestOwner) run() bool {
	w := o.w
	messages, there := o.in.read(o.next, 1+w.n(4))
	canFlush := o.last > o.flushed && (o.dead == 0 || !w.on.DeadLettersFirst) && (len(o.flushes) == 0 || !w.on.OneInFlight && len(o.flushes) < 4)
	canCommit := o.mark > o.stored
	switch {
	case !there:
		o.fault("what it was to read next is deleted")
	case len(messages) > 0 && o.last < o.until() && (!canFlush || w.chance(0.6)):
		o.take(messages)
	case canFlush && (!canCommit || w.chance(0.7)):
		o.flush()
	case canCommit:
		o.commit()
	default:
		return false
	}
	return true
}

// take gathers messages, and sets the invalid ones aside.
func (o *ingestOwner) take(messages []message) {
	until := o.until()
	for i := range messages {
		m := &messages[i]
		if m.offset > until {
			o.last = until
			o.gatherer.Reach(until)
			break
		}
		refusal := o.gatherer.Add(m.offset, m.value)
		if (refusal != nil) != (m.page < 0) {
			o.w.violate("%s: message %q at offset %d: refused as %v", o.name, m.value, m.offset, refusal)
		}
		if refusal != nil {
			o.dead++
			in, offset := o.in, m.offset
			o.w.send(&flight{from: &o.tenure, label: fmt.Sprintf("dead letter of input-%d offset %d", in.partition, offset),
				arrive: func() { in.dead[offset] = true }, done: func() { o.dead-- }})
		}
		o.last = m.offset
	}
	o.next = o.last + 1
	o.w.say("%s reads up to offset %d", o.name, o.last)
}

// flush sends what was gathered, or marks.
func (o *ingestOwner) flush() {
	o.flushed = o.last
	o.send(o.gatherer.Flush(), o.last)
}

func (o *ingestOwner) send(ranges [][]byte, to int64) {
	f := &flush{to: to, open: len(ranges)}
	o.flushes = append(o.flushes, f)
	for target, r := range ranges {
		if target == len(o.w.logs) {
			f.open-- // of the partition that was added, which this world does not have
			continue
		}
		if !o.w.on.OneInFlight {
			r = append([]byte(nil), r...) // they are valid until the next flush only
		}
		o.w.send(&flight{from: &o.tenure, label: label(r, target), log: o.w.logs[target], value: r,
			done: func() { f.open, f.first = f.open-1, true }})
	}
}

func label(value []byte, target int) string {
	r, err := codec.ReadRange(value)
	if err != nil {
		return err.Error()
	}
	lost := ""
	if r.Header.Lost {
		lost = ", lost"
	}
	return fmt.Sprintf("range (%d, %d] of input-%d to behaviour-%d, %d pages%s",
		r.Header.From, r.Header.To, r.Header.Partition, target, r.Pages, lost)
}

// acknowledge takes note of flushes that every target has acknowledged.
func (o *ingestOwner) acknowledge() {
	if !o.w.on.LowestAcknowledged {
		for _, f := range o.flushes {
			if f.first {
				o.mark = max(o.mark, f.to+1)
			}
		}
	}
	for len(o.flushes) > 0 && o.flushes[0].open == 0 {
		o.mark = max(o.mark, o.flushes[0].to+1)
		o.flushes = o.flushes[1:]
	}
}

// commit stores the mark; the group refuses it from one who is no member any more.
func (o *ingestOwner) commit() {
	if !o.current() {
		o.w.counts.CommitsRefused++
		o.leaving = true
		o.stored = o.mark
		o.w.say("%s may not commit offset %d: it is no longer the owner", o.name, o.mark)
		return
	}
	o.in.committed, o.stored = o.mark, o.mark
	o.w.say("%s commits offset %d", o.name, o.mark)
}

// finish sends on what is left, waits until it is acknowledged, and commits.
func (o *ingestOwner) finish() bool {
	switch {
	case len(o.flushes) > 0 || o.dead > 0:
		return false
	case o.last > o.flushed:
		o.flush()
	case o.mark > o.stored:
		o.commit()
	default:
		o.end("it has given up its partition")
	}
	return true
}

// gatherTargets is how many heat partitions there are for one who begins to gather now.
func (w *world) gatherTargets() int {
	if w.repartitioned {
		return len(w.logs) + 1
	}
	return len(w.logs)
}
