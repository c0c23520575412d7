package processors

import (
	"fmt"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
)

// Combiner turns the messages of one input partition into ranges: it adds up
// behaviours per page, and per minute of their records' timestamps, until a flush, and then
// has one range for every target partition, each from where the last one ended. It belongs to
// one goroutine.
type Combiner struct {
	limits    heat.Limits
	partition int32
	input     codec.TopicID
	from, to  int64
	oldest    int64 // timestamp of the pending records
	sums      *sums
	minute    minute
	ranges    [][]byte

	label      codec.Label                   // of the message that is added, zero between messages
	labels     map[int32]*codec.StampedLabel // the newest of each sum, by its number; most have none
	labelBytes int                           // of them, as a flush would send them
	unlabelled bool
}

// NewCombiner returns a combiner for one input partition, whose pages are
// spread over the given number of target partitions.
func NewCombiner(partition int32, targets int, limits heat.Limits) *Combiner {
	return &Combiner{limits: limits, partition: partition, from: -1, to: -1, sums: newSums(targets),
		ranges: make([][]byte, targets), labels: map[int32]*codec.StampedLabel{}}
}

// DropLabels makes the combiner leave titles and addresses of pages out.
func (c *Combiner) DropLabels() { c.unlabelled = true }

// Start drops the pending sums: the next range begins after from.
func (c *Combiner) Start(input codec.TopicID, from int64) {
	c.input, c.from, c.to, c.oldest = input, from, from, 0
	c.reset()
	// What the last session sent may still be on its way: its memory is not used again.
	c.ranges = make([][]byte, len(c.ranges))
}

// ErrInputWentBack says that a record of the input came at or below an offset that was
// read before.
var ErrInputWentBack = failure.Known("the input went back", failure.WentBack)

// Combined is the result of a message.
type Combined struct {
	// Ranges are sent on, one to each target partition in order; nil for none. They
	// are valid until the next flush.
	Ranges [][]byte
	// Oldest is the timestamp of the oldest record in them, in ms since 1970, as far as
	// their batches tell; 0 if it is unknown.
	Oldest int64
	// Valid is the number of behaviours counted, Refused the reasons of the others.
	Valid   int
	Refused []codec.Code
}

// Refused is a record that is not a valid behaviour: a dead letter.
type Refused struct {
	*codec.Refusal
	// Input and Partition say where the record was.
	Input     codec.TopicID
	Partition int32
	// One of them is the record, the other is nil. Both alias what was read.
	Record    *codec.Record
	Truncated *codec.TruncatedRecord
}

// Take takes a message of an [IngestStage], and calls refuse for every record in it that
// is invalid. After an error the combiner must be started again before use.
func (c *Combiner) Take(message []byte, refuse func(*Refused)) (Combined, error) {
	kind, body, err := codec.SplitFeed(message)
	if err != nil {
		return Combined{}, err
	}
	switch kind {
	case codec.FeedStart:
		start, err := codec.DecodeIngestStart(body)
		if err != nil {
			return Combined{}, err
		}
		c.Start(start.Input, start.From)
		if start.LostTo > start.From {
			return Combined{Ranges: c.Lose(start.LostTo)}, nil
		}
		return Combined{}, nil
	case codec.FeedRecords:
		return c.combine(body, refuse)
	case codec.FeedTruncated:
		record, err := codec.DecodeTruncatedRecord(body)
		if err != nil {
			return Combined{}, err
		}
		return c.combineTruncated(&record, refuse)
	case codec.FeedFlush:
		to, err := codec.DecodeFlush(body)
		if err != nil {
			return Combined{}, err
		}
		c.Reach(to)
		oldest := c.oldest
		c.oldest = 0
		return Combined{Ranges: c.Flush(), Oldest: oldest}, nil
	default:
		return Combined{}, fmt.Errorf("ingest was fed a message of kind %q", kind)
	}
}

// combine counts the records of a bundle.
func (c *Combiner) combine(body []byte, refuse func(*Refused)) (combined Combined, err error) {
	bundle := codec.ReadBundle(body)
	for bundle.More() {
		record, err := bundle.Next()
		if err == nil {
			err = c.rises(record.Offset)
		}
		if err != nil {
			return Combined{}, err
		}
		refusal := c.Add(record.Offset, record.Timestamp, record.Value)
		if refusal == nil {
			combined.Valid++
			continue
		}
		combined.Refused = append(combined.Refused, refusal.Code)
		c.refuse(refuse, record, refusal)
	}
	c.oldest = codec.Older(c.oldest, bundle.Oldest())
	return combined, nil
}

// refuse hands on a record of a bundle. It copies the record, which would have to live
// on the heap otherwise, valid or not.
func (c *Combiner) refuse(refuse func(*Refused), r codec.Record, refusal *codec.Refusal) {
	refuse(&Refused{Refusal: refusal, Input: c.input, Partition: c.partition, Record: &r})
}

// rises reports an offset that does not rise: such a record was counted, and a range
// that ends below its beginning would make the records that follow it wrong.
func (c *Combiner) rises(offset int64) error {
	if offset > c.to {
		return nil
	}
	return fmt.Errorf("%w: a record has the offset %d after the offset %d", ErrInputWentBack, offset, c.to)
}

// combineTruncated counts a record that is too long to be held, where its value is a
// behaviour all the same.
func (c *Combiner) combineTruncated(r *codec.TruncatedRecord, refuse func(*Refused)) (Combined, error) {
	if err := c.rises(r.Offset); err != nil {
		return Combined{}, err
	}
	c.oldest = codec.Older(c.oldest, r.Timestamp)
	var refusal *codec.Refusal
	if whole := r.ValueSize == int64(len(r.Value)) || r.ValueSize < 0; whole {
		refusal = c.Add(r.Offset, r.Timestamp, r.Value)
	} else {
		c.Reach(r.Offset)
		refusal = codec.TooLarge(r.ValueSize, codec.MaxBytes(r.Value))
	}
	if refusal == nil {
		return Combined{Valid: 1}, nil
	}
	refuse(&Refused{Refusal: refusal, Input: c.input, Partition: c.partition, Truncated: r})
	return Combined{Refused: []codec.Code{refusal.Code}}, nil
}

// Input is the id of the topic that was given to Start.
func (c *Combiner) Input() codec.TopicID { return c.input }

// To is the offset up to which the next range would reach.
func (c *Combiner) To() int64 { return c.to }

// Reach makes the next range reach up to an offset, beyond which it may reach already.
func (c *Combiner) Reach(offset int64) { c.to = max(c.to, offset) }

// Add counts one message, whose offset must be above To; a refusal says why it is
// invalid. Either way the next range reaches up to its offset. The timestamp is that of the
// record, in ms since 1970. The message is not kept.
func (c *Combiner) Add(offset, timestamp int64, message []byte) *codec.Refusal {
	c.Reach(offset)
	b, refusal := codec.ParseLabelled(message, c.limits, &c.label)
	if refusal != nil {
		return refusal
	}
	if !c.minute.has(timestamp) {
		c.minute = minuteOf(timestamp)
		c.minute.number = c.sums.minute(c.minute.Minute)
	}
	number := c.sums.count(b, c.minute.number)
	if !c.label.IsZero() {
		c.keepLabel(number, codec.Stamp{Timestamp: timestamp, Partition: c.partition, Offset: offset})
	}
	return nil
}

// keepLabel keeps the label of the message that was added to a sum, if it is the newest.
func (c *Combiner) keepLabel(sum int32, from codec.Stamp) {
	label := &codec.StampedLabel{Label: c.label, Stamp: from}
	c.label = codec.Label{}
	before := c.labels[sum]
	if c.unlabelled || before != nil && before.Compare(from) >= 0 {
		return
	}
	if before != nil {
		c.labelBytes -= codec.LabelBytes(&before.Label)
	}
	c.labels[sum] = label
	c.labelBytes += codec.LabelBytes(&label.Label)
}

// Lose is a flush of offsets that retention has taken: it returns, for every
// target partition, the range up to offset to, marked as lost.
func (c *Combiner) Lose(to int64) [][]byte {
	c.Reach(to)
	return c.flush(true)
}

// Flush returns one range for every target partition, which holds that
// partition's sums; empty if it has none. The next range begins where
// these end. They are valid until the next flush.
func (c *Combiner) Flush() [][]byte { return c.flush(false) }

func (c *Combiner) flush(lost bool) [][]byte {
	order := c.sums.order()
	header := codec.RangeHeader{Input: c.input, Partition: c.partition, Targets: int32(len(c.ranges)),
		From: c.from, To: c.to, Minute: c.sums.first(order), Limits: c.limits, Lost: lost}
	for target := range c.ranges {
		header.Target = int32(target)
		c.ranges[target] = codec.AppendRangeHeader(c.ranges[target][:0], header, c.sums.pages[target])
	}
	if order == nil && len(c.labels) == 0 {
		for i := range c.sums.entries {
			e := &c.sums.entries[i]
			c.ranges[e.target] = codec.AppendPageSum(c.ranges[e.target], c.sums.name(e), &e.totals)
		}
	} else {
		c.appendMinutes(order, &header)
	}
	c.reset()
	c.from = c.to
	return c.ranges
}

// appendMinutes appends the sums of several minutes in their order, the first of which is begun, and labels. A nil
// order is that of sums of one minute.
func (c *Combiner) appendMinutes(order []int32, h *codec.RangeHeader) {
	reached := slices.Repeat([]boards.Minute{h.Minute}, len(c.ranges))
	for n := range c.sums.entries {
		i := int32(n)
		if order != nil {
			i = order[n]
		}
		e := &c.sums.entries[i]
		into, minute := c.ranges[e.target], c.sums.minutes[e.minute]
		if later := minute - reached[e.target]; later > 0 {
			into, reached[e.target] = codec.AppendMinute(into, later), minute
		}
		if label := c.labels[i]; label != nil {
			into = codec.AppendPageLabel(into, h, minute, label)
		}
		c.ranges[e.target] = codec.AppendPageSum(into, c.sums.name(e), &e.totals)
	}
}

// reset drops the pending sums.
func (c *Combiner) reset() {
	c.sums.reset()
	c.minute = minute{}
	clear(c.labels)
	c.labelBytes = 0
}

// minute is a minute with its number among the pending sums.
type minute struct {
	boards.Minute
	number     int32
	from, ends int64 // the timestamps in it, in ms since 1970: at least from and below ends
}

// minuteOf returns the minute of a timestamp, without its number. The first and the last there are
// have timestamps besides their own, for which it is asked again.
func minuteOf(timestamp int64) minute {
	m := boards.MinuteOfMillis(timestamp)
	from := m.Time().UnixMilli()
	return minute{Minute: m, from: from, ends: from + 60_000}
}

// has reports whether a timestamp is known to be in the minute.
func (m *minute) has(timestamp int64) bool { return timestamp >= m.from && timestamp < m.ends }

// Bytes bounds the size of what a flush would send now, over all targets.
func (c *Combiner) Bytes() int { return c.sums.bytes() + c.labelBytes }
