package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// longTransaction is how long brokers leave a [Transaction] open: the default of
	// transaction.max.timeout.ms, the most that they allow.
	longTransaction = 15 * time.Minute
	// abortPatience bounds the end of a transaction that is given up. The brokers end it
	// otherwise.
	abortPatience = 5 * time.Second
)

// Transaction writes records to partitions of one topic: either all become visible to readers of
// committed records, or none. Its methods must not be called concurrently.
type Transaction struct {
	client *kgo.Client
	topic  string
	id     string
	open   bool

	ctx  context.Context // ends at the first failure, which is its cause
	fail context.CancelCauseFunc

	mu      sync.Mutex
	written map[int32]Written // guarded by mu
}

// Written is what a transaction has written to a partition.
type Written struct {
	// First and Last are the lowest and the highest offset, Records how many records there are.
	First, Last, Records int64
}

// Transaction begins a transaction under a transactional.id. It aborts one that an earlier process
// has left open under that id, and fences that process. The brokers abort it after 15 minutes, or
// sooner if their transaction.max.timeout.ms is lower. The caller closes it.
func (c *Cluster) Transaction(ctx context.Context, purpose, topic, id string) (*Transaction, error) {
	var client *kgo.Client
	var err error
	for _, timeout := range []time.Duration{longTransaction, TransactionTimeout} {
		client, err = c.Client(purpose,
			kgo.DefaultProduceTopic(topic),
			kgo.TransactionalID(id),
			kgo.TransactionTimeout(timeout),
			kgo.RequiredAcks(kgo.AllISRAcks()),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(c.config.Compression.franz()),
			kgo.UnknownTopicRetries(2),
			kgo.RecordDeliveryTimeout(time.Minute),
		)
		if err != nil {
			return nil, err
		}
		if _, _, err = client.ProducerID(ctx); err == nil {
			err = client.BeginTransaction()
		}
		if err == nil {
			break
		}
		client.Close()
		if !errors.Is(err, kerr.InvalidTransactionTimeout) {
			break
		}
	}
	if err != nil {
		return nil, Explain(fmt.Errorf("beginning a transaction with transactional.id %s: %w", id, err), OnTransactions(Write, id))
	}
	t := &Transaction{client: client, topic: topic, id: id, open: true, written: map[int32]Written{}}
	t.ctx, t.fail = context.WithCancelCause(context.Background())
	return t, nil
}

// Queue queues a record, which the transaction keeps, for its Partition. It waits while too much is
// on its way. The error is that of an earlier record, or of ctx.
func (t *Transaction) Queue(ctx context.Context, r *Record) error {
	if err := context.Cause(t.ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.client.Produce(ctx, r, func(r *Record, err error) {
		if err != nil {
			t.fail(t.explain(fmt.Errorf("writing to topic %s partition %d: %w", t.topic, r.Partition, err)))
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		w, ok := t.written[r.Partition]
		if !ok {
			w = Written{First: r.Offset, Last: r.Offset}
		}
		t.written[r.Partition] = Written{First: min(w.First, r.Offset), Last: max(w.Last, r.Offset), Records: w.Records + 1}
	})
	return nil
}

// explain adds a hint to an error.
func (t *Transaction) explain(err error) error {
	return Explain(err, OnTopic(Write, t.topic), OnTransactions(Write, t.id))
}

// Flush waits until everything is acknowledged, and returns what was written, by partition. None of
// it is visible yet.
func (t *Transaction) Flush(ctx context.Context) (map[int32]Written, error) {
	if err := t.client.Flush(ctx); err != nil {
		return nil, fmt.Errorf("writing to topic %s: %w", t.topic, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written, context.Cause(t.ctx)
}

// Commit makes visible what was written. After an error it may be visible or not, and never in
// part.
func (t *Transaction) Commit(ctx context.Context) error {
	if _, err := t.Flush(ctx); err != nil {
		return err
	}
	t.open = false
	// Once asked, the brokers commit, whether their answer is waited for or not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := t.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return t.explain(fmt.Errorf("committing the transaction on topic %s: %w", t.topic, err))
	}
	return nil
}

// Close aborts what was not committed.
func (t *Transaction) Close() {
	if t.open {
		ctx, cancel := context.WithTimeout(context.Background(), abortPatience)
		defer cancel()
		if t.client.AbortBufferedRecords(ctx) == nil {
			_ = t.client.EndTransaction(ctx, kgo.TryAbort) // the brokers abort it otherwise
		}
	}
	t.client.Close()
	t.fail(nil)
}
