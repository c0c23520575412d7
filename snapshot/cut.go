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
}

// Page is a page with its totals.
type Page struct {
	// Name of the page.
	Name string
	// Totals are its totals.
	Totals heat.Totals
}

// progress returns the progress of a heat partition, one of a number of partitions, that holds
// some behaviours at the cut.
func (c *Cut) progress(partitions int32, behaviours uint64) codec.Progress {
	return codec.Progress{Input: c.Input, Partitions: partitions, Counted: behaviours,
		To: append([]int64(nil), c.To...), Begin: append([]int64(nil), c.Begin...), Lost: append([]uint64(nil), c.Lost...)}
}

// beginning reports whether nothing of an input is counted: totals are of earlier ones, and all of any
// input comes. (A broker without topic ids gives the id zero to every topic.)
func (c *Cut) beginning() bool {
	return c.Input.IsZero() && !slices.ContainsFunc(c.To, func(to int64) bool { return to != codec.Unknown })
}

// findCut returns the cut of states, without topic, limits and behaviours. Of each input partition it
// is where the partition that is furthest behind stands.
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

// cutInput returns the cut of one input partition. An input partition that is unknown to one heat
// partition is unknown: counting begins there.
func cutInput(states []State, input int) (to, begin int64, lost uint64) {
	to, begin = math.MaxInt64, math.MaxInt64
	for i := range states {
		to = min(to, states[i].to(input))
		begin = min(begin, states[i].Begins(input))
	}
	if to == codec.Unknown {
		return to, 0, 0
	}
	// One that began later than others did not count what these lost or counted before.
	for i := range states {
		s := &states[i]
		lost = max(lost, s.Lost(input)+uint64(s.Begins(input)-begin))
	}
	return to, begin, lost
}

// gone reports whether an input partition, which starts at an offset, may lack messages that were
// counted beyond the cut. Messages that a heat partition lost were not.
func (c *Cut) gone(states []State, input int, start int64) bool {
	for i := range states {
		s := &states[i]
		begins := s.Begins(input)
		first := max(c.To[input]+1, begins, 0)
		if first > s.Covers(input) || first >= start {
			continue
		}
		if first > begins || s.Lost(input) < uint64(start-first) {
			return true
		}
	}
	return false
}

// beyond returns which messages of an input partition some heat partitions have counted beyond the
// cut: those at offsets in [from, to). It is empty where all partitions are at the cut.
func (c *Cut) beyond(states []State, input int) (from, to int64) {
	from, to = math.MaxInt64, 0
	for i := range states {
		s := &states[i]
		if covers := s.Covers(input); covers > c.To[input] && covers >= s.Begins(input) {
			from = min(from, max(c.To[input]+1, s.Begins(input), 0))
			to = max(to, covers+1)
		}
	}
	return min(from, to), to
}
