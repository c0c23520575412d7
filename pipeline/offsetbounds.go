package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"pageheat/kafka"
	"pageheat/processors"
)

// offsetBounds checks that the offsets that records claim exist: it makes the look-ups that
// processors.OffsetBounds asks for. It is safe for concurrent use.
type offsetBounds struct {
	topics *topics
	topic  string

	mu     sync.Mutex
	claims *processors.OffsetBounds
}

// newOffsetBounds returns the check for a topic.
func newOffsetBounds(t *topics, topic string) *offsetBounds {
	return &offsetBounds{topics: t, topic: topic, claims: processors.NewOffsetBounds(topic)}
}

// check checks a record's claim that everything below offset next of a partition was read.
// The error wraps codec.ErrMalformed if this claim or an earlier one is false. Other errors
// say that the end of the partition could not be looked up.
func (b *offsetBounds) check(ctx context.Context, partition int32, next int64) error {
	b.mu.Lock()
	l, err := b.claims.Claim(partition, next, time.Now())
	b.mu.Unlock()
	switch {
	case l == nil:
		return err
	case l.Wait:
		return b.lookUp(ctx, *l)
	}
	go func() { _ = b.lookUp(b.topics.ctx, *l) }() // the next claim tells
	return nil
}

// lookUp makes a look-up.
func (b *offsetBounds) lookUp(ctx context.Context, l processors.EndLookup) error {
	_, end, err := b.topics.boundsFrom(ctx, b.topic, l)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch now := time.Now(); {
	case errors.Is(err, kafka.ErrNoPartition):
		return b.claims.Missing(l, now)
	case err != nil:
		b.claims.Unanswered(l, now)
		return err
	default:
		return b.claims.Ends(l, end, now)
	}
}
