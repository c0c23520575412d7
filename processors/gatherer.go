package processors

import (
	"pageheat/codec"
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
