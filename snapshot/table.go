package snapshot

import (
	"context"
	"fmt"

	"pageheat/codec"
	"pageheat/kafka"
)

// State describes the state that was read of a table partition.
type State struct {
	// Partition of the table.
	Partition int32
	// End is the last stable offset at which the state was read.
	End int64
	// Known is false if the partition has no progress: nothing was counted in it yet.
	Known bool
	// Progress is the partition's progress; the zero value if it is not Known.
	Progress codec.Progress
	// Kept is the number of its behaviours that are not of the present input, see [codec.Kept].
	Kept uint64
	// Forgotten is what the partition keeps of forgotten pages, nil if it has forgotten none.
	Forgotten *Forgotten

	partitions int // of the table
}

// Covers returns the highest offset of an input partition that the partition has counted, -1
// for none.
func (s *State) Covers(input int) int64 {
	return max(-1, s.to(input)) // it is lower if the input partition is unknown
}

// to is the progress in an input partition, [codec.Unknown] if there is none.
func (s *State) to(input int) int64 {
	if !s.Known || input >= len(s.Progress.To) {
		return codec.Unknown
	}
	return s.Progress.To[input]
}

// Begins returns the offset of an input partition at which the partition started to count.
func (s *State) Begins(input int) int64 {
	if input >= len(s.Progress.Begin) {
		return 0
	}
	return s.Progress.Begin[input]
}

// Lost returns the maximum number of messages of an input partition that the partition missed.
func (s *State) Lost(input int) uint64 {
	if input >= len(s.Progress.Lost) {
		return 0
	}
	return s.Progress.Lost[input]
}

// EachPage takes the state of a page, nil if the page was removed. Its boards are only valid during the
// call, and so is the name. A page of which [State.Dropped] is true in the end does not count.
type EachPage func(name []byte, s *codec.PageState)

// ReadPartition reads a partition of a heat table as committed, up to the last stable offset
// when the topic was looked up. It calls page for every record of a page, in offset order, so the
// last call for a page is the valid one. It reports finished offsets to read.
//
// The final totals are exact at the State's progress, regardless of concurrent writes. The
// read must not take longer than the table's min.compaction.lag.ms, an hour: afterwards, states
// that newer ones have replaced meanwhile may be gone. An error names topic, partition and offset.
func ReadPartition(ctx context.Context, cluster *kafka.Cluster, table Topic, partition int32, page EachPage, read func(offsets int)) (State, error) {
	if int(partition) >= len(table.End) {
		return State{}, fmt.Errorf("topic %s has no partition %d", table.Name, partition)
	}
	s := State{Partition: partition, End: table.End[partition], partitions: len(table.End)}
	err := s.read(ctx, cluster, table, table.Start[partition], s.End, page, read)
	return s, err
}

// read takes the records with offsets in [from, to).
func (s *State) read(ctx context.Context, cluster *kafka.Cluster, table Topic, from, to int64,
	page EachPage, read func(offsets int),
) error {
	return table.Read(ctx, cluster, s.Partition, from, to, func(records []*kafka.Record, next int64) error {
		for _, r := range records {
			if err := s.take(r, page); err != nil {
				return fmt.Errorf("topic %s partition %d offset %d: %w", table.Name, s.Partition, r.Offset, err)
			}
		}
		read(int(next - from))
		from = next
		return nil
	})
}

// take handles one record of the table.
func (s *State) take(r *kafka.Record, page EachPage) error {
	if len(r.Key) > 0 && r.Key[0] == '|' { // not a page, see codec.InternalKey
		kind, of, _ := codec.InternalKey(string(r.Key))
		if kind == codec.KindForgotten {
			if s.Forgotten == nil {
				s.Forgotten = newForgotten(s.partitions)
			}
			return s.Forgotten.take(r)
		}
		if kind == codec.KindSweep {
			if s.Forgotten == nil {
				s.Forgotten = newForgotten(s.partitions)
			}
			return s.Forgotten.takeSweep(s.Partition, r.Value)
		}
		if kind != codec.KindProgress && kind != codec.KindKept {
			return nil
		}
		if of != s.Partition {
			return fmt.Errorf("this is the %s of partition %d: another program writes to the table", kind, of)
		}
		if kind == codec.KindKept {
			kept, err := codec.DecodeKept(r.Value)
			if err != nil {
				return fmt.Errorf("decoding the kept totals: %w", err)
			}
			s.Kept = kept.Behaviours
			return nil
		}
		progress, err := codec.DecodeProgress(r.Value)
		if err != nil {
			return fmt.Errorf("decoding the progress: %w", err)
		}
		s.Known, s.Progress = true, progress
		return nil
	}
	if r.Value == nil {
		page(r.Key, nil)
		return nil
	}
	state, err := codec.DecodePage(r.Value)
	if err != nil {
		return fmt.Errorf("decoding the state of page %q: %w", r.Key, err)
	}
	page(r.Key, &state)
	return nil
}

// firstWindow is how many offsets the first look for a progress covers: a commit writes it last.
const firstWindow = 16

// readProgress reads the progress of a partition, in windows that double, from the end backwards.
// It does not find out what was Kept.
func readProgress(ctx context.Context, cluster *kafka.Cluster, table Topic, partition int32) (State, error) {
	s := State{Partition: partition, End: table.End[partition], partitions: len(table.End)}
	window := int64(firstWindow)
	for to := s.End; to > table.Start[partition] && !s.Known; window *= 2 {
		from := max(table.Start[partition], to-window)
		if err := s.read(ctx, cluster, table, from, to, func([]byte, *codec.PageState) {}, func(int) {}); err != nil {
			return s, err
		}
		to = from
	}
	return s, nil
}

// Dropped reports whether a page of the table was dropped because it had no behaviour for a time, and is only not removed
// yet. The behaviours of such pages are part of Progress.Counted.
func (s *State) Dropped(p *codec.PageState) bool { return s.Progress.Days.Dropped(p.Day) }
