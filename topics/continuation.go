package topics

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
)

// InputFrom is where counting goes on after the input was replaced by another topic.
type InputFrom string

// The choices. Only an operator knows which is right: offsets of another topic say nothing about
// what was counted.
const (
	// FromProgress goes on where the table stands. The input must be the topic that it counted.
	FromProgress InputFrom = ""
	// FromEarliest counts everything in the input: nothing of it was counted before.
	FromEarliest InputFrom = "earliest"
	// FromLatest counts what comes next: everything in the input was counted before.
	FromLatest InputFrom = "latest"
	// FromSameOffsets goes on where the table stands, in a topic with another id that has the same
	// messages at the same offsets.
	FromSameOffsets InputFrom = "same-offsets"
)

// Continuation decides where heat partitions go on that have totals already.
type Continuation struct {
	input  kafka.Topic
	from   InputFrom
	starts []int64 // of the input, by partition
	ends   []int64
}

// FindContinuation looks the input up. It need not exist if everything in it will be counted.
func FindContinuation(ctx context.Context, cluster *kafka.Cluster, input string, from InputFrom) (*Continuation, error) {
	c := &Continuation{from: from}
	found, err := cluster.Topic(ctx, input)
	if from == FromEarliest && kafka.Is(err, kerr.UnknownTopicOrPartition) {
		return c, nil
	}
	if err != nil {
		return nil, kafka.Missing(input, err)
	}
	bounds, err := cluster.AllBounds(ctx, input)
	if err != nil {
		return nil, err
	}
	c.input, c.starts, c.ends = found, make([]int64, len(found.Leaders)), make([]int64, len(found.Leaders))
	for partition, b := range bounds {
		if int(partition) < len(c.ends) {
			c.starts[partition], c.ends[partition] = b.Start, b.End
		}
	}
	return c, nil
}

// Input is the id of the input, zero if it does not exist.
func (c *Continuation) Input() codec.TopicID { return c.input.ID }

// Apply sets where a heat partition goes on. It reports whether the totals are of another input
// from now on, see [codec.Kept]. again says that p is the result of an earlier Apply.
func (c *Continuation) Apply(p *codec.Progress, again bool) (replaced bool, err error) {
	same := p.Input == c.input.ID
	switch {
	case same && c.from != FromProgress && !again:
		return false, &failure.Setting{Name: "input-from", Err: fmt.Errorf(
			"topic %s is the input that was counted: leave it out, so that counting goes on where the table stands", c.input.Name)}
	case same, again && c.from == FromProgress:
	case c.from == FromProgress:
		return false, &failure.Setting{Name: "input-from", Err: fmt.Errorf(
			"the totals are of an input with the topic id %s, and topic %s has the id %s, so its offsets do not tell what was counted: "+
				"say earliest if nothing in it was counted, latest if everything was, and if some of it was, start over instead: `pageheat reset`",
			p.Input, c.input.Name, codec.TopicID(c.input.ID))}
	case c.from == FromSameOffsets:
		p.Input = c.input.ID
	default:
		replaced = true
		p.Input, p.To, p.Begin, p.Lost = codec.TopicID{}, nil, nil, nil
	}
	if replaced && c.from == FromLatest {
		p.Input = c.input.ID
		for _, end := range c.ends {
			p.To, p.Begin, p.Lost = append(p.To, end-1), append(p.Begin, end), append(p.Lost, 0)
		}
	}
	for i := range p.Boards {
		if replaced { // since is about offsets of the input
			p.Boards[i].Since = slices.Clone(p.Begin)
		}
	}
	p.Behavior, p.Next = codec.TopicID{}, 0
	return replaced, nil
}

// Reaches returns an error if the input does not have offsets that a heat partition has counted.
func (c *Continuation) Reaches(p *codec.Progress) error {
	for q, to := range p.To {
		if q >= len(c.ends) && to >= 0 {
			return failure.New(failure.Recreated, "partition %d of the input was counted, and topic %s has %d partitions", q, c.input.Name, len(c.ends))
		}
		if to >= 0 && to >= c.ends[q] {
			return failure.New(failure.Recreated, "topic %s partition %d was counted up to offset %d, and ends at offset %d", c.input.Name, q, to, c.ends[q])
		}
	}
	return nil
}

// Gone is how many offsets of the input a heat partition has not counted that are not there any more.
// They will be reported as lost.
func (c *Continuation) Gone(p *codec.Progress) int64 {
	gone := int64(0)
	for q, to := range p.To {
		if q < len(c.starts) && to != codec.Unknown {
			gone += max(0, c.starts[q]-to-1)
		}
	}
	return gone
}

// Next is where ingest goes on, by input partition: the lowest offset that a heat partition still
// needs. An input partition that one of them has not heard of is left out, and read from its
// beginning.
func (c *Continuation) Next(progress map[int32]codec.Progress) map[int32]int64 {
	next := map[int32]int64{}
	for q := range c.ends {
		lowest := c.ends[q]
		for _, p := range progress {
			if p.Input != c.input.ID || q >= len(p.To) {
				lowest = 0
				break
			}
			lowest = min(lowest, max(p.To[q]+1, 0))
		}
		if lowest > 0 {
			next[int32(q)] = lowest
		}
	}
	return next
}
