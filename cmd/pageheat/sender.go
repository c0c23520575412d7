package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sender sends records to one topic, idempotently and acknowledged by all replicas
// in sync. Only one goroutine may use it, but for sent.
type sender struct {
	client   *kgo.Client
	topic    string
	maxBatch int // bytes
	done     atomic.Int64
	failed   atomic.Pointer[error] // the first failure
}

const (
	// senderRecords and senderBytes bound what is on its way.
	senderRecords = 100_000
	senderBytes   = 64 << 20
	// usualBatch is the most bytes of a batch that any topic takes that was not
	// told otherwise.
	usualBatch = 1_000_000
	// senderLinger lets records gather, without being seen.
	senderLinger = 5 * time.Millisecond
)

// newSender connects. Records go round the partitions in turn, whatever their key,
// so that few messages are spread as evenly as many; where a page goes is decided
// after the input. A batch has at most maxBatch bytes. Further options override.
func newSender(ctx context.Context, p *program, topic string, maxBatch int, options ...kgo.Opt) (*sender, error) {
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	client, err := p.kafka.Client("produce", append([]kgo.Opt{
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerLinger(senderLinger),
		kgo.MaxBufferedRecords(senderRecords),
		kgo.MaxBufferedBytes(senderBytes),
		kgo.ProducerBatchMaxBytes(int32(maxBatch)),
		kgo.RecordDeliveryTimeout(deliveryTimeout),
		kgo.UnknownTopicRetries(2),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	return &sender{client: client, topic: topic, maxBatch: maxBatch}, nil
}

// send queues a message without key; it is copied. The error is that of an earlier
// message. It waits while too much is on its way.
func (s *sender) send(message []byte) error {
	return s.sendRecord(&kgo.Record{Value: bytes.Clone(message)})
}

// sendRecord queues a record, which the sender keeps.
func (s *sender) sendRecord(r *kgo.Record) error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	// What is queued is sent even when the command is told to end: hence no
	// context of the command. The delivery timeout ends it, or this one, for records with
	// a time of their own, which the client would count from.
	ctx, cancel := context.Background(), func() {}
	if !r.Timestamp.IsZero() {
		ctx, cancel = context.WithTimeout(ctx, deliveryTimeout)
	}
	s.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		cancel()
		if err == nil {
			s.done.Add(1)
			return
		}
		if errors.Is(err, kerr.MessageTooLarge) {
			err = fmt.Errorf("send a message of %d bytes to topic %s: %w; a batch has at most %d bytes here, and at most the topic's max.message.bytes",
				len(r.Key)+len(r.Value), s.topic, err, s.maxBatch)
		} else {
			err = fmt.Errorf("send to topic %s: %w", s.topic, withHint(s.topic, err))
		}
		s.failed.CompareAndSwap(nil, &err)
	})
	return nil
}

// sent is how many records were acknowledged. Any goroutine may ask.
func (s *sender) sent() int64 { return s.done.Load() }

// flush waits until everything is acknowledged. The error is the first that any
// record has had.
func (s *sender) flush() error {
	if err := s.client.Flush(context.Background()); err != nil { // the delivery timeout ends it
		return fmt.Errorf("send to topic %s: %w", s.topic, err)
	}
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

func (s *sender) close() { s.client.Close() }
