package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

// errInputGone means that input needed for a second read was deleted.
var errInputGone = errors.New("the input does not have these offsets any more")

// heatOwner drives the stage of a session of one partition of the table.
type heatOwner struct {
	tenure
	fencing
	log   *rangeLog
	first int64 // of the log, before the take-over
	part  *store.Partition
	stage *processors.HeatStage

	restored bool
	next     int64 // range to apply next
	sent     bool  // leaders are acknowledged
	handed   bool  // the last record of the checkpoint is written
	ended    int64 // the offset of that record
	done     bool  // and committed; the answer is on its way

	books   *books               // what it should have of further boards; nil without such boards
	written *books               // the same as of the open checkpoint; nil if there is none
	last    []codec.BoardLeaders // that were sent, without WholeTurns

	requests  *requestLog
	position  int64       // the request to read next
	given     []asked     // those that the stage was given and has not taken in
	forgotten []forgotten // what is forgotten, with the requests that are in the open checkpoint
	before    codec.Day   // of the last sweep among them
}

func newHeatOwner(t tenure) *heatOwner {
	w := t.w
	return &heatOwner{tenure: t, log: w.logs[t.slot.partition], requests: w.requests[t.slot.partition], fencing: fencing{table: w.tables[t.slot.partition]}}
}

func (o *heatOwner) act() bool {
	switch {
	case !o.taken:
		if o.epoch == 0 {
			// Later it may be what the next owner deleted, which has committed more
			// than this one will restore.
			o.first = o.log.first
		}
		if !o.step(&o.tenure) {
			o.w.counts.Fenced++
			o.end("it was fenced while it took over")
		} else if o.taken {
			o.takeOver()
		}
	case o.part == nil:
		o.prepare()
	case !o.restored:
		o.restore()
	case o.stage == nil:
		o.check()
	default:
		return o.run()
	}
	return true
}

// takeOver takes what is committed, to which nobody else adds.
func (o *heatOwner) takeOver() {
	o.forgotten = slices.Clone(o.requests.taken)
	for _, f := range o.forgotten {
		if f.sweep != nil {
			o.before = f.sweep.before
		}
	}
	if o.w.withBoards() {
		o.books = o.w.books[o.slot.partition].clone()
	}
}

// prepare takes the kept partition, or an empty one.
func (o *heatOwner) prepare() {
	p := o.slot.partition
	if o.part = o.on.stores.Take(int32(p)); o.part == nil {
		o.part = o.w.store(o.on, p)
	} else {
		o.w.counts.Kept++
	}
	if at, _ := o.part.GetOffset(-1); !o.w.on.KeptOffset && at >= 0 {
		o.part.Resume()
		o.part.Refence(o.fence, o.fenceAt)
	} else if processors.ResumeHeat(o.part, o.fence, o.fenceAt) {
		o.w.counts.KeptWhole++
		o.w.say("%s goes on with what it kept", o.name)
	}
}

// restore reads a few records of the changelog, as goka does: from the storage's offset up to
// the fence.
func (o *heatOwner) restore() {
	for range 1 + o.w.n(12) {
		at, _ := o.part.GetOffset(-1)
		r, more := o.table.read(at+1, o.fenceAt)
		if !more {
			_ = o.part.MarkRecovered()
			o.restored = true
			return
		}
		if err := o.w.take(o.part, r.key, o.misread(r.key, r.value)); err != nil {
			o.w.stop(fmt.Errorf("%s: restoring offset %d: %w", o.name, r.offset, err), false)
			return
		}
		_ = o.part.SetOffset(r.offset)
	}
}

// check checks that the restore was complete, and starts counting.
func (o *heatOwner) check() {
	if !o.w.on.StartFirst {
		o.first = o.log.first
	}
	restored, err := processors.RestoredHeat(o.part, processors.HeatFound{Owner: o.fence.Owner, Behavior: o.w.behaviorID, First: o.first})
	if err == nil {
		err = restored.CheckEnd(o.log.watermark)
	}
	switch {
	case errors.Is(err, processors.ErrRestore):
		o.end("its restore did not reach its fence")
		return
	case err != nil:
		o.w.stop(fmt.Errorf("%s: %w", o.name, err), false)
		return
	case restored.From > restored.Next: // only owners delete ranges here
		o.w.stop(fmt.Errorf("%s: behaviour-%d begins at offset %d, the table goes on at %d", o.name, o.log.target, restored.From, restored.Next), false)
		return
	}
	o.next = restored.From
	t := &o.w.temper
	o.stage = processors.NewHeatStage(o.part, processors.HeatStart{Now: o.now(), Partitions: int32(len(o.w.logs)),
		PublishEvery: t.publish, CommitEvery: t.commit, Transaction: time.Minute, PageTime: o.on.pageTime[o.slot.partition], Bounds: t.bounds, ForgetAfter: o.w.forgetAfter()})
	progress, _ := o.part.Progress()
	if f := progress.Forget; f.Topic == o.w.forgetID {
		o.position = f.Next
	}
	o.begin()
	o.w.say("%s is restored: counted %d up to %v, goes on at offset %d", o.name, progress.Counted, progress.To, o.next)
}

// run takes the next step of the stage, or of what the stage waits for.
func (o *heatOwner) run() bool {
	if o.leaving {
		o.stage.End()
	}
	if o.sent {
		o.sent = false
		o.stage.LeadersSent()
	}
	if o.done {
		o.handed, o.done = false, false
		o.stage.Committed(o.ended, o.now())
	}
	if !o.w.on.WholeClosings {
		o.closeEarly()
	}
	var before *books
	if (len(o.given) > 0 || o.part.Found()) && o.books != nil {
		before = o.books.clone()
	}
	a := o.stage.Next(o.now())
	o.tookIn(before)
	o.swept(before)
	o.observe()
	switch a.Do {
	case processors.DoFeed:
		if a.Kind() == codec.FeedWrite && o.written == nil && o.books != nil {
			o.written = o.books.clone()
		}
		o.send(&a)
	case processors.DoCommit: // for lag tools alone
	case processors.DoTrim:
		if a.Offset > o.log.first {
			o.log.first = a.Offset
			o.w.counts.Trims++
			o.w.say("%s deletes behaviour-%d below offset %d", o.name, o.slot.partition, a.Offset)
		}
	case processors.DoFail:
		o.w.violate("%s: %v", o.name, a.Err)
	case processors.DoEnd:
		o.end("it has given up its partition")
	case processors.DoWait:
		return o.wait(&a)
	}
	return true
}

// wait gives the stage what it waits for, and reports whether there was anything.
func (o *heatOwner) wait(a *processors.Action) bool {
	apply := a.Input && o.next < o.log.watermark
	if !a.Input && o.next < o.log.watermark && !o.leaving {
		o.w.counts.Held++
	}
	request, ask := record{}, false
	if a.Forgets {
		request, ask = o.requests.read(o.position)
	}
	switch {
	case ask && (!apply && !o.handed || o.w.chance(0.5)):
		o.nextRequest(request)
	case apply && (!o.handed || o.w.chance(0.5)):
		o.apply()
	case o.handed:
		o.commit()
	default:
		return !a.Until.IsZero() && !o.now().Before(a.Until) // it continues on its own
	}
	return true
}

// send writes and sends what the stage asks for.
func (o *heatOwner) send(a *processors.Action) {
	_, body, err := codec.SplitFeed(a.Value)
	switch {
	case err != nil:
	case a.Kind() != codec.FeedLeaders:
		_, body, err = codec.SplitWrite(body)
	default:
		_, body, err = codec.SplitLeaders(body)
	}
	if err != nil {
		o.w.violate("%s: %v", o.name, err)
		return
	}
	switch a.Kind() {
	case codec.FeedWrite:
		o.write(a.Key, body, a.Ack)
		return
	case codec.FeedForget:
		o.answer(a.Key, body)
		return
	}
	w := o.w
	body = o.claim(body)
	w.send(&flight{from: &o.tenure, label: "leaders of heat-" + strconv.Itoa(o.slot.partition),
		arrive: func() { w.leaders = append(w.leaders, body) }, done: func() { o.sent = true }})
}

// write adds a record to the transaction.
func (o *heatOwner) write(key string, value []byte, last bool) {
	if !last && !o.w.on.ExactCheckpoint {
		value, _ = o.part.Get(key)
	}
	value = o.miswrite(value, last)
	if kind, _, _ := codec.InternalKey(key); kind == codec.KindSweep && !o.w.on.SweepInTable {
		return
	}
	at, ok := o.table.write(o.epoch, key, value)
	if !ok {
		o.w.counts.Fenced++
		o.end("it was fenced while it wrote")
		return
	}
	_ = o.part.Set(key, value) // goka does, and nothing may come of it
	o.w.say("%s writes %q at offset %d", o.name, key, at)
	o.ended, o.handed = at, last
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
	if h != r.Header || !w.on.NewestTitle {
		record = o.withHeader(h, r)
	}
	if known := int(h.Partition) < len(progress.To) && progress.To[h.Partition] != codec.Unknown; h.Lost && !known && !w.on.BeginsUnknown {
		mark := h
		mark.From, mark.To, mark.Lost = -1, -1, false
		if _, err := o.part.Apply(codec.AppendRangeHeader(nil, mark, 0), o.next); err != nil {
			w.violate("%s: %v", o.name, err)
			return
		}
	}
	applied, err := o.applyRange(record)
	if err != nil {
		declared := errors.Is(err, store.ErrGap) && w.moved || errors.Is(err, errInputGone) ||
			errors.Is(err, codec.ErrOtherPartitions) && w.repartitioned
		w.stop(fmt.Errorf("%s: %w", o.name, err), declared)
		return
	}
	w.counts.Applied++
	if h.To <= done {
		w.counts.Dropped++
	}
	w.say("%s applies offset %d: (%d, %d] of input-%d, was at %d: %d new", o.name, o.next, h.From, h.To, h.Partition, done, applied.Counted)
	o.next++
	o.account()
}

// withHeader returns a range with another header, and with labels as they are without the protections that are off.
func (o *heatOwner) withHeader(h codec.RangeHeader, r codec.RangeReader) []byte {
	record := codec.AppendRangeHeader(nil, h, r.Pages)
	var totals heat.Totals
	minute := r.Minute
	for {
		page, err := r.Next(&totals)
		if err != nil {
			return record
		}
		if r.Minute > minute {
			record, minute = codec.AppendMinute(record, r.Minute-minute), r.Minute
		}
		if label := r.Label(); label != nil {
			stamped := *label
			if !o.w.on.NewestTitle {
				stamped.Timestamp = o.next
			}
			record = codec.AppendPageLabel(record, &h, minute, &stamped)
		}
		record = codec.AppendPageSum(record, page, &totals)
	}
}

// applyRange finds out what the stage must know of the input, and applies a range.
func (o *heatOwner) applyRange(record []byte) (store.Applied, error) {
	input := o.stage.Input(record)
	if c := input.Claim; c != nil && c.Next > o.w.inputs[c.Partition].next {
		return store.Applied{}, fmt.Errorf("%w: input-%d ends at offset %d", codec.ErrMalformed, c.Partition, o.w.inputs[c.Partition].next)
	}
	var again []store.Sums
	for _, r := range input.Rereads {
		sums, err := o.readAgain(r.Header, r.From, r.To)
		if err != nil {
			return store.Applied{}, err
		}
		again = append(again, sums)
	}
	return o.stage.Apply(record, o.next, o.now(), again...)
}

// readAgain sums a part of the input again.
func (o *heatOwner) readAgain(h codec.RangeHeader, from, to int64) (store.Sums, error) {
	w := o.w
	w.counts.Overlaps++
	if !w.on.SecondRead {
		return nil, nil
	}
	if progress, _ := o.part.Progress(); from == progress.To[h.Partition] && !w.on.ForgottenTitles {
		from = h.From
	}
	in := w.inputs[h.Partition]
	messages, there := in.read(from+1, len(in.messages))
	if !there {
		return nil, errInputGone
	}
	sums := processors.NewSecondRead(h)
	for i := range messages {
		if messages[i].offset > to {
			break
		}
		m := &messages[i]
		if !w.on.ForgottenReread && m.page >= 0 && newestOf(w.pages[m.page].name, o.forgotten) != nil {
			continue
		}
		sums.Add(m.offset, m.timestamp, m.value)
	}
	return sums.Sums(), nil
}

// commit ends the transaction. The answer may be lost; then the owner does not know the result.
func (o *heatOwner) commit() {
	lost := o.w.chance(o.w.temper.lostAnswers)
	if lost && o.w.chance(0.5) {
		o.unanswered("its commit was not answered, and did not happen")
		return
	}
	if !o.table.commit(o.epoch) {
		o.w.counts.Fenced++
		o.end("it was fenced before it committed")
		return
	}
	o.w.counts.Commits++
	o.requests.taken = slices.Clone(o.forgotten)
	if o.written != nil {
		o.w.books[o.slot.partition], o.written = o.written, nil
	}
	o.w.say("%s commits the table at offset %d", o.name, o.ended)
	o.w.checkTable(o.slot.partition)
	if o.w.withBoards() && (!o.w.on.TurnKeepsRecord || o.w.chance(0.3)) {
		o.w.restoreCommitted(o.slot.partition)
	}
	if lost {
		o.unanswered("its commit was not answered, but did happen")
		return
	}
	o.done = true
}

// end ends the tenure. Its store may be kept for the next tenure of this process.
func (o *heatOwner) end(why string) { o.giveUp(why, nil) }

func (o *heatOwner) giveUp(why string, fault error) {
	if o.part != nil && !o.over {
		o.on.stores.Keep(o.part, fault)
	}
	o.tenure.end(why)
}

// errUnanswered means that the result of a commit is unknown.
var errUnanswered = errors.New("a commit was not answered")

// unanswered ends the tenure: the next one of this process should commit less at a time.
func (o *heatOwner) unanswered(why string) {
	o.on.pageTime[o.slot.partition] = o.stage.PageTime(o.now())
	o.giveUp(why, errUnanswered)
}
