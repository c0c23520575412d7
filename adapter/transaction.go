package adapter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/codec"
)

// transaction writes one partition of a group table, in one Kafka transaction
// after the other, as the only owner of its transactional.id. Any error ends
// it for good: its owner gives up the partition, and whoever takes it over
// aborts what was left open.
type transaction struct {
	producer  sarama.AsyncProducer
	topic     string
	partition int32
	last      string // the key of the record that ends a transaction
	fence     codec.Fence
	fenceAt   int64 // its offset

	mu      sync.Mutex
	open    bool
	offset  int64 // of the last record of the last committed transaction
	err     error
	failed  chan struct{}
	waiting goka.PromiseFinisher // of the record that ends the open transaction

	acks chan int64 // the offset of the record that ends the transaction

	// using is held for reading while the producer is used: closing it then would
	// make sarama panic.
	using  sync.RWMutex
	closed sync.Once
}

// endOfTransaction is the metadata of the record that ends a transaction.
type endOfTransaction struct{}

// statusInterval is how often a commit looks whether the producer has failed:
// a fenced one may say nothing, and go on retrying.
const statusInterval = 20 * time.Millisecond

// takeOver makes this process the owner of a table partition: it takes over the
// transactional.id, which fences the owner before, and writes a committed fence
// record. A restore up to the fence sees everything that any owner committed.
// The owner's name in the fence must not have been used before.
func takeOver(ctx context.Context, s Settings, purpose, topic string, partition int32, id, last, owner string) (*transaction, error) {
	type made struct {
		producer sarama.AsyncProducer
		err      error
	}
	ready := make(chan made, 1)
	go func() {
		p, err := sarama.NewAsyncProducer(s.Brokers, s.transactionConfig(purpose, id))
		ready <- made{p, err}
	}()
	var t *transaction
	select {
	case m := <-ready:
		if m.err != nil {
			return nil, fmt.Errorf("taking over transactional.id %s: %w", id, m.err)
		}
		t = newTransaction(m.producer, topic, partition, last)
	case <-ctx.Done():
		go func() {
			if m := <-ready; m.err == nil {
				m.producer.AsyncClose()
			}
		}()
		return nil, errSessionOver
	}
	t.fence = codec.Fence{Owner: owner, TakenAt: time.Now().UnixMilli()}
	written := make(chan error, 1)
	promise, finish := goka.NewPromiseWithFinisher()
	promise.Then(func(err error) { written <- err })
	t.write(ctx, codec.FenceKey(partition), codec.AppendFence(nil, t.fence), true, finish)
	select {
	case err := <-written:
		if err != nil {
			t.fail(err)
			return nil, fmt.Errorf("writing the fence of %s partition %d: %w", topic, partition, err)
		}
		t.fenceAt = t.end()
		return t, nil
	case <-ctx.Done():
		t.fail(errSessionOver)
		return nil, errSessionOver
	}
}

func newTransaction(p sarama.AsyncProducer, topic string, partition int32, last string) *transaction {
	t := &transaction{producer: p, topic: topic, partition: partition, last: last,
		failed: make(chan struct{}), acks: make(chan int64, 1)}
	go func() {
		for m := range p.Successes() {
			if _, end := m.Metadata.(endOfTransaction); end {
				t.acks <- m.Offset
			}
		}
	}()
	go func() {
		for e := range p.Errors() {
			t.fail(fmt.Errorf("writing to %s partition %d: %w", topic, partition, e.Err))
		}
	}()
	return t
}

// write adds a record to the transaction, beginning one if none is open. The
// promise is kept once the record is queued; that of the record that ends the
// transaction, once the transaction is committed.
func (t *transaction) write(ctx context.Context, key string, value []byte, end bool, finish goka.PromiseFinisher) {
	if err := t.begin(end, finish); err != nil {
		finish(nil, err)
		return
	}
	m := &sarama.ProducerMessage{Topic: t.topic, Partition: t.partition,
		Key: sarama.StringEncoder(key), Value: sarama.ByteEncoder(value)}
	if end {
		m.Metadata = endOfTransaction{}
	}
	t.queue(ctx, m)
	switch {
	case end:
		go t.commit()
	default:
		finish(nil, t.failure())
	}
}

// queue hands a record to the producer.
func (t *transaction) queue(ctx context.Context, m *sarama.ProducerMessage) {
	if !t.using.TryRLock() {
		return // it has failed and is being closed
	}
	defer t.using.RUnlock()
	if t.failure() != nil {
		return
	}
	select {
	case t.producer.Input() <- m:
	case <-t.failed:
	case <-ctx.Done():
		t.fail(errSessionOver)
	}
}

// begin opens a transaction if none is open, and keeps the last promise.
func (t *transaction) begin(end bool, finish goka.PromiseFinisher) error {
	if !t.using.TryRLock() {
		return t.failure() // it is being closed
	}
	defer t.using.RUnlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	if !t.open {
		if err := t.producer.BeginTxn(); err != nil {
			return fmt.Errorf("beginning a transaction on %s partition %d: %w", t.topic, t.partition, err)
		}
		t.open = true
	}
	if end {
		t.waiting = finish
	}
	return nil
}

// commit ends the open transaction.
func (t *transaction) commit() {
	done := make(chan error, 1)
	if !t.using.TryRLock() {
		return // it has failed and is being closed
	}
	go func() {
		defer t.using.RUnlock()
		if err := t.failure(); err != nil {
			done <- err
			return
		}
		done <- t.producer.CommitTxn()
	}()
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.fail(fmt.Errorf("committing a transaction on %s partition %d: %w", t.topic, t.partition, err))
				return
			}
			select {
			case offset := <-t.acks:
				t.committed(offset)
			case <-t.failed:
			}
			return
		case <-t.failed:
			return
		case <-ticker.C:
			if t.producer.TxnStatus()&sarama.ProducerTxnFlagInError != 0 {
				t.fail(fmt.Errorf("a transaction on %s partition %d: another owner has taken over, or the broker refused it: %w",
					t.topic, t.partition, errSessionOver))
				return
			}
		}
	}
}

func (t *transaction) committed(offset int64) {
	t.mu.Lock()
	finish := t.waiting
	t.waiting, t.open, t.offset = nil, false, offset
	t.mu.Unlock()
	finish(nil, nil)
}

// end is the offset of the last record of the last committed transaction.
func (t *transaction) end() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.offset
}

func (t *transaction) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// fail ends the transaction and everything after it. The transactional.id is
// given up without a word to the broker: closing may wait for a broker that does
// not answer, so nobody waits for it.
func (t *transaction) fail(err error) {
	t.mu.Lock()
	finish := t.waiting
	t.waiting = nil
	if t.err == nil {
		t.err = err
		close(t.failed)
	}
	err = t.err
	t.mu.Unlock()
	if finish != nil {
		finish(nil, err)
	}
	t.closed.Do(func() {
		go func() {
			t.using.Lock()
			defer t.using.Unlock()
			t.producer.AsyncClose()
		}()
	})
}
