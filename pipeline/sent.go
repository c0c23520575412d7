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
	searches := make([]*processors.SentSearch, len(logs))
	var readers errgroup.Group
	readers.SetLimit(sentReaders)
	for p, log := range logs {
		searches[p] = processors.NewSentSearch(processors.SentLog{Input: l.input, Ends: l.ends, Target: int32(p), Targets: int32(len(logs)), Start: log.Start, End: log.End})
		readers.Go(func() error {
			if err := l.tail(ctx, log, searches[p]); err != nil {
				return fmt.Errorf("reading the end of %s partition %d: %w", l.topic, p, err)
			}
			return nil
		})
	}
	err = readers.Wait() // what was found is right all the same
	all := make(map[int32]processors.Sent, len(l.ends))
	for input := range l.ends {
		highest := make([]int64, len(searches))
		for p, s := range searches {
			highest[p] = s.Found(input)
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
	logs := make([]rangeLog, len(topic.Leaders))
	for p := range logs {
		logs[p] = rangeLog{l.cluster.Log(topic, int32(p)), bounds[int32(p)]}
	}
	return logs, nil
}

// tail reads a heat partition's log as the search asks.
func (l *sentLookup) tail(ctx context.Context, log rangeLog, search *processors.SentSearch) error {
	reader := inputReader{unpacking: l.unpacking}
	defer reader.close()
	for {
		at, most, more := search.Next()
		if !more {
			return nil
		}
		got, err := log.Fetch(ctx, at, most)
		if errors.Is(err, kerr.OffsetOutOfRange) {
			return nil // it was applied, and is deleted
		}
		if err != nil {
			return err
		}
		if got.Chunk == nil || got.Err != nil || got.Next <= at {
			return nil
		}
		begins := at
		if b, _, err := recordbatch.Parse(got.Batches); err == nil {
			begins = b.First
		}
		if err := l.note(ctx, &reader, got.Chunk, search); err != nil {
			return err
		}
		search.Read(begins, got.Next, got.Start, got.Size)
	}
}

// note tells the search the ranges in a chunk. Malformed records are left to heat.
func (l *sentLookup) note(ctx context.Context, r *inputReader, chunk *kafka.Chunk, search *processors.SentSearch) error {
	r.take(chunk)
	for last := int64(-1); r.more(); {
		p, err := r.next(last, math.MaxInt64, 0)
		last = p.last
		if p.message != nil {
			if err := beginnings(p.message, func(_, _ int64, value []byte, _ bool) {
				if h, err := codec.DecodeRangeHeader(value); err == nil {
					search.See(h)
				}
			}); err != nil {
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
