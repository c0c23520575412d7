package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/store"
)

// sumInput sums a part of the input that was read before.
func sumInput(ctx context.Context, s Settings, part store.Reread) (store.Sums, error) {
	h, from, to := part.Header, part.From, part.To
	r := &reread{log: s.Cluster.Log(kafka.Topic{Name: s.Topology.Input, ID: h.Input}, h.Partition), reader: inputReader{unpacking: newUnpacking()}}
	defer r.reader.close()
	sums := processors.NewSecondRead(h)
	err := r.read(ctx, from, to, sums.Add)
	switch {
	case err == nil:
		return sums.Sums(), nil
	case ctx.Err() != nil:
		return nil, errSessionOver
	case errors.Is(err, kerr.OffsetOutOfRange):
		return nil, failure.New(failure.Gone,
			"%s partition %d does not have offset %d any more, which is needed to tell what of a range is counted; everything above offset %d is not counted yet: %w",
			s.Topology.Input, h.Partition, from+1, to, err)
	case errors.Is(err, kafka.ErrEndsBefore):
		return nil, failure.New("brokers have lost records, or "+failure.Recreated, "reading %s partition %d again from offset %d: %w",
			s.Topology.Input, h.Partition, from+1, err)
	}
	return nil, kafka.Explain(fmt.Errorf("reading %s partition %d again from offset %d: %w", s.Topology.Input, h.Partition, from+1, err),
		kafka.OnTopic(kafka.Read, s.Topology.Input))
}

// reread reads a few records of one input partition again, as ingest reads them.
type reread struct {
	log    *kafka.Log
	reader inputReader
}

// rereadBytes is what is fetched at once: an instance may read many partitions again,
// and beyond what it wants a long backlog may lie.
const rereadBytes = 256 << 10

// read hands over records at offsets in (from, to].
func (r *reread) read(ctx context.Context, from, to int64, each func(offset, timestamp int64, value []byte)) error {
	for last := from; last < to; {
		got, err := r.log.FetchPatiently(ctx, last+1, rereadBytes)
		if err != nil {
			return err
		}
		if got.Chunk == nil {
			continue
		}
		if got.Err != nil {
			return got.Err
		}
		r.reader.take(got.Chunk)
		for r.reader.more() && last < to {
			p, err := r.reader.next(last, math.MaxInt64, bundleBytes)
			if p.message != nil {
				if err := values(p.message, to, each); err != nil {
					return err
				}
			}
			last = p.last
			switch {
			case errors.Is(err, errStreaming):
				r.reader.alone <- struct{}{} // of this reader alone
				r.reader.holds = true
			case err != nil && !errors.Is(err, io.EOF):
				return err
			}
		}
	}
	return nil
}

// values hands over the records of a feed message up to an offset.
func values(message []byte, to int64, each func(offset, timestamp int64, value []byte)) error {
	return beginnings(message, func(offset, timestamp int64, value []byte, whole bool) {
		if offset <= to && whole {
			each(offset, timestamp, value)
		}
	})
}

// beginnings hands over the values of a feed message, or the beginning of one that is
// too long to be held.
func beginnings(message []byte, each func(offset, timestamp int64, value []byte, whole bool)) error {
	kind, body, err := codec.SplitFeed(message)
	if err != nil {
		return err
	}
	if kind == codec.FeedTruncated {
		r, err := codec.DecodeTruncatedRecord(body)
		if err == nil {
			each(r.Offset, r.Timestamp, r.Value, r.ValueSize == int64(len(r.Value)))
		}
		return err
	}
	for bundle := codec.ReadBundle(body); bundle.More(); {
		r, err := bundle.Next()
		if err != nil {
			return err
		}
		each(r.Offset, r.Timestamp, r.Value, true)
	}
	return nil
}
