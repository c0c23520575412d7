package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// ErrSessionOver says that a session of a consumer group ended before something began, or
// while it was under way. It is not a fault.
var ErrSessionOver = errors.New("the session of the consumer group is over")

// MostRecords is the maximum number of records that a producer sends to one partition: their
// sequence numbers have 31 bits, and sarama does not wrap around.
const MostRecords = 1 << 30

// Ownership is what an Owner owns.
type Ownership struct {
	// Purpose is named in the client.id.
	Purpose string
	// Topic and Partition are of a table.
	Topic     string
	Partition int32
	// ID is the transactional.id, which belongs to the partition.
	ID string
	// Largest is the maximum size of a record; 0 stands for that of a page's.
	Largest int
}

// Owner writes one partition of a table, in one Kafka transaction after the other, as the
// only owner of its transactional.id. Any error ends it for good: its owner gives up
// the partition, and the next owner aborts what was left open.
type Owner struct {
	Ownership
	producer sarama.AsyncProducer
	takenAt  int64 // the offset of the record that it was taken over with

	hopeless *atomic.Bool // see Cluster.transactionConfig
	records  int64        // sent by the producer; used by one goroutine at a time
	free     sync.Pool    // of *tableRecord

	ctx  context.Context // ends when the owner has failed; its cause says why
	stop context.CancelCauseFunc

	mu      sync.Mutex
	session context.Context // of the real session, which a fenced owner is about to lose
	dropped func()          // is told that records are not written since the session is over; may be nil
	renew   func()          // is told that the producer has sent as much as it may; may be nil
	open    bool
	offset  int64       // of the last record of the last committed transaction
	waiting func(error) // of the record that ends the open transaction

	acks chan int64 // the offset of the record that ends the transaction

	// using is held for reading while the producer is used: closing it then would
	// make sarama panic.
	using  sync.RWMutex
	closed sync.Once
}

// tableRecord is a record of the table on its way, and the metadata of its message. A commit writes hundreds of thousands:
// each is in one piece, and is used again when it is acknowledged.
type tableRecord struct {
	message    sarama.ProducerMessage
	key, value encoded
	end        bool // of a transaction
}

// encoded are bytes as sarama asks for them.
type encoded []byte

func (e *encoded) Encode() ([]byte, error) { return *e, nil }
func (e *encoded) Length() int             { return len(*e) }

const (
	// statusInterval is how often a commit checks whether the producer has failed:
	// a fenced one may report nothing and keep retrying.
	statusInterval = 20 * time.Millisecond
	// refusalPatience is how long a failed producer may take to report the reason.
	refusalPatience = 5 * time.Second
	// fencedPatience is how long the group may take to tell a fenced owner that its
	// session is over: some heartbeats.
	fencedPatience = time.Second
)

// errRefused is a transaction that failed without the producer saying why.
var errRefused = errors.New("the broker refused the transaction, or another owner has taken it over")

// TakeOver makes this process the owner of a table partition: it takes over the
// transactional.id, which fences the earlier owner, and commits a record. A restore up to
// that record sees everything that any owner committed. ctx is that of the session, and
// ends when the partition must be given up: then, and when it ends before, the error is
// ErrSessionOver.
func (c *Cluster) TakeOver(ctx context.Context, own Ownership, key string, value []byte) (*Owner, error) {
	hopeless := &atomic.Bool{}
	p, closed, err := c.connectOwner(ctx, c.transactionConfig(own, hopeless), hopeless)
	if err != nil {
		if errors.Is(err, ErrSessionOver) {
			return nil, err
		}
		return nil, Explain(fmt.Errorf("taking over transactional.id %s: %w", own.ID, err), OnTransactions(Write, own.ID))
	}
	o := newOwner(ctx, p, own, hopeless, closed)
	written := make(chan error, 1)
	o.Commit(ctx, key, value, func(err error) { written <- err })
	select {
	case err := <-written:
		if err != nil {
			o.GiveUp(err)
			return nil, fmt.Errorf("taking over %s partition %d: %w", own.Topic, own.Partition, err)
		}
		o.takenAt = o.End()
		return o, nil
	case <-ctx.Done():
		o.GiveUp(ErrSessionOver)
		return nil, ErrSessionOver
	}
}

// TakenAt is the offset of the record that the partition was taken over with.
func (o *Owner) TakenAt() int64 { return o.takenAt }

// connectOwner connects the producer of a transactional.id, which takes it over. What
// it returns closes what the producer leaves open. If ctx ends before, the take-over
// stops: a late one would fence the next owner.
func (c *Cluster) connectOwner(ctx context.Context, config *sarama.Config, hopeless *atomic.Bool) (sarama.AsyncProducer, func(), error) {
	type made struct {
		producer sarama.AsyncProducer
		client   sarama.Client
		err      error
	}
	clients, producers := make(chan made, 1), make(chan made, 1)
	go func() {
		client, err := c.saramaClient(config)
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
		return nil, nil, ErrSessionOver
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
		return nil, nil, ErrSessionOver
	}
}

// newOwner returns an owner that writes with a producer. When the producer has come to
// its end, closed is called.
func newOwner(session context.Context, p sarama.AsyncProducer, own Ownership, hopeless *atomic.Bool, closed func()) *Owner {
	o := &Owner{Ownership: own, producer: p, session: session, hopeless: hopeless, acks: make(chan int64, 1)}
	o.ctx, o.stop = context.WithCancelCause(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		for m := range p.Successes() {
			if r, ok := m.Metadata.(*tableRecord); ok {
				if r.end {
					o.acks <- m.Offset
				}
				r.value = nil // which the caller owns
				o.free.Put(r)
			}
		}
	})
	ended.Go(func() {
		var first sync.Once
		for e := range p.Errors() {
			first.Do(func() {
				err := Explain(fmt.Errorf("writing to %s partition %d: %w", e.Msg.Topic, e.Msg.Partition, e.Err),
					OnTopic(Write, e.Msg.Topic), OnTransactions(Write, own.ID))
				go o.refuse(err)
			})
		}
	})
	go func() {
		ended.Wait()
		closed()
	}()
	return o
}

// explain adds a hint to an error of the transaction if it is permanent.
func (o *Owner) explain(err error) error {
	return Explain(err, OnTopic(Write, o.Topic), OnTransactions(Write, o.ID))
}

// BelongsTo names the session that ends when the partition must be given up. dropped is
// told when records are not written since it is over, and renew when the producer has sent
// as much as it may. Both may be nil.
func (o *Owner) BelongsTo(session context.Context, dropped, renew func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.session, o.dropped, o.renew = session, dropped, renew
}

// refuse ends the transaction with what the producer says. An owner that was fenced is
// about to hear from its group that its session is over, which is no fault.
func (o *Owner) refuse(err error) {
	if !Fenced(err) {
		o.GiveUp(err)
		return
	}
	o.mu.Lock()
	session := o.session
	o.mu.Unlock()
	select {
	case <-session.Done():
		o.GiveUp(fmt.Errorf("%w: another owner has taken over: %w", ErrSessionOver, err))
	case <-o.ctx.Done():
	case <-time.After(fencedPatience):
		o.GiveUp(fmt.Errorf("another owner has taken over: %w", err))
	}
}

// Write adds a record of the table to the transaction, beginning one if none is open. It returns once
// the record is queued.
func (o *Owner) Write(ctx context.Context, key string, value []byte) error {
	if err := o.begin(nil); err != nil {
		return err
	}
	o.queue(ctx, o.record(key, value, false))
	return o.Err()
}

// Add adds a record of any topic, for its Partition, to the transaction, beginning one if none is
// open. It returns once the record is queued.
func (o *Owner) Add(ctx context.Context, r *Record) error {
	if err := o.begin(nil); err != nil {
		return err
	}
	m := &sarama.ProducerMessage{Topic: r.Topic, Partition: r.Partition, Key: sarama.ByteEncoder(r.Key)}
	if r.Value != nil { // else it is a tombstone
		m.Value = sarama.ByteEncoder(r.Value)
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	o.queue(ctx, m)
	return o.Err()
}

// Commit adds the record that ends the transaction, and commits it. done is called once,
// with nil when the transaction is committed.
func (o *Owner) Commit(ctx context.Context, key string, value []byte, done func(error)) {
	if err := o.begin(done); err != nil {
		done(err)
		return
	}
	o.queue(ctx, o.record(key, value, true))
	go o.commit()
}

// record is a record of the table; a nil value deletes the key.
func (o *Owner) record(key string, value []byte, end bool) *sarama.ProducerMessage {
	r, ok := o.free.Get().(*tableRecord)
	if !ok {
		r = &tableRecord{}
	}
	r.key, r.value, r.end = append(r.key[:0], key...), value, end
	r.message = sarama.ProducerMessage{Topic: o.Topic, Partition: o.Partition, Metadata: r, Key: &r.key}
	if value != nil {
		r.message.Value = &r.value
	}
	return &r.message
}

// queue hands a record to the producer.
func (o *Owner) queue(ctx context.Context, m *sarama.ProducerMessage) {
	if !o.using.TryRLock() {
		return // it has failed and is being closed
	}
	defer o.using.RUnlock()
	if o.Err() != nil {
		return
	}
	select {
	case o.producer.Input() <- m:
	case <-o.ctx.Done():
	case <-ctx.Done():
		o.GiveUp(ErrSessionOver)
	}
	if o.records++; o.records == MostRecords {
		o.mu.Lock()
		renew := o.renew
		o.mu.Unlock()
		if renew != nil {
			renew()
		}
	}
}

// begin opens a transaction if none is open, and keeps the callback if this record ends it.
func (o *Owner) begin(done func(error)) error {
	if !o.using.TryRLock() {
		return o.Err() // it is being closed
	}
	defer o.using.RUnlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.Err(); err != nil {
		return err
	}
	if !o.open {
		if err := o.producer.BeginTxn(); err != nil {
			return fmt.Errorf("beginning a transaction on %s partition %d: %w", o.Topic, o.Partition, err)
		}
		o.open = true
	}
	if done != nil {
		o.waiting = done
	}
	return nil
}

// commit ends the open transaction.
func (o *Owner) commit() {
	done := make(chan error, 1)
	if !o.using.TryRLock() {
		return // it has failed and is being closed
	}
	go func() {
		defer o.using.RUnlock()
		if err := o.Err(); err != nil {
			done <- err
			return
		}
		done <- o.producer.CommitTxn()
	}()
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	var unexplained <-chan time.Time
	for {
		select {
		case err := <-done:
			if err != nil {
				o.refuse(o.explain(fmt.Errorf("committing a transaction on %s partition %d: %w", o.Topic, o.Partition, err)))
				return
			}
			select {
			case offset := <-o.acks:
				o.committed(offset)
			case <-o.ctx.Done():
			}
			return
		case <-o.ctx.Done():
			return
		case <-ticker.C:
			if unexplained == nil && o.producer.TxnStatus()&sarama.ProducerTxnFlagInError != 0 {
				o.hopeless.Store(true) // it says why when it has tried often enough
				unexplained = time.After(refusalPatience)
			}
		case <-unexplained:
			o.GiveUp(fmt.Errorf("a transaction on %s partition %d: %w", o.Topic, o.Partition, errRefused))
			return
		}
	}
}

func (o *Owner) committed(offset int64) {
	o.mu.Lock()
	done := o.waiting
	o.waiting, o.open, o.offset = nil, false, offset
	o.mu.Unlock()
	if done != nil { // it was not given up meanwhile
		done(nil)
	}
}

// End is the offset of the last record of the last committed transaction.
func (o *Owner) End() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.offset
}

// Err is why the owner failed or was given up; nil while it lives.
func (o *Owner) Err() error { return context.Cause(o.ctx) }

// GiveUp ends the transaction and everything after it, for the first reason that is given.
// The broker is not told that the transactional.id is given up: closing may wait for a
// broker that does not answer, so it is not waited for.
func (o *Owner) GiveUp(err error) {
	o.mu.Lock()
	done := o.waiting
	o.waiting = nil
	o.stop(err)
	dropped := o.dropped
	o.mu.Unlock()
	err = o.Err()
	if dropped != nil && errors.Is(err, ErrSessionOver) {
		dropped()
	}
	if done != nil {
		done(err)
	}
	o.hopeless.Store(true) // retries are not waited for
	o.closed.Do(func() {
		go func() {
			o.using.Lock()
			defer o.using.Unlock()
			o.producer.AsyncClose()
		}()
	})
}
