package adapter

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
	// leap is how far a record may speak of offsets above those spoken of before
	// without being asked at once whether they exist.
	leap = 1 << 20
	// beyondDoubt is how far an offset must be above the end of its topic for no
	// stale answer of a broker to explain it.
	beyondDoubt = 1 << 32
	// askEvery is how often the end of a partition is looked up while records speak
	// of offsets above it.
	askEvery = time.Second
)

// reaches checks that the offsets that records speak of exist: one that lies above the
// end of its topic would make everything that is really there seem old. A leap is
// checked before it is believed, and small steps, which every record makes, once a
// second in the background. It is safe for concurrent use.
type reaches struct {
	topic string
	// ask looks up the offset after a partition's last record; insist does too, and
	// asks again for a while where the answer is below least.
	ask    func(ctx context.Context, partition int32) (int64, error)
	insist func(ctx context.Context, partition int32, least int64) (int64, error)

	background context.Context // of look-ups that nobody waits for

	mu sync.Mutex
	of map[int32]*end
}

// end is what is known of the end of one partition.
type end struct {
	known   int64     // it is there or above
	claimed int64     // the highest that was spoken of
	asked   time.Time // when it was looked up last
	asking  bool
	refuted error // a record spoke of what is not there
}

// newReaches returns the check for a topic.
func newReaches(t *topics, topic string) *reaches {
	return &reaches{topic: topic, of: make(map[int32]*end),
		ask: func(ctx context.Context, partition int32) (int64, error) {
			_, end, err := t.bounds(ctx, topic, partition)
			return end, err
		},
		background: t.ctx,
		insist: func(ctx context.Context, partition int32, least int64) (int64, error) {
			return t.endFrom(ctx, topic, partition, least)
		}}
}

// to takes note of a record that says that everything below offset next of a
// partition was read. It returns an error that wraps codec.ErrMalformed where that,
// or what another record said before, can not be, and others where it is not known
// and has to be.
func (e *reaches) to(ctx context.Context, partition int32, next int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.of[partition]
	if at == nil {
		at = &end{}
		e.of[partition] = at
	}
	if at.refuted != nil || next <= at.known {
		return at.refuted
	}
	if next-max(at.known, at.claimed) > leap {
		return e.leapTo(ctx, partition, at, next)
	}
	at.claimed = max(at.claimed, next)
	if !at.asking && time.Since(at.asked) >= askEvery {
		at.asking = true
		go e.lookUp(partition, at, at.claimed)
	}
	return nil
}

// leapTo looks up the end of a partition before it believes an offset.
func (e *reaches) leapTo(ctx context.Context, partition int32, at *end, next int64) error {
	e.mu.Unlock()
	have, err := e.find(ctx, partition, next)
	e.mu.Lock()
	if err == nil {
		at.known, at.claimed, at.asked = max(at.known, have), max(at.claimed, next), time.Now()
	}
	return err
}

// lookUp looks up the end of a partition that is said to be at claimed or above.
func (e *reaches) lookUp(partition int32, at *end, claimed int64) {
	have, err := e.find(e.background, partition, claimed)
	e.mu.Lock()
	defer e.mu.Unlock()
	at.asking, at.asked = false, time.Now()
	switch {
	case err == nil:
		at.known = max(at.known, have)
	case errors.Is(err, codec.ErrMalformed):
		at.refuted = err
	default: // the next one will tell
	}
}

// find looks up the end of a partition, which must be at least there.
func (e *reaches) find(ctx context.Context, partition int32, least int64) (int64, error) {
	have, err := e.ask(ctx, partition)
	if err == nil && have < least && least-have < beyondDoubt {
		have, err = e.insist(ctx, partition, least)
	}
	switch {
	case errors.Is(err, kafka.ErrNoPartition):
		return 0, fmt.Errorf("%w: it speaks of %s partition %d, which does not exist", codec.ErrMalformed, e.topic, partition)
	case err != nil:
		return 0, err
	case have < least:
		return 0, e.beyond(partition, least, have)
	}
	return have, nil
}

func (e *reaches) beyond(partition int32, next, have int64) error {
	return fmt.Errorf("%w: it speaks of offset %d of %s partition %d, which ends at offset %d",
		codec.ErrMalformed, next-1, e.topic, partition, have)
}
