package kafka

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"pageheat/kafka/recordbatch"
)

// Record is a record that was read or will be sent.
type Record = kgo.Record

// Header is a header of a record.
type Header = kgo.RecordHeader

// Headers are the headers of a record, in order: names and values.
func Headers(r *Record) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, h := range r.Headers {
			if !yield(h.Key, h.Value) {
				return
			}
		}
	}
}

// Span is what to read of one partition.
type Span struct {
	Topic Topic
	// Partition of the topic.
	Partition int32
	// From is the first offset, or Beginning, and To the one after the last.
	From, To int64
	// Bytes is the size of a fetch; 0 stands for 1 MiB. Up to four times as much is held: a
	// fetch under way, one read, one waiting, one in the callback.
	Bytes int32
	// Wait is whether to wait without bound if To is above the last stable offset. Otherwise
	// that is an error after a while: the records are gone.
	Wait bool
}

// errBelow says that a partition ends before the requested span.
var errBelow = errors.New("the last stable offset stays below the requested offset")

const (
	// fetchBytes is the default size of a fetch.
	fetchBytes = 1 << 20
	// firstWait and longestWait are how long a broker may wait for the first byte: twice as
	// long each time that nothing comes. Others read over the same connection.
	firstWait, longestWait = 5 * time.Millisecond, 100 * time.Millisecond
)

// fetched is what one fetch gave from an offset on, and the offset that is next.
type fetched struct {
	answer     *kmsg.FetchResponseTopicPartition
	from, next int64
}

// Read hands each the committed records of a span, in order, and returns when all were
// read; next is the offset up to which that is so. The next fetch is under way meanwhile.
// An error of each ends it.
//
// It fetches by itself instead of using a consumer: a consumer does not report its position
// if the last records are aborted or control records, and would wait forever at such an end.
func (c *Cluster) Read(ctx context.Context, s Span, each func(records []*Record, next int64) error) error {
	if s.From >= s.To {
		return nil
	}
	if s.Bytes == 0 {
		s.Bytes = fetchBytes
	}
	r := &reader{partition: c.partition(s.Topic.Name, s.Partition), span: s, decompressor: kgo.DefaultDecompressor()}
	if int(s.Partition) < len(s.Topic.Leaders) {
		r.leader = s.Topic.Leaders[s.Partition]
	}
	if s.From == Beginning {
		err := r.patiently(ctx, func() (err error) { s.From, err = r.offset(ctx, earliest, isolationReadCommitted); return err })
		if err != nil {
			return Explain(fmt.Errorf("looking up where topic %s partition %d begins: %w", s.Topic.Name, s.Partition, err), OnTopic(Describe, s.Topic.Name))
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	answers := make(chan fetched, 1)
	group.Go(func() error {
		defer close(answers)
		came, wait := time.Now(), firstWait
		for from := s.From; from < s.To; {
			var got fetched
			err := r.patiently(ctx, func() (err error) { got, err = r.fetch(ctx, from, wait); return err })
			if err == nil && got.next == from && !s.Wait && time.Since(came) > patience {
				err = errBelow
			}
			if err != nil {
				return Explain(fmt.Errorf("reading topic %s partition %d at offset %d: %w", s.Topic.Name, s.Partition, from, err), OnTopic(Read, s.Topic.Name))
			}
			if got.next == from {
				wait = min(2*wait, longestWait)
				continue // nothing came
			}
			select {
			case answers <- got:
			case <-ctx.Done():
				return ctx.Err()
			}
			from, came, wait = got.next, time.Now(), firstWait
		}
		return nil
	})
	group.Go(func() error {
		for got := range answers {
			records, err := r.records(got)
			if err != nil {
				return Explain(fmt.Errorf("reading topic %s partition %d at offset %d: %w", s.Topic.Name, s.Partition, got.from, err))
			}
			if err := each(records, got.next); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// reader reads a span.
type reader struct {
	*partition
	span         Span
	decompressor kgo.Decompressor
}

func (r *reader) fetch(ctx context.Context, from int64, wait time.Duration) (fetched, error) {
	answer, err := r.partition.fetch(ctx, r.span.Topic.ID, from, wait, r.span.Bytes)
	if err != nil {
		return fetched{}, err
	}
	return r.take(answer, from)
}

// take finds out which offset is next, which needs no record: they are decoded
// while more is fetched.
func (r *reader) take(answer *kmsg.FetchResponseTopicPartition, from int64) (fetched, error) {
	next := from
	switch {
	case len(answer.RecordBatches) > 0:
		if _, next = recordbatch.Whole(answer.RecordBatches); next <= from {
			return fetched{}, errors.New("the broker answered without a whole batch")
		}
	case answer.LastStableOffset >= r.span.To:
		next = r.span.To // compaction has left nothing up to the end
	}
	return fetched{answer, from, min(next, r.span.To)}, nil
}

// records takes the committed records out of an answer.
func (r *reader) records(got fetched) ([]*Record, error) {
	if len(got.answer.RecordBatches) == 0 {
		return nil, nil
	}
	decoded, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: got.from, IsolationLevel: kgo.ReadCommitted(), Topic: r.topic, Partition: r.number,
	}, got.answer, r.decompressor, nil)
	if decoded.Err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, decoded.Err)
	}
	records := decoded.Records
	for len(records) > 0 && records[len(records)-1].Offset >= r.span.To {
		records = records[:len(records)-1]
	}
	return records, nil
}
