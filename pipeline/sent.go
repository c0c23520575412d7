package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/kafka/recordbatch"
	"pageheat/processors"
)

const (
	// sentPatience bounds a lookup.
	sentPatience = time.Second
	// sentWindow is how many records are looked through after the last batch, and twice
	// as many each time while an input partition is missing, up to sentRecords.
	sentWindow  = 16
	sentRecords = 8192
	// sentBytes is how much is read of a heat partition, about, and sentFetch at once.
	sentBytes = 4 << 20
	sentFetch = 512 << 10
	// sentReaders is how many heat partitions are read at the same time.
	sentReaders = 8
)

// lookUpSent finds what was sent of input partitions that have the given ends, see
// processors.Sent. What can
// not be found out is left out: the committed offset is always right.
func (in *Ingest) lookUpSent(ctx context.Context, ends map[int32]int64) map[int32]processors.Sent {
	if len(ends) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, sentPatience)
	defer cancel()
	l := &sentLookup{cluster: in.config.Cluster, topic: in.config.Topology.Behavior, input: in.input, ends: ends, unpacking: in.unpacking}
	found, err := l.find(limited)
	if err != nil && ctx.Err() == nil {
		in.config.Logger.With("topic", l.topic).Info("starting at the committed offsets: the ranges sent above them could not be read",
			failure.Attrs(kafka.Explain(err, kafka.OnTopic(kafka.Read, l.topic)))...)
	}
	return found
}

// sentLookup looks for the last ranges of some input partitions.
type sentLookup struct {
	cluster   *kafka.Cluster
	topic     string // that the ranges are in
	input     codec.TopicID
	ends      map[int32]int64 // by input partition, the offset after its last record
	targets   int32
	unpacking *unpacking
}

// rangeLog is one heat partition's log.
type rangeLog struct {
	*kafka.Log
	kafka.Bounds
}

func (l *sentLookup) find(ctx context.Context) (map[int32]processors.Sent, error) {
	logs, err := l.logs(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]map[int32]int64, len(logs))
	var readers errgroup.Group
	readers.SetLimit(sentReaders)
	for p := range logs {
		readers.Go(func() (err error) {
			if found[p], err = l.tail(ctx, int32(p), logs[p]); err != nil {
				err = fmt.Errorf("reading the end of %s partition %d: %w", l.topic, p, err)
			}
			return err
		})
	}
	err = readers.Wait() // what was found is right all the same
	all := make(map[int32]processors.Sent, len(l.ends))
	for input := range l.ends {
		highest := make([]int64, len(found))
		for p, tos := range found {
			highest[p] = processors.NotSent
			if to, ok := tos[input]; ok {
				highest[p] = to
			}
		}
		all[input] = processors.AllSent(highest)
	}
	return all, err
}

// logs looks up the heat partitions' logs.
func (l *sentLookup) logs(ctx context.Context) ([]rangeLog, error) {
	topic, err := l.cluster.Topic(ctx, l.topic)
	if err != nil {
		return nil, err
	}
	bounds, err := l.cluster.AllBounds(ctx, l.topic)
	if err != nil {
		return nil, err
	}
	l.targets = int32(len(topic.Leaders))
	logs := make([]rangeLog, l.targets)
	for p := range logs {
		logs[p] = rangeLog{l.cluster.Log(topic, int32(p)), bounds[int32(p)]}
	}
	return logs, nil
}

// tail reads a heat partition's log backwards, until a range of each input partition is
// found or enough was read, and returns the highest To of each that it has seen.
func (l *sentLookup) tail(ctx context.Context, p int32, log rangeLog) (map[int32]int64, error) {
	reader := inputReader{unpacking: l.unpacking}
	defer reader.close()
	found := make(map[int32]int64)
	first, left := log.Start, sentBytes
	most := int32(1) // one batch, however large
	for end, window := log.End, int64(1); end > first && left > 0 && window <= sentRecords && len(found) < len(l.ends); window = max(2*window, sentWindow) {
		begin := max(end-window, first)
		for next := begin; next < end && left > 0; {
			got, err := log.Fetch(ctx, next, most)
			if err != nil {
				if errors.Is(err, kerr.OffsetOutOfRange) {
					err = nil // it was applied, and is deleted
				}
				return found, err
			}
			first = max(first, got.Start)
			if got.Chunk == nil || got.Err != nil || got.Next <= next {
				return found, nil
			}
			left -= got.Size
			if b, _, err := recordbatch.Parse(got.Batches); err == nil {
				begin = min(begin, b.First)
			}
			if err := l.note(ctx, &reader, got.Chunk, p, found); err != nil {
				return found, err
			}
			next = got.Next
		}
		end, most = begin, sentFetch
	}
	return found, nil
}

// note records the ranges in a chunk.
func (l *sentLookup) note(ctx context.Context, r *inputReader, chunk *kafka.Chunk, target int32, found map[int32]int64) error {
	r.take(chunk)
	for last := int64(-1); r.more(); {
		p, err := r.next(last, math.MaxInt64, 0)
		last = p.last
		if p.message != nil {
			if err := beginnings(p.message, func(_ int64, value []byte, _ bool) { l.see(value, target, found) }); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, errStreaming):
			select {
			case r.alone <- struct{}{}:
				r.holds = true
			case <-ctx.Done():
				return ctx.Err()
			}
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
	}
	return nil
}

// see records one range. Malformed records and those of other topics are left to heat.
func (l *sentLookup) see(value []byte, target int32, found map[int32]int64) {
	h, err := codec.DecodeRangeHeader(value)
	if err != nil {
		return
	}
	end, wanted := l.ends[h.Partition]
	if !wanted || !processors.SaysSent(h, l.input, target, l.targets, end) {
		return
	}
	if to, ok := found[h.Partition]; !ok || h.To > to {
		found[h.Partition] = h.To
	}
}
