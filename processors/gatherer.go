package processors

import (
	"fmt"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
)

// Gatherer turns the messages of one input partition into ranges: it adds up
// behaviours per page until a flush, and then has one range for every target
// partition, each from where the last one ended. It belongs to one goroutine.
type Gatherer struct {
	limits    heat.Limits
	partition int32
	input     codec.TopicID
	from, to  int64
	sums      *sums
	ranges    [][]byte
}

// NewGatherer returns a gatherer for one input partition, whose pages are
// spread over the given number of target partitions.
func NewGatherer(partition int32, targets int, limits heat.Limits) *Gatherer {
	return &Gatherer{limits: limits, partition: partition, from: -1, to: -1, sums: newSums(targets),
		ranges: make([][]byte, targets)}
}

// Start drops what was gathered: the next range begins after from.
func (g *Gatherer) Start(input codec.TopicID, from int64) {
	g.input, g.from, g.to = input, from, from
	g.sums.reset()
	// What the last session sent may still be on its way: its memory is not used again.
	g.ranges = make([][]byte, len(g.ranges))
}

// ErrInputWentBack says that a record of the input came at or below an offset that was
// read before.
var ErrInputWentBack = failure.Known("the input went back", failure.WentBack)

// Gathered is what a message has made of a gatherer.
type Gathered struct {
	// Ranges are to be sent on, one to each target partition in order; nil for none. They
	// are valid until the next flush.
	Ranges [][]byte
	// Valid is how many behaviours were counted, Refused why others were not.
	Valid   int
	Refused []codec.Code
}

// Refused is a record that is no behaviour: a dead letter.
type Refused struct {
	*codec.Refusal
	// Input and Partition say where the record was.
	Input     codec.TopicID
	Partition int32
	// One of them is the record, the other is nil. Both alias what was read.
	Record *codec.Record
	Cut    *codec.CutRecord
}

// Take takes a message of an [IngestStage], and calls refuse for every record in it that
// is invalid. After an error the gatherer is of no use before its next start.
func (g *Gatherer) Take(message []byte, refuse func(*Refused)) (Gathered, error) {
	kind, body, err := codec.SplitFeed(message)
	if err != nil {
		return Gathered{}, err
	}
	switch kind {
	case codec.FeedStart:
		start, err := codec.DecodeIngestStart(body)
		if err != nil {
			return Gathered{}, err
		}
		g.Start(start.Input, start.From)
		if start.LostTo > start.From {
			return Gathered{Ranges: g.Lose(start.LostTo)}, nil
		}
		return Gathered{}, nil
	case codec.FeedRecords:
		return g.gather(body, refuse)
	case codec.FeedCut:
		record, err := codec.DecodeCutRecord(body)
		if err != nil {
			return Gathered{}, err
		}
		return g.gatherCut(&record, refuse)
	case codec.FeedFlush:
		to, err := codec.DecodeFlush(body)
		if err != nil {
			return Gathered{}, err
		}
		g.Reach(to)
		return Gathered{Ranges: g.Flush()}, nil
	default:
		return Gathered{}, fmt.Errorf("ingest was fed a message of kind %q", kind)
	}
}

// gather counts the records of a bundle.
func (g *Gatherer) gather(body []byte, refuse func(*Refused)) (gathered Gathered, err error) {
	for bundle := codec.ReadBundle(body); bundle.More(); {
		record, err := bundle.Next()
		if err == nil {
			err = g.rises(record.Offset)
		}
		if err != nil {
			return Gathered{}, err
		}
		refusal := g.Add(record.Offset, record.Value)
		if refusal == nil {
			gathered.Valid++
			continue
		}
		gathered.Refused = append(gathered.Refused, refusal.Code)
		g.refuse(refuse, record, refusal)
	}
	return gathered, nil
}

// refuse hands on a record of a bundle. It copies the record, which would have to live
// on the heap otherwise, valid or not.
func (g *Gatherer) refuse(refuse func(*Refused), r codec.Record, refusal *codec.Refusal) {
	refuse(&Refused{Refusal: refusal, Input: g.input, Partition: g.partition, Record: &r})
}

// rises reports an offset that does not rise: such a record was counted, and a range
// that ends below its beginning would make the records that follow it wrong.
func (g *Gatherer) rises(offset int64) error {
	if offset > g.to {
		return nil
	}
	return fmt.Errorf("%w: a record has the offset %d after the offset %d", ErrInputWentBack, offset, g.to)
}

// gatherCut counts a record that is too long to be held, where its value is a
// behaviour all the same.
func (g *Gatherer) gatherCut(r *codec.CutRecord, refuse func(*Refused)) (Gathered, error) {
	if err := g.rises(r.Offset); err != nil {
		return Gathered{}, err
	}
	var refusal *codec.Refusal
	if whole := r.ValueSize == int64(len(r.Value)) || r.ValueSize < 0; whole {
		refusal = g.Add(r.Offset, r.Value)
	} else {
		g.Reach(r.Offset)
		refusal = codec.TooLarge(r.ValueSize, codec.MaxBytes(r.Value))
	}
	if refusal == nil {
		return Gathered{Valid: 1}, nil
	}
	refuse(&Refused{Refusal: refusal, Input: g.input, Partition: g.partition, Cut: r})
	return Gathered{Refused: []codec.Code{refusal.Code}}, nil
}

// Input is the id of the topic that was given to Start.
func (g *Gatherer) Input() codec.TopicID { return g.input }

// To is the offset up to which the next range would reach.
func (g *Gatherer) To() int64 { return g.to }

// Reach makes the next range reach up to an offset, beyond which it may reach already.
func (g *Gatherer) Reach(offset int64) { g.to = max(g.to, offset) }

// Add counts one message, whose offset must be above To; a refusal says why it is
// invalid. Either way the next range reaches up to its offset. The message is not kept.
func (g *Gatherer) Add(offset int64, message []byte) *codec.Refusal {
	g.Reach(offset)
	b, refusal := codec.ParseBehaviour(message, g.limits)
	if refusal != nil {
		return refusal
	}
	g.sums.count(b)
	return nil
}

// Lose is a flush of offsets that retention has taken: it returns, for every
// target partition, the range up to offset to, marked as lost.
func (g *Gatherer) Lose(to int64) [][]byte {
	g.Reach(to)
	return g.flush(true)
}

// Flush returns one range for every target partition, which holds that
// partition's sums; a mark where it has none. The next range begins where
// these end. They are valid until the next flush.
func (g *Gatherer) Flush() [][]byte { return g.flush(false) }

func (g *Gatherer) flush(lost bool) [][]byte {
	header := codec.RangeHeader{Input: g.input, Partition: g.partition, Targets: int32(len(g.ranges)),
		From: g.from, To: g.to, Limits: g.limits, Lost: lost}
	for target := range g.ranges {
		header.Target = int32(target)
		g.ranges[target] = codec.AppendRangeHeader(g.ranges[target][:0], header, g.sums.pages[target])
	}
	for i := range g.sums.entries {
		e := &g.sums.entries[i]
		g.ranges[e.target] = codec.AppendPageSum(g.ranges[e.target], g.sums.name(e), &e.totals)
	}
	g.sums.reset()
	g.from = g.to
	return g.ranges
}

// Bytes bounds the size of what a flush would send now, over all targets.
func (g *Gatherer) Bytes() int { return g.sums.bytes() }
