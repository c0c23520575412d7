package snapshot

import (
	"context"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/topology"
)

// sum is what a page's partition has not counted up to the cut.
type sum struct {
	totals  heat.Totals
	label   *codec.StampedLabel // the newest
	minutes map[boards.Minute]*heat.Totals
}

// add adds a behaviour of a record.
func (s *sum) add(b heat.Behaviour, minute boards.Minute, further bool, label *codec.StampedLabel) {
	s.totals.Count(b)
	if label != nil && (s.label == nil || label.Compare(s.label.Stamp) > 0) {
		s.label = label
	}
	if !further {
		return
	}
	if s.minutes == nil {
		s.minutes = map[boards.Minute]*heat.Totals{}
	}
	if s.minutes[minute] == nil {
		s.minutes[minute] = new(heat.Totals)
	}
	s.minutes[minute].Count(b)
}

// addTo adds the sum to a page, as its partition does when it counts.
func (s *sum) addTo(p *Page, all []Board) {
	p.Totals.Add(&s.totals)
	if s.label != nil && (p.Label == nil || s.label.Compare(p.Label.Stamp) > 0) {
		p.Label = s.label
	}
	for i := range all {
		for minute, totals := range s.minutes {
			if place := all[i].Place(minute); !all[i].Board.Late(place.Slot, all[i].AsOf) {
				p.state(all, i).Add(all[i].Board, place, totals)
			}
		}
	}
}

// late counts what comes too late for boards: behaviours of a minute.
func (c *Cut) late(minute boards.Minute) {
	for i := range c.Boards {
		if b := &c.Boards[i]; b.Board.Late(b.Place(minute).Slot, b.AsOf) {
			b.Late++
		}
	}
}

// count counts what partitions lack up to the cut, and what the others have counted of it: with the right limits, they
// have. If all are at the cut, the input is not read.
//
// Adding what a partition lacks gives what it would have, had it counted that far, with the T of the cut.
// Taking away what the others have counted beyond the lowest progress would not: a label that was replaced
// is gone, and whether a behaviour of a closed period was late when it was counted is not known.
func (s *Snapshot) count(ctx context.Context) error {
	s.lacks, s.counts = make([]map[string]*sum, len(s.states)), make([]map[string]*heat.Totals, len(s.states))
	total := int64(0)
	for q := range s.cut.To {
		from, to := s.cut.behind(s.states, q)
		total += to - from
	}
	if total == 0 {
		return nil
	}
	input, err := s.input(ctx)
	if err != nil {
		return err
	}
	forgotten, err := s.readForgotten(ctx)
	if err != nil {
		return err
	}
	read, done := s.progress.Step("counting what partitions lack", total)
	defer done()
	for q := range s.cut.To {
		from, to := s.cut.behind(s.states, q)
		if from >= to {
			continue
		}
		if q >= len(input.End) || to > input.End[q] {
			return failure.New(failure.Recreated, "topic %s partition %d does not reach offset %d, up to which the table has counted it", input.Name, q, to-1)
		}
		if from < input.Start[q] {
			return failure.New(drained, "partitions of topic %s have counted different parts of topic %s partition %d, which does not have offset %d any more",
				s.table.Name, input.Name, q, from)
		}
		if err := s.countInput(ctx, input, int32(q), from, to, forgotten, read); err != nil {
			return err
		}
	}
	return nil
}

// readForgotten reads what the partitions keep of forgotten pages.
func (s *Snapshot) readForgotten(ctx context.Context) (*Forgotten, error) {
	all := newForgotten(len(s.states))
	for partition := range s.states {
		if s.states[partition].Progress.Forget.Taken == 0 {
			continue
		}
		state, err := ReadPartition(ctx, s.cluster, s.table, int32(partition), func([]byte, *codec.PageState) {}, func(int) {})
		if err != nil {
			return nil, err
		}
		all.merge(state.Forgotten)
	}
	return all, nil
}

// countInput counts what partitions lack of one input partition.
func (s *Snapshot) countInput(ctx context.Context, input Topic, q int32, from, to int64, forgotten *Forgotten, read func(offsets int)) error {
	return input.Read(ctx, s.cluster, q, from, to, func(records []*kafka.Record, next int64) error {
		for _, r := range records {
			s.lacking(q, r, forgotten)
		}
		read(int(next - from))
		from = next
		return nil
	})
}

// lacking counts a message, if the partition of its page lacks it.
func (s *Snapshot) lacking(q int32, r *kafka.Record, forgotten *Forgotten) {
	var label codec.Label
	b, refusal := codec.ParseLabelled(r.Value, s.cut.Limits, &label)
	if refusal != nil {
		return
	}
	partition := topology.Partition(b.Page, len(s.states))
	if kept := forgotten.Of(b.Page); kept != nil && !kept.Counts(s.cut.Input, q, r.Offset) {
		return
	}
	if at := &s.states[partition]; r.Offset < s.cut.lacks(at, int(q)) {
		if r.Offset <= at.Covers(int(q)) && r.Offset >= at.Begins(int(q)) {
			s.has(partition, b)
		}
		return
	}
	if s.lacks[partition] == nil {
		s.lacks[partition] = map[string]*sum{}
	}
	of := s.lacks[partition][string(b.Page)]
	if of == nil {
		of = new(sum)
		s.lacks[partition][string(b.Page)] = of
	}
	var stamped *codec.StampedLabel
	if timestamp := r.Timestamp.UnixMilli(); !label.IsZero() && !s.unlabelled {
		stamped = &codec.StampedLabel{Label: label, Stamp: codec.Stamp{Timestamp: timestamp, Partition: q, Offset: r.Offset}}
	}
	minute := boards.MinuteOf(r.Timestamp)
	of.add(b, minute, len(s.cut.Boards) > 0, stamped)
	s.cut.late(minute)
}

// has counts a behaviour that a partition has counted.
func (s *Snapshot) has(partition int32, b heat.Behaviour) {
	if s.counts[partition] == nil {
		s.counts[partition] = map[string]*heat.Totals{}
	}
	of := s.counts[partition][string(b.Page)]
	if of == nil {
		of = new(heat.Totals)
		s.counts[partition][string(b.Page)] = of
	}
	of.Count(b)
}
