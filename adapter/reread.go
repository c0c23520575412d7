package adapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/topology"
)

// sumInput sums, per page, the valid behaviours of one input partition at
// offsets in (from, to], for the pages of the heat partition that a range with the
// header is for. Everything up to both offsets was read before.
func sumInput(ctx context.Context, s Settings, h codec.RangeHeader, from, to int64) (map[string]heat.Totals, error) {
	r, err := newReread(s, h.Input, h.Partition)
	if err != nil {
		return nil, err
	}
	defer r.close()
	sums := make(map[string]heat.Totals)
	err = r.read(ctx, from, to, func(value []byte) {
		b, refusal := codec.ParseBehaviour(value, h.Limits)
		if refusal == nil && topology.Partition(b.Page, int(h.Targets)) == h.Target {
			t := sums[string(b.Page)]
			t.Count(b)
			sums[string(b.Page)] = t
		}
	})
	switch {
	case err == nil:
		return sums, nil
	case ctx.Err() != nil:
		return nil, errSessionOver
	case errors.Is(err, kerr.OffsetOutOfRange):
		return nil, failure.New(failure.Gone,
			"%s partition %d does not have offset %d any more, which is needed to tell what of a range is counted; everything above offset %d is not counted yet: %w",
			s.Topology.Input, h.Partition, from+1, to, err)
	case errors.Is(err, errEndsBefore):
		return nil, failure.New("brokers have lost records, or "+failure.Anew, "reading %s partition %d again from offset %d: %w",
			s.Topology.Input, h.Partition, from+1, err)
	}
	return nil, kafka.Explain(fmt.Errorf("reading %s partition %d again from offset %d: %w", s.Topology.Input, h.Partition, from+1, err),
		kafka.OnTopic("Read", s.Topology.Input))
}

// errEndsBefore is a partition that ends before an offset that was read of it. A broker
// that does not know yet that it leads the partition no more says so, too.
var errEndsBefore = errors.New("the partition ends before what was read of it")

// reread reads a few records of one input partition again, as ingest reads them.
type reread struct {
	client    *kgo.Client
	topic     string
	id        codec.TopicID
	partition int32
	leader    int32
	reader    inputReader
}

const (
	// rereadBytes is what is fetched at once: an instance may read many partitions again,
	// and beyond what it wants a long backlog may lie.
	rereadBytes = 256 << 10
	// rereadWait is how long a broker waits for the first byte; there always is one.
	rereadWait = 500 * time.Millisecond
)

func newReread(s Settings, id codec.TopicID, partition int32) (*reread, error) {
	client, err := s.Cluster.Client("reread")
	if err != nil {
		return nil, err
	}
	return &reread{client: client, topic: s.Topology.Input, id: id, partition: partition, leader: -1,
		reader: inputReader{unpacking: newUnpacking()}}, nil
}

func (r *reread) close() {
	r.reader.close()
	r.client.Close()
}

// read hands over the values at offsets in (from, to].
func (r *reread) read(ctx context.Context, from, to int64, each func(value []byte)) error {
	for last := from; last < to; {
		chunk, err := r.chunk(ctx, last+1)
		if err != nil {
			return err
		}
		if chunk == nil {
			continue
		}
		if chunk.err != nil {
			return chunk.err
		}
		r.reader.take(chunk)
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

// values hands over the values of a feed message up to an offset.
func values(message []byte, to int64, each func(value []byte)) error {
	return beginnings(message, func(offset int64, value []byte, whole bool) {
		if offset <= to && whole {
			each(value)
		}
	})
}

// beginnings hands over the values of a feed message, or the beginning of one that is
// too long to be held.
func beginnings(message []byte, each func(offset int64, value []byte, whole bool)) error {
	kind, body, err := codec.SplitFeed(message)
	if err != nil {
		return err
	}
	if kind == codec.FeedCut {
		r, err := codec.DecodeCutRecord(body)
		if err == nil {
			each(r.Offset, r.Value, r.ValueSize == int64(len(r.Value)))
		}
		return err
	}
	for bundle := codec.ReadBundle(body); bundle.More(); {
		r, err := bundle.Next()
		if err != nil {
			return err
		}
		each(r.Offset, r.Value, true)
	}
	return nil
}

// chunk fetches what there is at an offset; nil if there is nothing. It tries again while
// the partition moves to another leader.
func (r *reread) chunk(ctx context.Context, offset int64) (*inputChunk, error) {
	for began := time.Now(); ; {
		chunk, err := r.fetch(ctx, offset)
		var code *kerr.Error
		if err == nil || ctx.Err() != nil || time.Since(began) > fetchPatience || errors.As(err, &code) && !code.Retriable && !errors.Is(err, kerr.UnknownTopicID) {
			return chunk, err
		}
		r.leader = -1
		select {
		case <-time.After(fetchPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *reread) fetch(ctx context.Context, offset int64) (*inputChunk, error) {
	if r.leader < 0 {
		if err := r.findLeader(ctx); err != nil {
			return nil, err
		}
	}
	p, err := r.ask(ctx, offset, rereadBytes)
	if p == nil || err != nil {
		return nil, err
	}
	chunk, _ := newChunk(p, offset)
	return chunk, nil
}

// ask asks the leader for at most so many bytes from an offset on, or one batch; nil is
// no answer.
func (r *reread) ask(ctx context.Context, offset int64, most int32) (*kmsg.FetchResponseTopicPartition, error) {
	request := newFetch(rereadWait, most)
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = r.topic, r.id
	topic.Partitions = append(topic.Partitions, fetchPartition(r.partition, offset, most))
	request.Topics = append(request.Topics, topic)
	response, err := sendFetch(ctx, r.client, r.leader, request, r.id)
	if err == nil {
		err = findStarts(ctx, r.client, r.leader, r.topic, response)
	}
	if err != nil {
		return nil, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, nil //nolint:nilnil // what a broker answers that slows its client down for a quota
	}
	p := &response.Topics[0].Partitions[0]
	err = kerr.ErrorForCode(p.ErrorCode)
	if errors.Is(err, kerr.OffsetOutOfRange) && p.LogStartOffset <= offset {
		err = errEndsBefore
	}
	return p, err
}

// findLeader asks which broker leads the partition.
func (r *reread) findLeader(ctx context.Context) error {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = new(r.topic)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, r.client)
	if err != nil {
		return fmt.Errorf("asking for the leader: %w", err)
	}
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("asking for the leader: %w", err)
		}
		for _, p := range t.Partitions {
			if p.Partition == r.partition && p.Leader >= 0 {
				r.leader = p.Leader
				return nil
			}
		}
	}
	return fmt.Errorf("asking for the leader: %w", kerr.LeaderNotAvailable)
}
