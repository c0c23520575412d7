package collect

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/time/rate"

	"pageheat/kafka"
	"pageheat/tracing"
)

const (
	// maxWaiting is the maximum size, in bytes, of the messages that wait for Kafka, including
	// the overhead of each message.
	maxWaiting = 64 << 20
	overhead   = 256
	// closeWithin is the time limit of Close.
	closeWithin = 2 * time.Second
	// forgetEvery is the minimum time between two attempts to use a recreated topic.
	forgetEvery = time.Second
	// linger batches the messages of several requests, without a visible delay.
	linger = 2 * time.Millisecond
)

// Kafka writes to one topic, idempotently, and acknowledged by all replicas in sync.
// It is safe for concurrent use.
type Kafka struct {
	sender  *kafka.Sender
	topic   string
	waiting atomic.Int64 // bytes
	forget  rate.Sometimes
}

// NewKafka returns a writer to a topic. Nothing is connected before the first write.
// Close it after the last write.
func NewKafka(c *kafka.Cluster, topic string) (*Kafka, error) {
	sender, err := c.Sender("collect", topic, kafka.Sending{
		Linger: linger,
		// maxWaiting bounds the writers, so the client's own bounds, at which
		// it would block, are never reached. Senders give up by their own
		// deadlines, see Write.
		Records: 2 * maxWaiting / overhead,
	})
	if err != nil {
		return nil, err
	}
	return &Kafka{sender: sender, topic: topic, forget: rate.Sometimes{Interval: forgetEvery}}, nil
}

// Close waits a moment for messages in flight, and drops the rest.
func (k *Kafka) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = k.sender.Flush(ctx) // nobody waits for the rest anymore
	k.sender.Close()
}

// Write implements [Writer]. When ctx is done, unsent messages are dropped. A message in flight
// cannot be recalled without losing idempotence: it still counts as waiting, and the client
// retries it until it gets an answer.
func (k *Kafka) Write(ctx context.Context, messages [][]byte) error {
	size := int64(0)
	for _, m := range messages {
		size += int64(len(m)) + overhead
	}
	if k.waiting.Add(size) > maxWaiting {
		k.waiting.Add(-size)
		return ErrBusy
	}
	results := make(chan error, len(messages)) // callbacks never block
	for i, m := range messages {
		record := &kafka.Record{Value: m}
		if parent := tracing.ParentOf(ctx); parent != "" && i == 0 { // one of a batch is followed
			record.Headers = []kafka.Header{{Key: tracing.Header, Value: []byte(parent)}}
		}
		k.sender.Send(ctx, record, func(r *kafka.Record, err error) {
			k.waiting.Add(-int64(len(r.Value)) - overhead)
			results <- err
		})
	}
	for range messages {
		select {
		case err := <-results:
			if err != nil {
				k.adopt(err)
				return fmt.Errorf("writing to topic %s: %w", k.topic, err)
			}
		case <-ctx.Done():
			return fmt.Errorf("writing to topic %s: %w", k.topic, ctx.Err())
		}
	}
	return nil
}

// adopt switches to a recreated topic. The client caches the topic's ID and would never use the
// new one until the ID is dropped. Only messages to the old topic are lost.
func (k *Kafka) adopt(err error) {
	if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		k.forget.Do(func() { k.sender.Forget() })
	}
}
