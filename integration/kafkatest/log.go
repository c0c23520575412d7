package kafkatest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Log is a topic of one partition that a test writes to with and without transactions.
type Log struct {
	Topic string
	// Plain writes without transactions.
	Plain *kgo.Client

	t       *testing.T
	ctx     context.Context
	brokers []string
	writers map[string]*kgo.Client
	sent    int
}

// NewLog creates a topic with some settings and replication 1.
func NewLog(t *testing.T, brokers []string, config map[string]*string) *Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	l := &Log{Topic: fmt.Sprintf("committed-%d", rand.Int64()), t: t, ctx: ctx, brokers: brokers, writers: make(map[string]*kgo.Client)}
	l.Plain = l.client()
	_, err := kadm.NewClient(l.Plain).CreateTopic(ctx, 1, 1, config, l.Topic)
	require.NoError(t, err)
	return l
}

func (l *Log) client(opts ...kgo.Opt) *kgo.Client {
	l.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(l.brokers...), kgo.DefaultProduceTopic(l.Topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	require.NoError(l.t, err)
	l.t.Cleanup(client.Close)
	return client
}

// Write sends n records in one batch and returns the offset of the last.
func (l *Log) Write(n int) int64 { l.t.Helper(); return l.write(l.Plain, n) }

func (l *Log) write(client *kgo.Client, n int) int64 {
	l.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		l.sent++
		records[i] = kgo.KeyStringRecord(fmt.Sprintf("key%d", l.sent%50), fmt.Sprintf("value %d", l.sent))
	}
	require.NoError(l.t, client.ProduceSync(l.ctx, records...).FirstErr())
	return records[n-1].Offset
}

// Begin writes n records in a transaction of the given id and leaves it open. It returns
// the offset of the last.
func (l *Log) Begin(id string, n int) int64 {
	l.t.Helper()
	if l.writers[id] == nil {
		l.writers[id] = l.client(kgo.TransactionalID(l.Topic + id))
	}
	require.NoError(l.t, l.writers[id].BeginTransaction())
	return l.write(l.writers[id], n)
}

// End ends the transaction of an ID. Its marker is written a moment later; see Settled.
func (l *Log) End(id string, how kgo.TransactionEndTry) {
	l.t.Helper()
	require.NoError(l.t, l.writers[id].EndTransaction(l.ctx, how))
}

// Settled waits until no transaction is open before offset.
func (l *Log) Settled(offset int64) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		stable, err := kadm.NewClient(l.Plain).ListCommittedOffsets(l.ctx, l.Topic)
		require.NoError(l.t, err)
		at, _ := stable.Lookup(l.Topic, 0)
		return at.Offset > offset
	}, 10*time.Second, 5*time.Millisecond)
}

// DeleteBefore deletes the records below an offset.
func (l *Log) DeleteBefore(offset int64) {
	l.t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(l.Topic, 0, offset, -1)
	_, err := kadm.NewClient(l.Plain).DeleteRecords(l.ctx, offsets)
	require.NoError(l.t, err)
}
