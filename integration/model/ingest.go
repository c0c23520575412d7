package model

import (
	"fmt"
	"slices"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// ingestOwner drives the stage of a session of one input partition.
type ingestOwner struct {
	tenure
	in       *input
	stage    *processors.IngestStage
	combiner *processors.Combiner

	found  found     // by the lookup of the start offset
	again  time.Time // the input is not read before
	given  []message // to the stage, last
	fed    []*fed    // unacknowledged messages, in order
	mark   int64     // what the next commit stores
	stored int64     // what the last one stored
}

// found is what an owner finds when it looks up its start offset.
type found struct {
	processors.IngestFound
	asked   bool    // the group and the input
	highest []int64 // by log: the highest end of its ranges
}

// fed is a message of the stage, and the state of the records sent for it.
type fed struct {
	kind  codec.Feed
	to    int64 // of a flush
	open  int   // not acknowledged yet
	first bool  // one was acknowledged
	told  bool  // the stage knows that it is acknowledged
}

func newIngestOwner(t tenure) *ingestOwner {
	return &ingestOwner{tenure: t, in: t.w.inputs[t.slot.partition], stored: -1}
}

func (o *ingestOwner) act() bool {
	if o.stage == nil {
		o.setup()
		return true
	}
	o.acknowledge()
	if o.mark > o.stored && o.w.chance(0.2) {
		o.commit()
		return true
	}
	return o.run()
}

// setup looks up the start offset, in steps between which anything may happen.
func (o *ingestOwner) setup() {
	f := &o.found
	switch {
	case !f.asked:
		f.asked, f.IngestFound = true, processors.IngestFound{Input: o.w.inputID, Committed: o.in.committed, First: o.in.first, End: o.in.next}
		if err := f.Check(); err != nil {
			o.w.stop(fmt.Errorf("%s: %w", o.name, err), false)
		}
	case !f.Unread():
		o.begin()
	case len(f.highest) < len(o.w.logs):
		f.highest = append(f.highest, o.look(o.w.logs[len(f.highest)]))
	default:
		o.begin()
	}
}

// look reads the last ranges of a log, perhaps none, and returns their highest end.
func (o *ingestOwner) look(l *rangeLog) int64 {
	highest := int64(processors.NotSent)
	most := int64(o.w.n(8))
	for at := max(l.watermark-most, l.first); at < l.watermark; at++ {
		h, err := codec.DecodeRangeHeader(l.records[at])
		if err != nil {
			o.w.violate("%s: %v", o.name, err)
			continue
		}
		if int(h.Partition) == o.in.partition && processors.SaysSent(h, o.w.inputID, int32(l.target), int32(len(o.w.logs)), o.found.End) {
			highest = max(highest, h.To)
		}
	}
	return highest
}

// begin starts the stage.
func (o *ingestOwner) begin() {
	f, t := &o.found, &o.w.temper
	if !o.w.on.LowestSent && len(f.highest) > 0 {
		highest := slices.Max(f.highest)
		for i := range f.highest {
			f.highest[i] = highest
		}
	}
	sent := processors.AllSent(f.highest)
	start := f.Begin(sent)
	if start.From >= max(f.Committed, 0) {
		o.w.counts.Above++
	}
	if !o.w.on.DeclareLost {
		start.From = start.LostTo
	}
	o.mark = -1
	o.stage = processors.NewIngestStage(processors.IngestStart{Linger: t.linger, Start: start, Ends: sent.Ends, Volume: t.volume, CommitEvery: t.commitInput})
	o.combiner = o.on.combiners[o.slot.partition]
	if o.combiner == nil {
		o.combiner = processors.NewCombiner(int32(o.slot.partition), o.w.combineTargets(), heat.DefaultLimits())
		o.on.combiners[o.slot.partition] = o.combiner
	}
	o.w.say("%s begins after offset %d, lost up to %d; ranges in the logs end at %v", o.name, start.From, start.LostTo, f.highest)
}

// run takes the next step of the stage, or of what the stage waits for.
func (o *ingestOwner) run() bool {
	if o.leaving {
		o.stage.End()
	}
	o.stage.Stable(o.in.stable())
	switch a := o.stage.Next(o.w.now); a.Do {
	case processors.DoFeed:
		o.feed(&a)
	case processors.DoReadAgain:
		o.again = a.Until
		if last := o.stage.Last(); a.Offset != last+1 {
			o.w.violate("%s: it reads again from offset %d after %d", o.name, a.Offset, last)
		}
	case processors.DoYield:
		o.w.counts.Yields++
		o.on.turn = nil
	case processors.DoCheckInput:
		o.stage.InputID(o.w.inputID, o.w.now)
	case processors.DoCommit:
		if o.w.on.OneInFlight {
			o.mark = a.Offset
		}
	case processors.DoFail:
		o.w.violate("%s: %v", o.name, a.Err)
	case processors.DoEnd:
		if o.mark > o.stored {
			o.commit()
		} else {
			o.end("it has given up its partition")
		}
	case processors.DoWait:
		if !a.Input && !o.leaving {
			o.w.counts.HeldInput++
		}
		if a.Turn && (o.on.turn == nil || o.on.turn.over) {
			o.on.turn = o
			o.stage.Turn(true)
			return true
		}
		if a.Input && !a.Turn && o.read() {
			return true
		}
		if o.mark > o.stored {
			o.commit()
			return true
		}
		return false
	}
	return true
}

// read gives the stage the next part of the input, and reports whether there was any.
func (o *ingestOwner) read() bool {
	w, last := o.w, o.stage.Last()
	if w.now.Before(o.again) {
		return false
	}
	if !w.settling && w.chance(w.temper.unreadable) {
		o.stage.Unreadable(w.now)
		w.counts.Unreadable++
		w.say("%s cannot read offset %d", o.name, last+1)
		return true
	}
	if o.on.turn == o {
		if w.chance(0.5) { // what was large is read
			o.on.turn = nil
			o.stage.Turn(false)
		}
	} else if w.chance(w.temper.large) {
		o.stage.Large()
		return true
	}
	messages, there := o.in.read(last+1, 1+w.n(4))
	if !there {
		w.say("%s was to read offset %d, which is deleted", o.name, last+1)
		if w.on.DeclareLost {
			o.stage.Gone(o.in.first)
		} else {
			o.stage.Records(nil, 0, 0, o.in.first-1, w.now)
		}
		return true
	}
	end := min(o.in.stable()-1, o.stage.Until()) // up to the last record or marker
	for len(messages) > 0 && messages[len(messages)-1].offset > end {
		messages = messages[:len(messages)-1]
	}
	if len(messages) == 0 {
		if end <= last {
			return false
		}
		o.stage.Records(nil, 0, 0, end, w.now)
		w.say("%s steps over offsets up to %d", o.name, end)
		return true
	}
	bundle := codec.AppendSegmentHeader([]byte{byte(codec.FeedRecords)}, codec.SegmentHeader{Offset: messages[0].offset})
	for i := range messages {
		last = messages[i].offset
		bundle = codec.AppendBundleRecord(bundle, messages[0].offset, codec.Record{Offset: last, Timestamp: messages[i].timestamp, Value: messages[i].value})
	}
	codec.EndSegment(bundle, 1)
	o.given = messages
	o.stage.Records(bundle, len(messages), len(bundle), last, w.now)
	w.say("%s reads up to offset %d", o.name, last)
	return true
}

// feed passes a message of the stage to the combiner, as goka does, and sends the resulting
// ranges.
func (o *ingestOwner) feed(a *processors.Action) {
	f := &fed{kind: a.Kind()}
	o.fed = append(o.fed, f)
	combined, err := o.combiner.Take(a.Value, func(r *processors.Refused) {
		f.open++
		in, offset := o.in, r.Record.Offset
		o.w.send(&flight{from: &o.tenure, label: "a dead letter", arrive: func() { in.dead[offset] = true }, done: func() { f.open-- }})
	})
	if err != nil {
		o.w.violate("%s: %v", o.name, err)
		return
	}
	if f.kind == codec.FeedRecords {
		o.compare(&combined, f.open)
	}
	f.to = o.stage.Last()
	for target, r := range combined.Ranges {
		if target == len(o.w.logs) {
			continue // of the added partition, which this world does not have
		}
		if !o.w.on.OneInFlight {
			r = append([]byte(nil), r...) // they are only valid until the next flush
		}
		f.open++
		o.w.send(&flight{from: &o.tenure, label: o.w.label(r, target), log: o.w.logs[target], value: r,
			done: func() { f.open, f.first = f.open-1, true }})
	}
}

// compare checks the combined messages against what the model knows of them.
func (o *ingestOwner) compare(combined *processors.Combined, letters int) {
	valid := 0
	for i := range o.given {
		if o.given[i].page == undone {
			return // the judge will find it
		}
		if o.given[i].page >= 0 {
			valid++
		}
	}
	if combined.Valid != valid || letters != len(o.given)-valid {
		o.w.violate("%s: of %d messages up to offset %d, %d were counted and %d refused; %d are valid",
			o.name, len(o.given), o.stage.Last(), combined.Valid, letters, valid)
	}
}

// label describes a range for the trace.
func (w *world) label(value []byte, target int) string {
	if w.trace == nil {
		return ""
	}
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

// acknowledge tells the stage which messages are acknowledged. Without a protection, it also
// names some that are not.
func (o *ingestOwner) acknowledge() {
	open := o.fed[:0]
	unsettled, flushes := int64(0), 0
	for _, f := range o.fed {
		switch {
		case f.open > 0:
			open = append(open, f)
			if f.kind == codec.FeedFlush && !o.w.on.LowestAcknowledged && f.first {
				o.mark = max(o.mark, f.to+1)
			}
			if flushes++; f.kind == codec.FeedFlush && !o.w.on.OneInFlight && flushes < 4 {
				o.tell(f)
				continue
			}
			if f.kind != codec.FeedRecords || o.w.on.DeadLettersFirst {
				unsettled++
			}
		case f.kind == codec.FeedFlush && !o.w.on.OneInFlight && len(open) > 0:
			open = append(open, f) // earlier ones are not acknowledged
			o.tell(f)
		default:
			o.tell(f)
			if f.kind == codec.FeedFlush && !o.w.on.OneInFlight {
				o.mark = max(o.mark, f.to+1)
			}
		}
	}
	o.fed = open
	o.stage.Unsettled(unsettled)
}

// tell tells the stage once that a message is acknowledged.
func (o *ingestOwner) tell(f *fed) {
	switch {
	case f.told:
	case f.kind == codec.FeedStart:
		o.stage.Started()
	case f.kind == codec.FeedFlush:
		o.stage.Flushed()
	}
	f.told = true
}

// commit stores the mark. The group refuses it from a former member.
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

// combineTargets returns the number of heat partitions for an owner that starts now.
func (w *world) combineTargets() int {
	if w.repartitioned {
		return len(w.logs) + 1
	}
	return len(w.logs)
}
