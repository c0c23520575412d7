package snapshot

import (
	"fmt"
	"math"
	"slices"

	"pageheat/codec"
	"pageheat/heat"
)

// Cut is one progress for all heat partitions: totals at it are those of the input below it.
type Cut struct {
	// Topic is the name of the input, and Input its id. The id is zero if nothing of an input was
	// counted.
	Topic string
	Input codec.TopicID
	// Partitions is the number of heat partitions that counted, at least 1.
	Partitions int32
	// Limits are those of valid behaviours.
	Limits heat.Limits
	// Behaviours is how many behaviours are in the totals.
	Behaviours uint64
	// To, Begin and Lost are by input partition, as in [codec.Progress]: the highest offset that
	// is counted, the offset that counting began at, and the maximum number of lost messages.
	To, Begin []int64
	Lost      []uint64
	// Boards are the further boards.
	Boards []Board
}

// progress returns the progress of a heat partition, one of a number of partitions, that holds
// some behaviours at the cut. What was late for boards is in that of the first partition.
func (c *Cut) progress(partition, partitions int32, behaviours uint64) codec.Progress {
	p := codec.Progress{Input: c.Input, Partitions: partitions, Counted: behaviours, NextBoard: uint64(len(c.Boards)),
		To: slices.Clone(c.To), Begin: slices.Clone(c.Begin), Lost: slices.Clone(c.Lost)}
	for i := range c.Boards {
		b := c.Boards[i].Progress(i)
		if partition > 0 {
			b.Late = 0
		}
		p.Boards = append(p.Boards, b)
	}
	return p
}

// beginning reports whether nothing of an input is counted: totals are of earlier ones, and all of any
// input comes. (A broker without topic ids gives the id zero to every topic.)
func (c *Cut) beginning() bool {
	return c.Input.IsZero() && !slices.ContainsFunc(c.To, func(to int64) bool { return to != codec.Unknown })
}

// findCut returns the cut of states, without topic, limits, boards and behaviours. Of each input partition it
// is where the partition that is furthest ahead stands.
func findCut(states []State) (Cut, error) {
	c := Cut{Partitions: int32(len(states))}
	inputs := 0
	for i := range states {
		s := &states[i]
		if !s.Known {
			continue
		}
		if s.Progress.Partitions != c.Partitions {
			return c, codec.OtherPartitions(s.Progress.Partitions, c.Partitions)
		}
		switch id := s.Progress.Input; {
		case id.IsZero():
		case c.Input.IsZero():
			c.Input = id
		case c.Input != id:
			return c, fmt.Errorf("one partition of the table has counted an input with the topic id %s, another one with %s", c.Input, id)
		}
		inputs = max(inputs, len(s.Progress.To))
	}
	for input := range inputs {
		to, begin, lost := cutInput(states, input)
		c.To, c.Begin, c.Lost = append(c.To, to), append(c.Begin, begin), append(c.Lost, lost)
	}
	return c, nil
}

// cutInput returns the cut of one input partition.
func cutInput(states []State, input int) (to, begin int64, lost uint64) {
	to, begin = codec.Unknown, math.MaxInt64
	for i := range states {
		if at := states[i].to(input); at != codec.Unknown {
			to = max(to, at)
			begin = min(begin, states[i].Begins(input))
		}
	}
	if to == codec.Unknown {
		return to, 0, 0
	}
	// One that began later than others did not count what these lost or counted before.
	for i := range states {
		if s := &states[i]; s.to(input) != codec.Unknown {
			lost = max(lost, s.Lost(input)+uint64(s.Begins(input)-begin))
		}
	}
	return to, begin, lost
}

// lacks returns the offset from which on a heat partition has not counted an input partition; it is above
// that of the cut if it lacks nothing.
func (c *Cut) lacks(s *State, input int) int64 {
	if s.to(input) == codec.Unknown {
		return c.Begin[input] // as if it had heard of the input partition when the first one has
	}
	return max(s.to(input)+1, s.Begins(input), 0)
}

// behind returns which messages of an input partition some heat partitions have not counted that the
// cut has: those at offsets in [from, to). It is empty where all partitions are at the cut.
func (c *Cut) behind(states []State, input int) (from, to int64) {
	to = max(c.To[input]+1, 0)
	from = to
	for i := range states {
		from = min(from, c.lacks(&states[i], input))
	}
	return from, to
}
