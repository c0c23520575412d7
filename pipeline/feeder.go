package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/processors"
)

// feeder feeds goka one claim: synthetic messages go in, and goka's marks come
// back once everything that a message caused is acknowledged. Messages are
// numbered by their offset, from 0. One goroutine makes and sends messages;
// marks come from others.
type feeder struct {
	claim    sarama.ConsumerGroupClaim // the real one
	messages chan *sarama.ConsumerMessage
	made     int64
	acks     []awaitedAck // those that the stage must hear of
	marked   atomic.Int64
	wake     chan struct{} // holds a token after a mark
	acksOnly bool          // or only after one that the stage must hear of

	mu       sync.Mutex
	awaited  map[int64]*ack
	awaiting atomic.Int32
}

// ack is the acknowledgement of one message: done once goka has marked it.
type ack struct{ done atomic.Bool }

// awaitedAck is the acknowledgement, awaited by a stage, of a message of a kind.
type awaitedAck struct {
	ack  *ack
	kind codec.Feed
}

// prepare makes the message of a processors.DoFeed, which must be sent.
func (f *feeder) prepare(a *processors.Action) *sarama.ConsumerMessage {
	m := f.message(a.Key, a.Value)
	if a.Ack {
		f.acks = append(f.acks, awaitedAck{f.ackOf(m), a.Kind()})
	}
	return m
}

// acknowledged returns the kind of a message that was fed with Ack and is acknowledged
// by now, each once.
func (f *feeder) acknowledged() (kind codec.Feed, ok bool) {
	for i, a := range f.acks {
		if a.ack.done.Load() {
			f.acks = append(f.acks[:i], f.acks[i+1:]...)
			return a.kind, true
		}
	}
	return 0, false
}

// settle returns when everything fed is acknowledged, or the context's error.
func (f *feeder) settle(ctx context.Context) error {
	return f.await(ctx, func() bool { return f.outstanding() == 0 })
}

// feederBuffer is how many messages wait for goka.
const feederBuffer = 64

func newFeeder(claim sarama.ConsumerGroupClaim) *feeder {
	return &feeder{claim: claim, messages: make(chan *sarama.ConsumerMessage, feederBuffer),
		wake: make(chan struct{}, 1), awaited: make(map[int64]*ack)}
}

// message makes the next message; every message made must be sent.
func (f *feeder) message(key string, value []byte) *sarama.ConsumerMessage {
	m := &sarama.ConsumerMessage{Topic: f.claim.Topic(), Partition: f.claim.Partition(), Offset: f.made, Value: value,
		Timestamp: time.Time{}}
	if key != "" {
		m.Key = []byte(key)
	}
	f.made++
	return m
}

// ackOf returns the acknowledgement of a message. It must be called before the message is sent.
func (f *feeder) ackOf(m *sarama.ConsumerMessage) *ack {
	r := &ack{}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited[m.Offset] = r
	f.awaiting.Add(1)
	return r
}

// send hands a message to goka, or returns the context's error.
func (f *feeder) send(ctx context.Context, m *sarama.ConsumerMessage) error {
	select {
	case f.messages <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outstanding is how many messages made are not marked yet.
func (f *feeder) outstanding() int64 { return f.made - f.marked.Load() }

// mark takes goka's mark for the message with the given number.
func (f *feeder) mark(number int64) {
	wake := !f.acksOnly
	if f.awaiting.Load() > 0 {
		f.mu.Lock()
		if r := f.awaited[number]; r != nil {
			delete(f.awaited, number)
			f.awaiting.Add(-1)
			r.done.Store(true)
			wake = true
		}
		f.mu.Unlock()
	}
	f.marked.Add(1)
	if !wake {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// await returns when the condition holds after a mark, or the context's error.
func (f *feeder) await(ctx context.Context, condition func() bool) error {
	for !condition() {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// untilStuck returns when nothing was marked for the given patience, when the
// longest time is over, or when the context ends.
func (f *feeder) untilStuck(ctx context.Context, patience, longest time.Duration) {
	over := time.After(longest)
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for marked := int64(-1); marked != f.marked.Load(); {
		marked = f.marked.Load()
		select {
		case <-ticker.C:
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// syntheticClaim is what goka sees of a claim.
type syntheticClaim struct {
	sarama.ConsumerGroupClaim
	messages <-chan *sarama.ConsumerMessage
}

// Messages are those of the feeder.
func (c syntheticClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }
