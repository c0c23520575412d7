package scale

import (
	"fmt"
	"slices"
	"time"

	"pageheat/codec"
	"pageheat/processors"
	"pageheat/store"
)

// changelog is a partition of the table as it is committed, and what is not yet.
type changelog struct {
	cells   map[string]cell
	next    int64
	pending []write
	by      *instance // whose transaction it is
}

type cell struct {
	offset int64
	value  []byte
}

type write struct {
	key string
	cell
}

func (c *changelog) write(by *instance, key string, value []byte) int64 {
	c.by = by
	c.pending = append(c.pending, write{key, cell{c.next, slices.Clone(value)}})
	c.next++
	return c.next - 1
}

func (c *changelog) commit() {
	for _, w := range c.pending {
		c.cells[w.key] = w.cell
	}
	c.abort()
}

func (c *changelog) abort() {
	c.next++ // the marker
	c.pending, c.by = c.pending[:0], nil
}

// counter drives the stage of a heat partition.
type counter struct {
	w      *world
	on     *instance
	log    *rangeLog
	table  *changelog
	id     int
	begins time.Time // after the take-over
	stage  *processors.HeatStage
	part   *store.Partition
	next   int64
	ending bool

	leaders time.Time // when leaders are acknowledged; zero if none are on their way
	commit  time.Time // the same of a commit
	ended   int64     // its last record
}

func newHeat(w *world, on *instance, id int) *counter {
	return &counter{w: w, on: on, id: id, log: w.logs[id], table: w.tables[id], begins: w.now.Add(takeOver)}
}

func (o *counter) counts() bool { return o.stage != nil }

func (o *counter) end() {
	o.ending = true
	if o.stage != nil {
		o.stage.End()
	}
}

// restore takes the partition over.
func (o *counter) restore() {
	w := o.w
	w.measure(Restore)
	defer w.measure(Other)
	fence := codec.Fence{Owner: o.on.name + "/" + w.now.String()}
	key := codec.FenceKey(int32(o.id))
	at := o.table.write(o.on, key, codec.AppendFence(nil, fence))
	o.table.commit()
	if o.part = o.on.stores.Take(int32(o.id)); o.part == nil {
		o.part = store.New(store.Config{ID: int32(o.id), Partitions: int32(w.Heat), Top: top})
	}
	if !processors.ResumeHeat(o.part, fence, at) {
		from, _ := o.part.GetOffset(-1)
		var missing []write
		for key, c := range o.table.cells {
			if c.offset > from {
				missing = append(missing, write{key, c})
			}
		}
		slices.SortFunc(missing, func(a, b write) int { return int(a.offset - b.offset) })
		for _, m := range missing {
			if err := o.part.Set(m.key, m.value); err != nil {
				w.fail("restoring heat partition %d: %w", o.id, err)
			}
			_ = o.part.SetOffset(m.offset)
		}
		w.result.Restored += int64(len(missing))
		_ = o.part.MarkRecovered()
	}
	found, err := processors.RestoredHeat(o.part, processors.HeatFound{Owner: fence.Owner, Behavior: w.behavior, First: o.log.first})
	if err != nil {
		w.fail("restoring heat partition %d: %w", o.id, err)
		return
	}
	o.next = found.From
	s := processors.DefaultSettings()
	o.stage = processors.NewHeatStage(o.part, processors.HeatStart{Now: w.now, Partitions: int32(w.Heat),
		PublishEvery: s.LeadersEvery(w.Heat), CommitEvery: s.CommitEvery, Transaction: time.Minute, Bounds: processors.DefaultHeatBounds()})
}

func (o *counter) act() (ended bool) {
	w := o.w
	switch {
	case o.stage == nil && o.ending:
		return true
	case o.stage == nil && w.now.Before(o.begins):
		return false
	case o.stage == nil:
		o.restore()
	}
	for w.failed == nil {
		if !o.leaders.IsZero() && !w.now.Before(o.leaders) {
			o.leaders = time.Time{}
			o.stage.LeadersSent()
		}
		if !o.commit.IsZero() && !w.now.Before(o.commit) {
			o.committed()
		}
		w.measure(Other)
		a := o.stage.Next(w.now)
		if a.Do == processors.DoFeed { // that is what took the time
			w.measured = Commit
			if a.Kind() == codec.FeedLeaders {
				w.measured = Leaders
			}
		}
		switch a.Do {
		case processors.DoFeed:
			o.feed(&a)
		case processors.DoCommit, processors.DoTrim: // see committed
		case processors.DoEnd:
			w.measure(Other)
			o.on.stores.Keep(o.part, nil)
			return true
		case processors.DoWait:
			if a.Input && o.apply() {
				continue
			}
			if a.Until.IsZero() || w.now.Before(a.Until) {
				return false
			}
			if a.Input && o.commit.IsZero() && o.leaders.IsZero() && o.part.Dirty() == 0 {
				return false
			}
			if !o.commit.IsZero() {
				return false
			}
		default:
			w.fail("heat partition %d: %w", o.id, a.Err)
		}
	}
	return false
}

// committed ends the transaction. What is applied is deleted, which production does less often.
func (o *counter) committed() {
	o.commit = time.Time{}
	o.table.commit()
	o.stage.Committed(o.ended, o.w.now)
	progress, err := codec.DecodeProgress(o.table.cells[codec.ProgressKey(int32(o.id))].value)
	if err != nil {
		o.w.fail("the progress of heat partition %d: %w", o.id, err)
		return
	}
	o.log.records = o.log.records[progress.Next-o.log.first:]
	o.log.first = progress.Next
}

// feed carries out what the stage wants to have written or sent.
func (o *counter) feed(a *processors.Action) {
	w := o.w
	_, body, err := codec.SplitFeed(a.Value)
	if err == nil && a.Kind() == codec.FeedWrite {
		if _, body, err = codec.SplitWrite(body); err == nil {
			o.ended = o.table.write(o.on, a.Key, body)
			w.result.Records++
			w.result.RecordBytes += int64(len(a.Key) + len(body))
			if a.Ack {
				o.commit = w.now.Add(commits)
				w.result.LongestProgress = max(w.result.LongestProgress, len(body))
			}
			return
		}
	}
	if err == nil {
		_, body, err = codec.SplitLeaders(body)
	}
	if err != nil {
		w.fail("heat partition %d: %w", o.id, err)
		return
	}
	w.measure(Other)
	w.leaders = append(w.leaders, sent{w.now.Add(network), body})
	o.leaders = w.now.Add(2 * network)
	w.result.Leaders++
	w.result.LeadersBytes += int64(len(body))
	w.result.LongestLeaders = max(w.result.LongestLeaders, len(body))
}

// apply applies the ranges that are there.
func (o *counter) apply() bool {
	w := o.w
	if o.next >= o.log.end() || o.log.records[o.next-o.log.first].at.After(w.now) {
		return false
	}
	w.measure(Apply)
	r := o.log.records[o.next-o.log.first]
	if _, err := o.applyRange(r.value); err != nil {
		w.fail("heat partition %d: %w", o.id, err)
	}
	w.result.LongestWait = max(w.result.LongestWait, w.now.Sub(r.at))
	o.on.applied++
	o.next++
	return true
}

// applyRange finds out what the stage must know of the input, and applies a range.
func (o *counter) applyRange(record []byte) (store.Applied, error) {
	input := o.stage.Input(record)
	if c := input.Claim; c != nil && c.Next > o.w.inputEnd() {
		return store.Applied{}, fmt.Errorf("the input ends below offset %d", c.Next)
	}
	var again []store.Sums
	for _, r := range input.Rereads {
		sums := processors.NewSecondRead(r.Header)
		for offset := r.From + 1; offset <= r.To; offset++ {
			sums.Add(offset, 0, o.w.message(r.Header.Partition, offset).text)
		}
		again = append(again, sums.Sums())
		o.w.result.Again += r.To - r.From
	}
	return o.stage.Apply(record, o.next, o.w.now, again...)
}
