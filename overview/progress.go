package overview

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// progress is how far the groups are that commit no offsets of their own: heat says
// it with its leaders, which it sends at least once a second, rank with its board.
type progress struct {
	// next is, by partition of the heat table, the offset of the first range that is
	// not applied.
	next map[int32]int64
	// applied is, by partition of the input, the offset below which all heat
	// partitions have applied every message; empty if one of them was not heard of.
	applied map[int32]int64
	// board is, by partition of the input, the offset below which every message is
	// in the newest board; nil if there is no board.
	board map[int32]int64
}

const (
	// leadersEach is how many records are looked at first for the leaders of each
	// partition; where one is not among them, tailGrows times as many are, but never
	// more than maxTail.
	leadersEach = 8
	tailGrows   = 8
	maxTail     = 50_000
	// tailWithin bounds reading the end of a topic once.
	tailWithin = time.Second
	// boardTail is how many records may follow the newest board: markers of
	// transactions and what is not a board.
	boardTail = 8
)

// progress reads it from the ends of the two topics.
func (o *Overview) progress(ctx context.Context, ends kadm.ListedOffsets) (progress, error) {
	p := progress{next: map[int32]int64{}}
	starts, err := o.admin.ListStartOffsets(ctx, o.topo.Leaders, o.topo.Output)
	if err = errors.Join(err, starts.Error()); err != nil {
		return p, fmt.Errorf("reading the beginnings of the topics: %w", err)
	}
	partitions := len(ends[o.topo.Behavior])
	newest := map[int32]*codec.Leaders{}
	err = o.tail(ctx, starts[o.topo.Leaders], ends[o.topo.Leaders], int64(leadersEach*partitions), func(r *kgo.Record) {
		if l, err := codec.DecodeLeaders(r.Value); err == nil { // else it is not ours
			newest[l.Partition] = l
		}
	}, func() bool { return len(newest) >= partitions })
	if err != nil {
		return p, err
	}
	for partition, l := range newest {
		p.next[partition] = l.Next
	}
	p.applied = appliedBy(newest, partitions)
	err = o.tail(ctx, starts[o.topo.Output], ends[o.topo.Output], boardTail, func(r *kgo.Record) {
		board, err := codec.DecodeBoard(r.Value)
		if err != nil || string(r.Key) != board.Board {
			return
		}
		p.board = map[int32]int64{}
		for _, at := range board.Offsets {
			p.board[at.Partition] = at.Offset
		}
	}, func() bool { return p.board != nil })
	return p, err
}

// appliedBy is what all heat partitions have applied; empty unless so many are known.
func appliedBy(newest map[int32]*codec.Leaders, partitions int) map[int32]int64 {
	applied := map[int32]int64{}
	if len(newest) < partitions {
		return applied
	}
	inputs := 0
	for _, l := range newest {
		inputs = max(inputs, len(l.To))
	}
	for input := range inputs {
		least := int64(math.MaxInt64)
		for _, l := range newest {
			to := int64(-1) // of an input partition that it has not heard of
			if input < len(l.To) {
				to = max(l.To[input], -1)
			}
			least = min(least, to+1)
		}
		applied[int32(input)] = least
	}
	return applied
}

// tail gives the last records of a topic, each time more of them, until enough says
// so or there are no more. What was given once may be given again.
func (o *Overview) tail(ctx context.Context, starts, ends map[int32]kadm.ListedOffset, window int64, each func(*kgo.Record), enough func() bool) error {
	for ; window > 0; window *= tailGrows {
		whole := true
		from := map[int32]int64{}
		for partition, end := range ends {
			start := starts[partition].Offset
			from[partition] = max(start, end.Offset-min(window, maxTail))
			whole = whole && from[partition] == start
		}
		if err := o.read(ctx, ends, from, each); err != nil {
			return err
		}
		if enough() || whole || window >= maxTail {
			return nil
		}
	}
	return nil
}

// read gives the records of a topic from offsets to its ends. It takes its time only up
// to tailWithin: compaction may have taken the last record, and what was not found is
// not known.
func (o *Overview) read(ctx context.Context, ends map[int32]kadm.ListedOffset, from map[int32]int64, each func(*kgo.Record)) error {
	left := map[int32]int64{}
	offsets := map[string]map[int32]kgo.Offset{}
	for partition, end := range ends {
		if end.Offset > from[partition] {
			left[partition] = end.Offset
			if offsets[end.Topic] == nil {
				offsets[end.Topic] = map[int32]kgo.Offset{}
			}
			offsets[end.Topic][partition] = kgo.NewOffset().At(from[partition])
		}
	}
	if len(left) == 0 {
		return nil
	}
	// Markers of transactions are records too: one of them may be the last.
	client, err := kgo.NewClient(append(slices.Clone(o.options),
		kgo.ConsumePartitions(offsets), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return fmt.Errorf("connecting to read the ends of topics: %w", err)
	}
	defer client.Close()
	within, cancel := context.WithTimeout(ctx, tailWithin)
	defer cancel()
	for len(left) > 0 {
		fetches := client.PollFetches(within)
		if err := fetches.Err(); err != nil {
			if within.Err() != nil && ctx.Err() == nil {
				return nil
			}
			return fmt.Errorf("reading the ends of topics: %w", err)
		}
		for _, record := range fetches.Records() {
			if end, ok := left[record.Partition]; !ok || record.Offset >= end {
				continue
			}
			if !record.Attrs.IsControl() {
				each(record)
			}
			if record.Offset+1 >= left[record.Partition] {
				delete(left, record.Partition)
			}
		}
	}
	return nil
}
