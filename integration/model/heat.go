package model

import (
	"errors"
	"fmt"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
	"pageheat/topology"
)

// errInputGone says that what a second read needs was deleted.
var errInputGone = errors.New("the input does not have these offsets any more")

// heatOwner follows the rules of adapter.Heat for one partition of the table.
type heatOwner struct {
	tenure
	fencing
	log   *rangeLog
	first int64 // of the log, before the take-over
	part  *store.Partition

	restored bool
	checked  bool

	next    int64 // range to apply next
	sending bool  // leaders are on their way
	fresh   bool  // leaders differ from those last sent
	tick    bool  // leaders are due even so

	cut       *store.Cut
	handed    bool  // the last record of the cut is written
	committed bool  // and committed; the answer is on its way
	ended     int64 // the offset of that record
	buffer    []byte
	leaders   codec.Leaders
}

func newHeatOwner(t tenure) *heatOwner {
	w := t.w
	return &heatOwner{tenure: t, log: w.logs[t.slot.partition], fencing: fencing{table: w.tables[t.slot.partition]}, fresh: true}
}

func (o *heatOwner) act() bool {
	switch {
	case !o.done:
		if o.epoch == 0 {
			// Later it may be what the next owner deleted, which has committed more
			// than this one will restore.
			o.first = o.log.first
		}
		if !o.step(&o.tenure) {
			o.w.counts.Fenced++
			o.end("it was fenced while it took over")
		}
	case o.part == nil:
		o.prepare()
	case !o.restored:
		o.restore()
	case !o.checked:
		o.check()
	case o.leaving:
		return o.finish()
	default:
		return o.run()
	}
	return true
}

// prepare takes the kept partition, or an empty one.
func (o *heatOwner) prepare() {
	p := o.slot.partition
	o.part = o.on.kept[p]
	delete(o.on.kept, p)
	if o.part == nil {
		o.part = store.New(o.on.by(o.w).partition(p, len(o.w.logs)))
	} else {
		o.w.counts.Kept++
	}
	o.part.Resume()
	if at, _ := o.part.GetOffset(-1); at >= 0 && (o.fenceAt == at+2 || !o.w.on.KeptOffset) {
		o.part.Refence(o.fence, o.fenceAt)
		o.w.counts.KeptWhole++
		o.w.say("%s goes on with what it kept", o.name)
	}
}

// restore reads a few records of the changelog, as goka does: from the offset of
// the storage, up to the fence.
func (o *heatOwner) restore() {
	for range 1 + o.w.n(12) {
		at, _ := o.part.GetOffset(-1)
		r, more := o.table.read(at+1, o.fenceAt)
		if !more {
			_ = o.part.MarkRecovered()
			o.restored = true
			return
		}
		if err := o.part.Set(r.key, r.value); err != nil {
			o.w.stop(fmt.Errorf("%s: restoring offset %d: %w", o.name, r.offset, err), false)
			return
		}
		_ = o.part.SetOffset(r.offset)
	}
}

// check makes sure that the restore was whole, and sets where to begin.
func (o *heatOwner) check() {
	if fence, ok := o.part.Fence(); !ok || fence.Owner != o.fence.Owner {
		o.end("its restore did not reach its fence")
		return
	}
	if err := o.part.Check(); err != nil {
		o.w.stop(fmt.Errorf("%s: %w", o.name, err), false)
		return
	}
	if !o.w.on.StartFirst {
		o.first = o.log.first
	}
	progress, started := o.part.Progress()
	switch { // nobody but owners deletes ranges here
	case !started && o.first > 0:
		o.w.stop(fmt.Errorf("%s: behaviour-%d begins at offset %d and the table has no progress", o.name, o.log.target, o.first), false)
		return
	case !started:
		o.part.Begin(o.w.behaviorID, 0)
	case progress.Next < o.first || progress.Next > o.log.watermark:
		o.w.stop(fmt.Errorf("%s: behaviour-%d holds offsets from %d to %d, the table goes on at %d",
			o.name, o.log.target, o.first, o.log.watermark, progress.Next), false)
		return
	}
	progress, _ = o.part.Progress()
	o.next, o.checked = progress.Next, true
	o.w.say("%s is restored: counted %d up to %v, goes on at offset %d", o.name, progress.Counted, progress.To, o.next)
}

// run takes one of the steps there are.
func (o *heatOwner) run() bool {
	steps := make([]func(), 0, 5)
	if o.next < o.log.watermark {
		steps = append(steps, o.apply)
	}
	if !o.sending && (o.fresh || o.tick) {
		steps = append(steps, o.sendLeaders)
	}
	if step := o.commitStep(); step != nil {
		steps = append(steps, step)
	}
	if len(steps) == 0 {
		return false
	}
	steps[o.w.n(len(steps))]()
	return true
}

// commitStep is the next step of the commit under way, or the beginning of one.
func (o *heatOwner) commitStep() func() {
	switch {
	case o.cut == nil && o.part.Ahead():
		return o.begin
	case o.cut == nil:
		return nil
	case !o.handed:
		return o.write
	case !o.committed:
		return o.commit
	default:
		return o.acknowledge
	}
}

// finish commits everything that was applied; a partition that is clean then is
// kept.
func (o *heatOwner) finish() bool {
	if step := o.commitStep(); step != nil {
		step()
		return true
	}
	if o.part.Clean() {
		o.on.kept[o.slot.partition] = o.part
	}
	o.end("it has given up its partition")
	return true
}

func (o *heatOwner) apply() {
	w := o.w
	if o.next < o.log.first {
		o.fault("what it was to read next is deleted")
		return
	}
	record := o.log.records[o.next]
	r, err := codec.ReadRange(record)
	if err != nil {
		o.w.violate("%s: %v", o.name, err)
		return
	}
	h := r.Header
	if !w.on.ProgressPerInput {
		h.Partition = 0
	}
	progress, _ := o.part.Progress()
	done := int64(-1)
	if int(h.Partition) < len(progress.To) {
		done = max(progress.To[h.Partition], -1)
	}
	if !w.on.GapCheck {
		h.From = min(h.From, done)
	}
	if !w.on.PartitionsInRanges {
		h.Targets = int32(len(w.logs))
	}
	if h != r.Header {
		record = withHeader(h, r)
	}
	if known := int(h.Partition) < len(progress.To) && progress.To[h.Partition] != codec.Unknown; h.Lost && !known && !w.on.BeginsUnknown {
		mark := h
		mark.From, mark.To, mark.Lost = -1, -1, false
		if _, err := o.part.Apply(codec.AppendRangeHeader(nil, mark, 0), o.next, nil); err != nil {
			w.violate("%s: %v", o.name, err)
			return
		}
	}
	reread := func(h codec.RangeHeader, from, to int64) (map[string]heat.Totals, error) {
		w.counts.Overlaps++
		if !w.on.SecondRead {
			return nil, nil
		}
		return w.sumInput(h, from, to, o.slot.partition)
	}
	n, err := o.part.Apply(record, o.next, reread)
	if err != nil {
		declared := errors.Is(err, store.ErrGap) && w.moved || errors.Is(err, errInputGone) ||
			errors.Is(err, codec.ErrOtherPartitions) && w.repartitioned
		w.stop(fmt.Errorf("%s: offset %d: %w", o.name, o.next, err), declared)
		return
	}
	w.counts.Applied++
	if h.To <= done {
		w.counts.Dropped++
	}
	w.say("%s applies offset %d: (%d, %d] of input-%d, was at %d: %d new", o.name, o.next, h.From, h.To, h.Partition, done, n)
	o.next++
	o.fresh = true
}

// withHeader is a range with another header.
func withHeader(h codec.RangeHeader, r codec.RangeReader) []byte {
	record := codec.AppendRangeHeader(nil, h, r.Pages)
	var totals heat.Totals
	for {
		page, err := r.Next(&totals)
		if err != nil {
			return record
		}
		record = codec.AppendPageSum(record, page, &totals)
	}
}

// sumInput is the second read: what adapter.sumInput does.
func (w *world) sumInput(h codec.RangeHeader, from, to int64, target int) (map[string]heat.Totals, error) {
	in := w.inputs[h.Partition]
	messages, there := in.read(from+1, len(in.messages))
	if !there {
		return nil, errInputGone
	}
	sums := make(map[string]heat.Totals)
	for i := range messages {
		if messages[i].offset > to {
			break
		}
		b, refusal := codec.ParseBehaviour(messages[i].value, h.Limits)
		if refusal == nil && topology.Partition(b.Page, len(w.logs)) == int32(target) {
			t := sums[string(b.Page)]
			t.Count(b)
			sums[string(b.Page)] = t
		}
	}
	return sums, nil
}

func (o *heatOwner) sendLeaders() {
	o.part.Leaders(&o.leaders)
	value := codec.AppendLeaders(nil, &o.leaders)
	o.sending, o.fresh, o.tick = true, false, false
	w := o.w
	w.send(&flight{from: &o.tenure, label: fmt.Sprintf("leaders of heat-%d at offset %d", o.slot.partition, o.leaders.Next),
		arrive: func() { w.leaders = append(w.leaders, value) }, done: func() { o.sending = false }})
}

func (o *heatOwner) begin() {
	o.cut = o.part.Cut()
	o.w.say("%s cuts: %d pages, up to %v", o.name, o.cut.Size(), o.cut.Progress().To)
}

// write writes a few records of the cut.
func (o *heatOwner) write() {
	for range 1 + o.w.n(4) {
		key, value, more := o.cut.Next(o.buffer[:0])
		if !more {
			return
		}
		o.buffer = value
		if _, _, internal := codec.InternalKey(key); !internal && !o.w.on.ExactCut {
			value, _ = o.part.Get(key)
		}
		at, ok := o.table.write(o.epoch, key, value)
		if !ok {
			o.w.counts.Fenced++
			o.end("it was fenced while it wrote")
			return
		}
		_ = o.part.Set(key, value) // goka does, and nothing may come of it
		o.w.say("%s writes %q at offset %d", o.name, key, at)
		o.ended, o.handed = at, key == codec.ProgressKey(int32(o.slot.partition))
	}
}

// commit ends the transaction. The answer may be lost on its way, and then the
// owner does not know.
func (o *heatOwner) commit() {
	lost := o.w.chance(o.w.temper.lostAnswers)
	if lost && o.w.chance(0.5) {
		o.end("its commit was not answered, and did not happen")
		return
	}
	if !o.table.commit(o.epoch) {
		o.w.counts.Fenced++
		o.end("it was fenced before it committed")
		return
	}
	o.w.counts.Commits++
	o.w.say("%s commits the table at offset %d", o.name, o.ended)
	o.w.checkTable(o.slot.partition)
	if lost {
		o.end("its commit was not answered, but did happen")
		return
	}
	o.committed = true
}

// acknowledge takes note of the commit, and deletes what is applied.
func (o *heatOwner) acknowledge() {
	o.cut.Committed(o.ended)
	next := o.cut.Progress().Next
	o.cut, o.handed, o.committed = nil, false, false
	if o.w.chance(0.3) && next > o.log.first {
		o.log.first = next
		o.w.counts.Trims++
		o.w.say("%s deletes behaviour-%d below offset %d", o.name, o.slot.partition, next)
	}
}
