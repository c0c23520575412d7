package overview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/kafka"
)

// progress is the progress of the groups that commit no offsets. Heat reports it with its
// leaders, at least once a second, and rank with its board.
type progress struct {
	// next is, by partition of the heat table, the offset of the first range that is not
	// applied. noLeaders is the reason if it is unknown.
	next      map[int32]int64
	noLeaders string
	// applied is, by partition of the input, the offset below which all heat
	// partitions have applied every message. unapplied is the reason if it is unknown.
	applied   map[int32]int64
	unapplied string
	// lost is the number of lost messages; nil if it is unknown.
	lost *int64
	// forgets is the number of requests to forget pages that were taken in; nil if it is unknown.
	forgets *int64
	// boards are those beside the board of all time.
	boards []Board
	// board is, by partition of the input, the offset below which every message is
	// in the newest board of all time. noBoard is the reason if it is unknown.
	board   map[int32]int64
	noBoard string
}

const (
	// leadersEach is the number of records per partition to search for leaders at first. If
	// some are missing, the next attempt reads tailGrows times as many, up to maxTail.
	leadersEach = 8
	tailGrows   = 8
	maxTail     = 50_000
	// tailWithin is the time limit for reading the end of a topic.
	tailWithin = time.Second
	// boardTail is the number of records to search for the board of all time at first.
	boardTail = 8
)

// progress reads the progress from the ends of the two topics.
func (o *Overview) progress(ctx context.Context, seen *cluster) progress {
	p := progress{next: map[int32]int64{}}
	partitions := len(seen.ends[o.topo.Behavior])
	newest := map[int32]*codec.Leaders{}
	err := o.tail(ctx, o.topo.Leaders, seen.ends[o.topo.Leaders], int64(leadersEach*partitions), func(r *kafka.Record) {
		if l, err := codec.DecodeLeaders(r.Value); err == nil { // otherwise it is not ours
			newest[l.Partition] = l
		}
	}, func() bool { return len(newest) >= partitions })
	if err != nil {
		p.noLeaders = err.Error()
	}
	for partition, l := range newest {
		p.next[partition] = l.Next
	}
	if p.applied = appliedBy(newest, partitions); len(p.applied) == 0 {
		p.unapplied = reasons(p.noLeaders, fmt.Sprintf("of %d heat partitions, %d sent leaders recently", partitions, len(newest)))
	}
	p.lost, p.forgets, p.boards = lostBy(newest, partitions), forgetsIn(newest, partitions), boardsOf(newest)
	err = o.tail(ctx, o.topo.Output, seen.ends[o.topo.Output], boardTail, func(r *kafka.Record) {
		if string(r.Key) != codec.AllTime {
			return // the others have the same offsets, or those of when they were published last
		}
		board, err := codec.DecodeBoard(r.Value)
		if err != nil || board.Board != codec.AllTime {
			return
		}
		p.board = map[int32]int64{}
		for _, at := range board.Offsets {
			p.board[at.Partition] = at.Offset
		}
	}, func() bool { return p.board != nil })
	switch {
	case err != nil:
		p.noBoard = err.Error()
	case p.board == nil:
		p.noBoard = "there is no board yet"
	}
	return p
}

// appliedBy returns what all heat partitions have applied; empty unless the leaders of all of
// them are known.
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
			to := int64(-1) // for an input partition that it does not know
			if input < len(l.To) {
				to = max(l.To[input], -1)
			}
			least = min(least, to+1)
		}
		applied[int32(input)] = least
	}
	return applied
}

// lostBy returns the number of lost messages; nil unless the leaders of all heat partitions are
// known. All of them hear of the same losses, some earlier than others.
func lostBy(newest map[int32]*codec.Leaders, partitions int) *int64 {
	if partitions == 0 || len(newest) < partitions {
		return nil
	}
	var most []uint64 // by partition of the input
	for _, l := range newest {
		most = append(most, make([]uint64, max(0, len(l.Lost)-len(most)))...)
		for input, lost := range l.Lost {
			most[input] = max(most[input], lost)
		}
	}
	total := int64(0)
	for _, lost := range most {
		total += int64(lost)
	}
	return &total
}

// forgetsIn returns the number of requests to forget pages that were taken in; nil unless the leaders of all heat
// partitions are known.
func forgetsIn(newest map[int32]*codec.Leaders, partitions int) *int64 {
	if partitions == 0 || len(newest) < partitions {
		return nil
	}
	total := int64(0)
	for _, l := range newest {
		total += int64(l.Forget.Taken)
	}
	return &total
}

// boardsOf returns the boards that leaders have, by name.
func boardsOf(newest map[int32]*codec.Leaders) []Board {
	type definition struct {
		hash string
		asOf time.Time
	}
	found := map[string]map[int32]definition{}
	for partition, l := range newest {
		for i := range l.Boards {
			b := &l.Boards[i]
			if b.Final {
				continue
			}
			if found[b.Name] == nil {
				found[b.Name] = map[int32]definition{}
			}
			found[b.Name][partition] = definition{b.Hash, b.AsOf.Time()}
		}
	}
	all := []Board{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		have, votes, most := found[name], map[string]int{}, ""
		for _, d := range have {
			votes[d.hash]++
		}
		for _, hash := range slices.Sorted(maps.Keys(votes)) {
			if votes[hash] > votes[most] {
				most = hash
			}
		}
		b := Board{Name: name, Differ: []int32{}}
		for _, partition := range slices.Sorted(maps.Keys(newest)) {
			d, ok := have[partition]
			if ok && (b.AsOf.IsZero() || d.asOf.Before(b.AsOf)) {
				b.AsOf = d.asOf
			}
			if !ok || d.hash != most {
				b.Differ = append(b.Differ, partition)
			}
		}
		all = append(all, b)
	}
	return all
}

// tail yields the last records of a topic, more on each attempt, until enough returns true or
// there are no more. Records may be yielded repeatedly.
func (o *Overview) tail(ctx context.Context, topic string, ends map[int32]end, window int64, each func(*kafka.Record), enough func() bool) error {
	for ; window > 0; window *= tailGrows {
		from := spans(ends, min(window, maxTail))
		whole := true
		for partition, s := range from {
			whole = whole && s.from == ends[partition].start
		}
		if _, err := o.read(ctx, topic, from, each); err != nil {
			return err
		}
		if enough() || whole || window >= maxTail {
			return nil
		}
	}
	return nil
}

// read passes the committed records in spans of a topic to each, one at a time, and reports
// whether it reached the ends of all spans. After tailWithin it gives up.
func (o *Overview) read(ctx context.Context, name string, spans map[int32]span, each func(*kafka.Record)) (whole bool, err error) {
	if len(spans) == 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tailWithin)
	defer cancel()
	topic, err := o.kafka.Topic(ctx, name)
	if err != nil {
		return false, unlessLate(err)
	}
	var one sync.Mutex
	parts, ctx := errgroup.WithContext(ctx)
	for partition, s := range spans {
		parts.Go(func() error {
			at := kafka.Span{Topic: topic, Partition: partition, From: s.from, To: s.end}
			return o.kafka.Read(ctx, at, func(records []*kafka.Record, _ int64) error {
				one.Lock()
				defer one.Unlock()
				for _, record := range records {
					each(record)
				}
				return nil
			})
		})
	}
	err = parts.Wait()
	return err == nil, unlessLate(err)
}

// unlessLate returns the error of a request, or nil for a timeout.
func unlessLate(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
