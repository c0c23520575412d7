package processors

import (
	"pageheat/boards"
	"pageheat/codec"
)

// slotLeaders are leaders of a further board as of a slot.
type slotLeaders struct {
	*codec.BoardLeaders
	slot  boards.Slot
	of    *codec.Leaders // what they came with
	pages []codec.BoardLeader
}

// counted is how far the heat partition had counted for the board, and how many behaviours were too late: of a closed
// period, when it was closed, if that is known.
func (l *slotLeaders) counted() (of *codec.Leaders, late uint64) {
	if l.Closing == nil {
		return l.of, l.Late
	}
	then := *l.of
	then.Counted, then.To = l.Closing.Counted, l.Closing.To
	return &then, l.Closing.Late
}

// slots are the leaders of all heat partitions: of each those of the newest two slots, the newer first.
type slots [][2]*slotLeaders

// drop drops leaders from before the positions of a published board. They may be as of a later slot: those of an
// owner whose clock was ahead, and which did not commit what it had counted.
func (s slots) drop(floor codec.Positions) {
	for p := range s {
		for i, l := range s[p] {
			if l != nil && p < len(floor) && (behind(l.of, floor[p]) || l.of.Behavior != floor[p].Behavior && !floor[p].Behavior.IsZero()) {
				s[p][i] = nil
			}
		}
		if s[p][0] == nil {
			s[p][0], s[p][1] = s[p][1], nil
		}
	}
}

// dropForgotten drops leaders of a partition that have less than a number of requests to forget pages in.
func (s slots) dropForgotten(partition int32, taken uint64) {
	known := &s[partition]
	for i, l := range known {
		if l != nil && l.of.Forget.Taken < taken {
			known[i] = nil
		}
	}
	if known[0] == nil {
		known[0], known[1] = known[1], nil
	}
}

// put takes leaders of a partition.
func (s slots) put(partition int32, l *slotLeaders) {
	known := &s[partition]
	switch {
	case known[0] == nil || known[0].slot == l.slot:
		known[0] = l
	case known[0].slot < l.slot:
		known[0], known[1] = l, known[0]
	case known[1] == nil || known[1].slot <= l.slot:
		known[1] = l // of a new owner, whose clock is behind that of the last one
	}
}

// chosen are the leaders of all partitions as of the newest slot that all have reached, nil if there is
// none.
func (s slots) chosen() []*slotLeaders {
	if len(s) == 0 {
		return nil
	}
	var slot boards.Slot
	for p, known := range s {
		if known[0] == nil {
			return nil
		}
		if p == 0 || known[0].slot < slot {
			slot = known[0].slot
		}
	}
	chosen := make([]*slotLeaders, len(s))
	for p, known := range s {
		switch {
		case known[0].slot == slot:
			chosen[p] = known[0]
		case known[1] != nil && known[1].slot == slot:
			chosen[p] = known[1]
		default:
			return nil // its clock went over the slot: the others will reach a later one
		}
	}
	return chosen
}
