package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
)

// sender sends records to one topic, idempotently and acknowledged by all replicas
// in sync. Only one goroutine may use it, but for sent.
type sender struct {
	sender   *kafka.Sender
	topic    string
	maxBatch int // bytes
	done     atomic.Int64
	ctx      context.Context // ends at the first failure, which is its cause
	fail     context.CancelCauseFunc
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
// after the input. A batch has at most maxBatch bytes. within bounds
// the time to deliver a record; 0 means no bound.
func newSender(ctx context.Context, p *program, topic string, maxBatch int, within time.Duration) (*sender, error) {
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	inner, err := p.kafka.Sender("produce", topic, kafka.Sending{Linger: senderLinger, Records: senderRecords, Bytes: senderBytes,
		BatchBytes: maxBatch, Within: within, InTurn: true})
	if err != nil {
		return nil, err
	}
	s := &sender{sender: inner, topic: topic, maxBatch: maxBatch}
	s.ctx, s.fail = context.WithCancelCause(context.Background())
	return s, nil
}

// send queues a message without key; it is copied. The error is that of an earlier
// message. It waits while too much is on its way.
func (s *sender) send(message []byte) error {
	return s.sendRecord(&kafka.Record{Value: bytes.Clone(message)})
}

// sendRecord queues a record, which the sender keeps.
func (s *sender) sendRecord(r *kafka.Record) error {
	if err := context.Cause(s.ctx); err != nil {
		return err
	}
	// What is queued is sent even when the command is told to end: hence no
	// context of the command. The delivery timeout ends it, or this one, for records with
	// a time of their own, which the client would count from.
	ctx, cancel := context.Background(), func() {}
	if !r.Timestamp.IsZero() {
		ctx, cancel = context.WithTimeout(ctx, deliveryTimeout)
	}
	s.sender.Send(ctx, r, func(r *kafka.Record, err error) {
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
		s.fail(err)
	})
	return nil
}

// sent is how many records were acknowledged. Any goroutine may ask.
func (s *sender) sent() int64 { return s.done.Load() }

// flush waits until everything is acknowledged. The error is the first that any
// record has had.
func (s *sender) flush() error {
	if err := s.sender.Flush(context.Background()); err != nil { // the delivery timeout ends it
		return err
	}
	return context.Cause(s.ctx)
}

func (s *sender) close() {
	s.sender.Close()
	s.fail(nil)
}
