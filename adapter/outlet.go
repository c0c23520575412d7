package adapter

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/processors"
)

// outlet feeds goka one claim: synthetic messages go in, and goka's marks come
// back once everything that a message caused is acknowledged. Messages are
// numbered by their offset, from 0. One goroutine makes and sends messages;
// marks come from others.
type outlet struct {
	claim    sarama.ConsumerGroupClaim // the real one
	messages chan *sarama.ConsumerMessage
	made     int64
	asked    []asked // for what a stage must hear of
	marked   atomic.Int64
	wake     chan struct{} // holds a token after a mark

	mu       sync.Mutex
	awaited  map[int64]*receipt
	awaiting atomic.Int32
}

// receipt says whether a message was marked.
type receipt struct{ done atomic.Bool }

// asked is a message of a kind whose acknowledgement a stage waits for.
type asked struct {
	receipt *receipt
	kind    codec.Feed
}

// feed hands goka the message of a processors.DoFeed.
func (o *outlet) feed(ctx context.Context, a *processors.Action) error {
	m := o.message(a.Key, a.Value)
	if a.Ack {
		o.asked = append(o.asked, asked{o.receipt(m), a.Kind()})
	}
	return o.send(ctx, m)
}

// acknowledged returns the kind of a message that was fed with Ack and is acknowledged
// by now, each once.
func (o *outlet) acknowledged() (kind codec.Feed, ok bool) {
	for i, a := range o.asked {
		if a.receipt.done.Load() {
			o.asked = append(o.asked[:i], o.asked[i+1:]...)
			return a.kind, true
		}
	}
	return 0, false
}

// settle returns when everything fed is acknowledged, or the context's error.
func (o *outlet) settle(ctx context.Context) error {
	return o.await(ctx, func() bool { return o.outstanding() == 0 })
}

// outletBuffer is how many messages wait for goka.
const outletBuffer = 64

func newOutlet(claim sarama.ConsumerGroupClaim) *outlet {
	return &outlet{claim: claim, messages: make(chan *sarama.ConsumerMessage, outletBuffer),
		wake: make(chan struct{}, 1), awaited: make(map[int64]*receipt)}
}

// message makes the next message; every message made must be sent.
func (o *outlet) message(key string, value []byte) *sarama.ConsumerMessage {
	m := &sarama.ConsumerMessage{Topic: o.claim.Topic(), Partition: o.claim.Partition(), Offset: o.made, Value: value,
		Timestamp: time.Time{}}
	if key != "" {
		m.Key = []byte(key)
	}
	o.made++
	return m
}

// receipt is to be asked for before the message is sent.
func (o *outlet) receipt(m *sarama.ConsumerMessage) *receipt {
	r := &receipt{}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.awaited[m.Offset] = r
	o.awaiting.Add(1)
	return r
}

// send hands a message to goka, or returns the context's error.
func (o *outlet) send(ctx context.Context, m *sarama.ConsumerMessage) error {
	select {
	case o.messages <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outstanding is how many messages made are not marked yet.
func (o *outlet) outstanding() int64 { return o.made - o.marked.Load() }

// mark takes goka's mark for the message with the given number.
func (o *outlet) mark(number int64) {
	if o.awaiting.Load() > 0 {
		o.mu.Lock()
		if r := o.awaited[number]; r != nil {
			delete(o.awaited, number)
			o.awaiting.Add(-1)
			r.done.Store(true)
		}
		o.mu.Unlock()
	}
	o.marked.Add(1)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// await returns when the condition holds after a mark, or the context's error.
func (o *outlet) await(ctx context.Context, condition func() bool) error {
	for !condition() {
		select {
		case <-o.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// untilStuck returns when nothing was marked for the given patience, when the
// longest time is over, or when the context ends.
func (o *outlet) untilStuck(ctx context.Context, patience, longest time.Duration) {
	over := time.After(longest)
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for marked := int64(-1); marked != o.marked.Load(); {
		marked = o.marked.Load()
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

// Messages are those of the outlet.
func (c syntheticClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }
