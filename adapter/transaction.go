package adapter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/kafka"
)

// transaction writes one partition of a group table, in one Kafka transaction
// after the other, as the only owner of its transactional.id. Any error ends
// it for good: its owner gives up the partition, and whoever takes it over
// aborts what was left open.
type transaction struct {
	id        string // transactional.id
	producer  sarama.AsyncProducer
	topic     string
	partition int32
	last      string // the key of the record that ends a transaction
	fence     codec.Fence
	fenceAt   int64 // its offset

	hopeless *atomic.Bool // see kafka.Cluster.TransactionConfig
	renewal  *renewal     // asked for when the producer has sent as much as it may; may be nil
	records  int64        // sent by the producer; used by one goroutine at a time

	mu      sync.Mutex
	session context.Context // of the real session, which a fenced owner is about to lose
	dropped func()          // is told that records are not written since the session is over; may be nil
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

const (
	// statusInterval is how often a commit looks whether the producer has failed:
	// a fenced one may say nothing, and go on retrying.
	statusInterval = 20 * time.Millisecond
	// refusalPatience is how long a producer that has failed may take to say why.
	refusalPatience = 5 * time.Second
	// fencedPatience is how long the group may take to tell a fenced owner that its
	// session is over: some heartbeats.
	fencedPatience = time.Second
)

// errRefused is a transaction that failed without the producer saying why.
var errRefused = errors.New("the broker refused the transaction, or another owner has taken it over")

// takeOver makes this process the owner of a table partition: it takes over the
// transactional.id, which fences the owner before, and writes a committed fence
// record. A restore up to the fence sees everything that any owner committed.
// The owner's name in the fence must not have been used before. The session ends
// when the partition is to be given up; ctx may end before.
func takeOver(ctx context.Context, s Settings, purpose, topic string, partition int32, id, last, owner string) (*transaction, error) {
	hopeless := &atomic.Bool{}
	p, closed, err := connectOwner(ctx, s.Cluster, s.Cluster.TransactionConfig(purpose, id, hopeless), hopeless)
	if err != nil {
		if errors.Is(err, errSessionOver) {
			return nil, err
		}
		return nil, kafka.Explain(fmt.Errorf("taking over transactional.id %s: %w", id, err), kafka.OnTransactions("Write", id))
	}
	t := newTransaction(ctx, p, id, topic, partition, last, hopeless, closed)
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

// connectOwner connects the producer of a transactional.id, which takes it over. What
// it returns closes what the producer leaves open. When ctx ends before, nothing of
// it goes on: a take-over that comes late would fence the owner that came after.
func connectOwner(ctx context.Context, cluster *kafka.Cluster, c *sarama.Config, hopeless *atomic.Bool) (sarama.AsyncProducer, func(), error) {
	type made struct {
		producer sarama.AsyncProducer
		client   sarama.Client
		err      error
	}
	clients, producers := make(chan made, 1), make(chan made, 1)
	go func() {
		client, err := cluster.SaramaClient(c)
		clients <- made{client: client, err: err}
	}()
	var client sarama.Client
	select {
	case m := <-clients:
		if m.err != nil {
			return nil, nil, m.err
		}
		client = m.client
	case <-ctx.Done():
		go func() {
			if m := <-clients; m.err == nil {
				_ = m.client.Close()
			}
		}()
		return nil, nil, errSessionOver
	}
	closed := func() { _ = client.Close() }
	go func() {
		p, err := sarama.NewAsyncProducerFromClient(client)
		producers <- made{producer: p, err: err}
	}()
	select {
	case m := <-producers:
		if m.err != nil {
			closed()
			return nil, nil, m.err
		}
		return m.producer, closed, nil
	case <-ctx.Done():
		hopeless.Store(true)
		closed() // what is tried again now sends nothing any more
		go func() {
			if m := <-producers; m.err == nil {
				m.producer.AsyncClose()
			}
		}()
		return nil, nil, errSessionOver
	}
}

// newTransaction returns a transaction of a producer. When the producer has come to
// its end, closed is called.
func newTransaction(session context.Context, p sarama.AsyncProducer, id, topic string, partition int32, last string, hopeless *atomic.Bool, closed func()) *transaction {
	t := &transaction{id: id, producer: p, topic: topic, partition: partition, last: last, session: session, hopeless: hopeless,
		failed: make(chan struct{}), acks: make(chan int64, 1)}
	var ended sync.WaitGroup
	ended.Go(func() {
		for m := range p.Successes() {
			if _, end := m.Metadata.(endOfTransaction); end {
				t.acks <- m.Offset
			}
		}
	})
	ended.Go(func() {
		var first sync.Once
		for e := range p.Errors() {
			first.Do(func() {
				err := t.explain(fmt.Errorf("writing to %s partition %d: %w", topic, partition, e.Err))
				go t.refuse(err)
			})
		}
	})
	go func() {
		ended.Wait()
		closed()
	}()
	return t
}

// explain says what to do about an error of the transaction, if no second try mends it.
func (t *transaction) explain(err error) error {
	return kafka.Explain(err, kafka.OnTopic("Write", t.topic), kafka.OnTransactions("Write", t.id))
}

// belongsTo names the session that ends when the partition is to be given up.
func (t *transaction) belongsTo(s *session, r *renewal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.session, t.dropped, t.renewal = s.real(), s.drop, r
}

// refuse ends the transaction with what the producer says. An owner that was fenced is
// about to hear from its group that its session is over, which is no fault.
func (t *transaction) refuse(err error) {
	if !kafka.Fenced(err) {
		t.fail(err)
		return
	}
	t.mu.Lock()
	session := t.session
	t.mu.Unlock()
	select {
	case <-session.Done():
		t.fail(fmt.Errorf("%w: another owner has taken over: %w", errSessionOver, err))
	case <-t.failed:
	case <-time.After(fencedPatience):
		t.fail(fmt.Errorf("another owner has taken over: %w", err))
	}
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
	if t.records++; t.records == renewAfter {
		t.mu.Lock()
		r := t.renewal
		t.mu.Unlock()
		r.ask()
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
	var unexplained <-chan time.Time
	for {
		select {
		case err := <-done:
			if err != nil {
				t.refuse(t.explain(fmt.Errorf("committing a transaction on %s partition %d: %w", t.topic, t.partition, err)))
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
			if unexplained == nil && t.producer.TxnStatus()&sarama.ProducerTxnFlagInError != 0 {
				t.hopeless.Store(true) // it says why when it has tried often enough
				unexplained = time.After(refusalPatience)
			}
		case <-unexplained:
			t.fail(fmt.Errorf("a transaction on %s partition %d: %w", t.topic, t.partition, errRefused))
			return
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
	dropped := t.dropped
	t.mu.Unlock()
	if dropped != nil && errors.Is(err, errSessionOver) {
		dropped()
	}
	if finish != nil {
		finish(nil, err)
	}
	t.hopeless.Store(true) // whatever is retried, nobody waits for it
	t.closed.Do(func() {
		go func() {
			t.using.Lock()
			defer t.using.Unlock()
			t.producer.AsyncClose()
		}()
	})
}
