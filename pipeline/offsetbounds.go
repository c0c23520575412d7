package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
)

const (
	// maxStep is the largest step above the offsets claimed before that is believed
	// without an immediate look-up.
	maxStep = 1 << 20
	// maxStale is the largest distance above the end of a topic that a broker's stale
	// answer can explain.
	maxStale = 1 << 32
	// lookUpEvery is the interval of look-ups of a partition's end while records claim
	// offsets above it.
	lookUpEvery = 5 * time.Second
)

// offsetBounds checks that the offsets that records claim exist. An offset above the end of
// its topic would make every real record seem old. A large step is checked before it is
// believed; small steps, which every record makes, are checked every few seconds in
// the background. It is safe for concurrent use.
type offsetBounds struct {
	topic string
	// end looks up the offset after a partition's last record. endFrom does too, and
	// retries for a while if the answer is below least.
	end     func(ctx context.Context, partition int32) (int64, error)
	endFrom func(ctx context.Context, partition int32, least int64) (int64, error)

	background context.Context // of background look-ups

	mu sync.Mutex
	of map[int32]*boundary
}

// boundary is what is known about the end of one partition.
type boundary struct {
	known   int64     // the end is here or above
	claimed int64     // the highest claimed offset
	asked   time.Time // when it was looked up last
	asking  bool
	refuted error // a record claimed an offset that does not exist
}

// newOffsetBounds returns the check for a topic.
func newOffsetBounds(t *topics, topic string) *offsetBounds {
	return &offsetBounds{topic: topic, of: make(map[int32]*boundary),
		end: func(ctx context.Context, partition int32) (int64, error) {
			_, end, err := t.bounds(ctx, topic, partition)
			return end, err
		},
		background: t.ctx,
		endFrom: func(ctx context.Context, partition int32, least int64) (int64, error) {
			return t.endFrom(ctx, topic, partition, least)
		}}
}

// check checks a record's claim that everything below offset next of a partition was read.
// The error wraps codec.ErrMalformed if this claim or an earlier one is false. Other errors
// say that the end of the partition could not be looked up.
func (b *offsetBounds) check(ctx context.Context, partition int32, next int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.of[partition]
	if at == nil {
		at = &boundary{}
		b.of[partition] = at
	}
	if at.refuted != nil || next <= at.known {
		return at.refuted
	}
	if next-max(at.known, at.claimed) > maxStep {
		return b.checkLeap(ctx, partition, at, next)
	}
	at.claimed = max(at.claimed, next)
	if !at.asking && time.Since(at.asked) >= lookUpEvery {
		at.asking = true
		go b.lookUp(partition, at, at.claimed)
	}
	return nil
}

// checkLeap looks up the end of a partition before it believes an offset.
func (b *offsetBounds) checkLeap(ctx context.Context, partition int32, at *boundary, next int64) error {
	b.mu.Unlock()
	have, err := b.find(ctx, partition, next)
	b.mu.Lock()
	if err == nil {
		at.known, at.claimed, at.asked = max(at.known, have), max(at.claimed, next), time.Now()
	}
	return err
}

// lookUp looks up the end of a partition that is claimed to be at an offset or above.
func (b *offsetBounds) lookUp(partition int32, at *boundary, claimed int64) {
	have, err := b.find(b.background, partition, claimed)
	b.mu.Lock()
	defer b.mu.Unlock()
	at.asking, at.asked = false, time.Now()
	switch {
	case err == nil:
		at.known = max(at.known, have)
	case errors.Is(err, codec.ErrMalformed):
		at.refuted = err
	default: // the next one will tell
	}
}

// find looks up the end of a partition, which must be at least the given offset.
func (b *offsetBounds) find(ctx context.Context, partition int32, least int64) (int64, error) {
	have, err := b.end(ctx, partition)
	if err == nil && have < least && least-have < maxStale {
		have, err = b.endFrom(ctx, partition, least)
	}
	switch {
	case errors.Is(err, kafka.ErrNoPartition):
		return 0, fmt.Errorf("%w: it claims %s partition %d, which does not exist", codec.ErrMalformed, b.topic, partition)
	case err != nil:
		return 0, err
	case have < least:
		return 0, b.beyond(partition, least, have)
	}
	return have, nil
}

func (b *offsetBounds) beyond(partition int32, next, have int64) error {
	return fmt.Errorf("%w: it claims offset %d of %s partition %d, which ends at offset %d",
		codec.ErrMalformed, next-1, b.topic, partition, have)
}
