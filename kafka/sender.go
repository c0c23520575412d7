package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Sending says how records are sent.
type Sending struct {
	// Linger is the maximum time to fill a batch.
	Linger time.Duration
	// Records and Bytes bound what is in flight: at either, Send waits. 0 means the client's
	// default.
	Records, Bytes int
	// BatchBytes bounds a batch; 0 means the client's default.
	BatchBytes int
	// Within bounds the time to deliver a record; 0 means no bound.
	Within time.Duration
	// Dated is whether the records that are queued have timestamps of their own, which the
	// client would count Within from.
	Dated bool
	// InTurn is whether records are spread round-robin over partitions, whatever their keys.
	InTurn bool
	// Placed is whether records name their partition.
	Placed bool
}

// UsualBatchBytes is Kafka's default for the largest batch of a topic.
const UsualBatchBytes = 1_000_000

// Bulk is how many records are sent at once: round the partitions in turn, whatever their
// key, so that few are spread as evenly as many.
func Bulk() Sending {
	return Sending{
		Linger:  5 * time.Millisecond, // fills batches without a visible delay
		Records: 100_000, Bytes: 64 << 20,
		BatchBytes: UsualBatchBytes,
		Within:     2 * time.Minute, // as Kafka's own delivery.timeout.ms
		InTurn:     true,
	}
}

// Sender sends records to one topic, idempotently and acknowledged by all replicas in
// sync. It is safe for concurrent use.
type Sender struct {
	client  *kgo.Client
	topic   string
	sending Sending

	acknowledged atomic.Int64    // of the records that were queued
	ctx          context.Context // ends at the first failure of one of them, which is its cause
	fail         context.CancelCauseFunc
}

// Sender opens a client that sends, whose client.id names the purpose. Nothing is
// connected before the first record. The caller closes it.
func (c *Cluster) Sender(purpose, topic string, s Sending) (*Sender, error) {
	options := []kgo.Opt{
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(s.Linger),
		kgo.UnknownTopicRetries(2),
		kgo.ProducerBatchCompression(c.config.Compression.franz()),
	}
	if !s.Dated {
		options = append(options, kgo.RecordDeliveryTimeout(s.Within))
	}
	if s.Records > 0 {
		options = append(options, kgo.MaxBufferedRecords(s.Records))
	}
	if s.Bytes > 0 {
		options = append(options, kgo.MaxBufferedBytes(s.Bytes))
	}
	if s.BatchBytes > 0 {
		options = append(options, kgo.ProducerBatchMaxBytes(int32(s.BatchBytes)))
	}
	if s.InTurn {
		options = append(options, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	}
	if s.Placed {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client, err := c.Client(purpose, options...)
	if err != nil {
		return nil, err
	}
	sender := &Sender{client: client, topic: topic, sending: s}
	sender.ctx, sender.fail = context.WithCancelCause(context.Background())
	return sender, nil
}

// Send queues a record, which the sender keeps; done gets the result. When ctx is
// done, a record that has not been sent yet is dropped. A message in flight cannot be
// recalled without losing idempotence.
func (s *Sender) Send(ctx context.Context, r *Record, done func(*Record, error)) {
	s.client.Produce(ctx, r, done)
}

// Queue queues a record, which the sender keeps, for those who end at the first failure:
// the error is that of an earlier record. It waits while too much is on its way. What is
// queued is sent even where its sender is told to end: hence no context.
func (s *Sender) Queue(r *Record) error {
	if err := context.Cause(s.ctx); err != nil {
		return err
	}
	ctx, cancel := context.Background(), func() {}
	if s.sending.Dated && s.sending.Within > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.sending.Within)
	}
	s.Send(ctx, r, func(r *Record, err error) {
		cancel()
		if err == nil {
			s.acknowledged.Add(1)
			return
		}
		s.fail(s.Explain(r, err))
	})
	return nil
}

// Explain adds a hint to the error of a record that was not sent, as Send gives it.
func (s *Sender) Explain(r *Record, err error) error {
	if errors.Is(err, kerr.MessageTooLarge) {
		return fmt.Errorf("sending a message of %d bytes to topic %s: %w; a batch has at most %d bytes here, and at most the topic's max.message.bytes",
			len(r.Key)+len(r.Value), s.topic, err, s.sending.BatchBytes)
	}
	if errors.Is(err, kgo.ErrRecordTimeout) {
		err = fmt.Errorf("%w: are enough brokers up for its min.insync.replicas?", err)
	}
	return Explain(fmt.Errorf("sending to topic %s: %w", s.topic, Missing(s.topic, err)), OnTopic(Write, s.topic))
}

// Sent is how many of the records that were queued are acknowledged.
func (s *Sender) Sent() int64 { return s.acknowledged.Load() }

// Drain waits until all that was queued is acknowledged. The error is the first that any
// of it has had.
func (s *Sender) Drain() error {
	if err := s.Flush(context.Background()); err != nil { // the time for a delivery ends it
		return err
	}
	return context.Cause(s.ctx)
}

// Flush waits until everything is acknowledged or has failed.
func (s *Sender) Flush(ctx context.Context) error {
	if err := s.client.Flush(ctx); err != nil {
		return fmt.Errorf("sending to topic %s: %w", s.topic, err)
	}
	return nil
}

// Forget drops the cached topic id, so that a recreated topic is found. Records queued for
// the topic are lost.
func (s *Sender) Forget() { s.client.PurgeTopicsFromProducing(s.topic) }

// Close drops what is in flight.
func (s *Sender) Close() {
	s.client.Close()
	s.fail(nil)
}
