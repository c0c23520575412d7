package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
)

// errNoSession says that a record was emitted outside of a session.
var errNoSession = errors.New("there is no session of the consumer group")

// router says to which partition of a topic a record goes, and what of it is the
// value to send.
type router func(topic, key string, value []byte) (partition int32, send []byte, err error)

// producer is the goka.Producer of one processor. Records of the group table
// go into the transaction of their partition; all others are sent plainly, by
// an idempotent producer that retries without end.
//
// Everything belongs to a session: when it ends, Emit returns at once and all
// open promises end with an error. goka waits for both.
type producer struct {
	plain sarama.AsyncProducer
	route router
	table string // the group table, empty if there is none
	with  string // a topic whose records go into the transactions too, empty if there is none

	deadLetters *deadLetters // sends dead letters; nil if there are none
	closing     sync.RWMutex

	traces *traces // of records that are sent plainly

	mu           sync.Mutex
	sent         map[topicPartition]int64
	session      *session // nil if there is none
	transactions map[int32]*transaction
	open         map[*emission]struct{}
	drained      sync.WaitGroup
}

type topicPartition struct {
	topic     string
	partition int32
}

// emission is one record on its way.
type emission struct {
	finish goka.PromiseFinisher
	letter *processors.DeadLetter // of a dead letter
}

// newProducer returns a producer that sends plain records through p and closes
// it in the end.
func newProducer(p sarama.AsyncProducer, route router, table string) *producer {
	out := &producer{plain: p, route: route, table: table,
		sent: make(map[topicPartition]int64), open: make(map[*emission]struct{})}
	out.drain(p)
	return out
}

// sendDeadLetters has dead letters sent by l, whose producer is closed in the end.
func (p *producer) sendDeadLetters(l *deadLetters) {
	p.deadLetters = l
	p.drain(l.plain)
}

// drain ends the promises of records that were sent through a producer.
func (p *producer) drain(from sarama.AsyncProducer) {
	p.drained.Go(func() {
		for m := range from.Successes() {
			p.settle(m.Metadata.(*emission), nil)
		}
	})
	p.drained.Go(func() {
		for e := range from.Errors() {
			if p.deadLetters != nil && from == p.deadLetters.plain {
				if again := p.deadLetters.again(e.Msg, e.Err); again != nil {
					go p.input(from, again) // the producer may wait for this loop
					continue
				}
			}
			p.settle(e.Msg.Metadata.(*emission), kafka.Explain(
				fmt.Errorf("sending to %s partition %d: %w", e.Msg.Topic, e.Msg.Partition, e.Err), kafka.OnTopic(kafka.Write, e.Msg.Topic)))
		}
	})
}

// input hands a record to a producer, while its session lives.
func (p *producer) input(to sarama.AsyncProducer, m *sarama.ProducerMessage) {
	p.closing.RLock()
	defer p.closing.RUnlock()
	e := m.Metadata.(*emission)
	p.mu.Lock()
	_, open := p.open[e]
	s := p.session
	p.mu.Unlock()
	if !open {
		return // its session is over, and the producer may be closed
	}
	select {
	case to.Input() <- m:
	case <-s.ctx.Done():
		p.settle(e, errSessionOver)
	}
}

// begin opens a session, after what is left of the one before. The transactions, by
// partition, are for the group table.
func (p *producer) begin(s *session, transactions map[int32]*transaction) {
	p.mu.Lock()
	before := p.session
	p.mu.Unlock()
	if before != nil {
		p.end(before)
	}
	for _, t := range transactions {
		t.BelongsTo(s.real(), s.drop, func() { s.fail(ErrRestart) })
	}
	p.mu.Lock()
	p.session, p.transactions = s, transactions
	p.mu.Unlock()
	context.AfterFunc(s.ctx, func() { p.end(s) })
}

// end ends every promise of the session.
func (p *producer) end(s *session) {
	p.mu.Lock()
	if p.session != s {
		p.mu.Unlock()
		return
	}
	open, transactions := p.open, p.transactions
	p.session, p.open, p.transactions = nil, make(map[*emission]struct{}), nil
	p.mu.Unlock()
	if len(open) > 0 {
		s.drop()
	}
	for e := range open {
		e.finish(nil, errSessionOver)
	}
	for _, t := range transactions {
		t.GiveUp(errSessionOver)
	}
}

// sentTo is the number of plain records that were sent to a partition.
func (p *producer) sentTo(topic string, partition int32) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[topicPartition{topic, partition}]
}

// settle ends the promise of a record that was acknowledged or refused.
func (p *producer) settle(e *emission, err error) {
	p.mu.Lock()
	_, ok := p.open[e]
	delete(p.open, e)
	s := p.session
	p.mu.Unlock()
	if !ok {
		return
	}
	switch {
	case errors.Is(err, errSessionOver):
		s.drop()
	case err != nil:
		s.fail(err) // goka loses its type
	}
	e.finish(nil, err)
}

// Emit implements goka.Producer.
func (p *producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders implements goka.Producer.
func (p *producer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise, finish := goka.NewPromiseWithFinisher()
	partition, value, err := p.route(topic, key, value)
	if err != nil {
		return finish(nil, fmt.Errorf("sending to %s: %w", topic, err))
	}
	if topic == p.table || p.with != "" && topic == p.with {
		p.write(topic, partition, key, value, finish)
	} else {
		p.send(topic, partition, key, value, headers, finish)
	}
	return promise
}

// write puts a record of the group table, or of what is written with it, into its partition's transaction. An empty
// value is a tombstone.
func (p *producer) write(topic string, partition int32, key string, value []byte, finish goka.PromiseFinisher) {
	p.mu.Lock()
	s, t := p.session, p.transactions[partition]
	p.mu.Unlock()
	switch {
	case s == nil:
		finish(nil, errNoSession)
	case t == nil:
		finish(nil, fmt.Errorf("writing to %s partition %d: it is not owned", topic, partition))
	case topic != p.table:
		finish(nil, t.Add(s.ctx, &kafka.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: value}))
	case len(value) == 0:
		finish(nil, t.Add(s.ctx, &kafka.Record{Topic: topic, Partition: partition, Key: []byte(key),
			Headers: []kafka.Header{{Key: codec.HeaderRemoved, Value: []byte(codec.RemovedForgotten)}}}))
	case key == t.last:
		t.Commit(s.ctx, key, value, func(err error) { finish(nil, err) })
	default:
		finish(nil, t.Write(s.ctx, key, value))
	}
}

// send sends a record plainly.
func (p *producer) send(topic string, partition int32, key string, value []byte, headers goka.Headers, finish goka.PromiseFinisher) {
	e := &emission{finish: finish}
	p.mu.Lock()
	s := p.session
	renew := false
	if s != nil {
		p.open[e] = struct{}{}
		to := topicPartition{topic, partition}
		p.sent[to]++
		renew = p.sent[to] == kafka.MostRecords
	}
	p.mu.Unlock()
	if renew {
		s.fail(ErrRestart)
	}
	if s == nil {
		finish(nil, errNoSession)
		return
	}
	if p.deadLetters != nil && topic == p.deadLetters.topic {
		m, err := p.deadLetters.record(e, partition, key, value, headers)
		if err != nil {
			p.settle(e, fmt.Errorf("making a dead letter: %w", err))
			return
		}
		p.input(p.deadLetters.plain, m)
		return
	}
	m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Key: sarama.StringEncoder(key), Metadata: e}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	for name, v := range headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: v})
	}
	m.Headers = append(m.Headers, p.traces.headers(topic, key, value)...)
	p.input(p.plain, m)
}

// Close implements goka.Producer. What cannot be sent any more is given up:
// its session is over.
func (p *producer) Close() error {
	p.closing.Lock() // no send is under way
	defer p.closing.Unlock()
	p.plain.AsyncClose()
	if p.deadLetters != nil {
		p.deadLetters.plain.AsyncClose()
	}
	return nil
}
