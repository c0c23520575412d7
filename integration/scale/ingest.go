package scale

import (
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// ingest drives the stage of an input partition.
type ingest struct {
	w         *world
	partition int
	stage     *processors.IngestStage
	combiner  *processors.Combiner
	fetch     time.Time // not before
	flying    bool      // a message whose ranges are not acknowledged
	starting  bool      // it is the first
	settles   time.Time
	unsettled int64
}

func newIngest(w *world, on *instance, partition int) *ingest {
	found := processors.IngestFound{Input: w.input, Committed: w.committed[partition], End: w.inputEnd()}
	highest := make([]int64, len(w.logs))
	for i, l := range w.logs {
		highest[i] = l.highest[partition]
	}
	all := processors.AllSent(highest)
	combiner := on.combiners[partition]
	if combiner == nil {
		combiner = processors.NewCombiner(int32(partition), w.Heat, heat.DefaultLimits())
		on.combiners[partition] = combiner
	}
	return &ingest{w: w, partition: partition, combiner: combiner, fetch: w.now,
		stage: processors.NewIngestStage(processors.IngestStart{Linger: processors.DefaultSettings().Linger, Start: found.Begin(all), Ends: all.Ends,
			Volume: processors.DefaultIngestVolume(), CommitEvery: processors.IngestCommitEvery})}
}

func (o *ingest) end()         { o.stage.End() }
func (o *ingest) counts() bool { return !o.starting }

func (o *ingest) act() (ended bool) {
	w := o.w
	for w.failed == nil {
		if o.flying && !w.now.Before(o.settles) {
			o.flying = false
			o.unsettled--
			if o.starting {
				o.starting = false
				o.stage.Started()
			} else {
				o.stage.Flushed()
			}
		}
		o.stage.Unsettled(o.unsettled)
		o.stage.Stable(w.inputEnd())
		switch a := o.stage.Next(w.now); a.Do {
		case processors.DoFeed:
			o.feed(&a)
		case processors.DoCheckInput:
			o.stage.InputID(w.input, w.now)
		case processors.DoCommit:
			w.committed[o.partition] = a.Offset
		case processors.DoEnd:
			return true
		case processors.DoWait:
			if !a.Input || !o.read() {
				return false
			}
		default:
			w.fail("input partition %d: action %d: %w", o.partition, a.Do, a.Err)
		}
	}
	return false
}

// read gives the stage what a fetch has.
func (o *ingest) read() bool {
	w, last := o.w, o.stage.Last()
	end := min(w.inputEnd(), o.stage.Until()+1)
	if o.stage.Until() > w.inputEnd() {
		end = w.inputEnd()
	}
	if w.now.Before(o.fetch) || end <= last+1 {
		return false
	}
	if end == w.inputEnd() {
		o.fetch = w.now.Add(w.Fetch - w.now.Sub(w.began)%w.Fetch)
	}
	bundle := codec.AppendSegmentHeader([]byte{byte(codec.FeedRecords)}, codec.SegmentHeader{Offset: last + 1})
	for offset := last + 1; offset < end; offset++ {
		bundle = codec.AppendBundleRecord(bundle, last+1, codec.Record{Offset: offset, Value: w.message(int32(o.partition), offset).text})
	}
	codec.EndSegment(bundle, 1)
	o.stage.Records(bundle, int(end-last-1), len(bundle), end-1, w.now)
	o.stage.Rests(o.fetch)
	return true
}

// feed hands the combiner a message, as goka does.
func (o *ingest) feed(a *processors.Action) {
	w := o.w
	if a.Kind() == codec.FeedRecords {
		w.measure(Combine)
	} else {
		w.measure(Flush)
	}
	combined, err := o.combiner.Take(a.Value, func(r *processors.Refused) { w.fail("a message is refused: %w", r) })
	w.measure(Other)
	if err != nil {
		w.fail("input partition %d: %w", o.partition, err)
		return
	}
	if a.Kind() == codec.FeedRecords {
		return // nothing is on its way, so it is settled
	}
	for target, r := range combined.Ranges {
		w.send(target, r)
		w.logs[target].highest[o.partition] = o.stage.Last()
	}
	o.unsettled++
	o.flying, o.starting, o.settles = true, a.Kind() == codec.FeedStart, w.now.Add(2*network)
}
