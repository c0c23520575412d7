package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
)

// deliveryTimeout bounds the time to deliver a record, as Kafka's own
// delivery.timeout.ms.
const deliveryTimeout = 2 * time.Minute

// requestTimeout bounds one administrative step.
const requestTimeout = 30 * time.Second

// reach makes sure that a broker answers.
func (p *program) reach(ctx context.Context) error {
	err := p.kafka.Reach(ctx)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// admin asks brokers about topics and groups, once one answers. It is not to be closed.
func (p *program) admin(ctx context.Context) (*kafka.Admin, error) {
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	return p.kafka.Admin()
}

// offsetSpan is what a partition holds: the offsets from its first record to before
// its end.
type offsetSpan struct{ start, end int64 }

// spans are the offsets that the partitions of a topic hold. An error says what to
// do where the topic does not exist.
func (p *program) spans(ctx context.Context, topic string) (map[int32]offsetSpan, error) {
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	all, err := p.kafka.AllBounds(ctx, topic)
	if err != nil {
		return nil, interrupted(ctx, withHint(topic, err))
	}
	out := map[int32]offsetSpan{}
	for partition, b := range all {
		out[partition] = offsetSpan{b.Start, b.End}
	}
	return out, nil
}

// noTopicError says what a missing topic takes, instead of Kafka's own words.
type noTopicError struct {
	topic string
	error
}

func (e noTopicError) Error() string {
	return fmt.Sprintf("topic %s does not exist: run `pageheat topics create`, or check --prefix, --input and --output", e.topic)
}

func (e noTopicError) Unwrap() error { return e.error }

// withHint adds to an error of Kafka about a topic what an operator can do about it.
func withHint(topic string, err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return noTopicError{topic, err}
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("%w: raise the topic's max.message.bytes", err)
	case errors.Is(err, kafka.ErrNotDelivered):
		return fmt.Errorf("%w: are enough brokers up for its min.insync.replicas?", err)
	}
	return err
}
