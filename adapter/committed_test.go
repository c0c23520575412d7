package adapter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/adapter"
	"pageheat/integration/kafkatest"
)

// txnLog writes one partition, by transactions and without, and keeps the answer
// that CommittedEnd must give.
type txnLog struct {
	t       *testing.T
	ctx     context.Context
	brokers []string
	topic   string
	plain   *kgo.Client
	client  sarama.Client
	writers map[string]*kgo.Client
	sent    int
}

func newTxnLog(t *testing.T, brokers []string, config map[string]*string) *txnLog {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	topic := fmt.Sprintf("committed-%d", rand.Int64())
	l := &txnLog{t: t, ctx: ctx, brokers: brokers, topic: topic, writers: make(map[string]*kgo.Client)}
	l.plain = l.kafka()
	_, err := kadm.NewClient(l.plain).CreateTopic(ctx, 1, 1, config, topic)
	require.NoError(t, err)
	l.client, err = sarama.NewClient(brokers, committedConfig())
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.client.Close() })
	return l
}

func committedConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.Return.Errors = true
	config.Consumer.MaxWaitTime = 50 * time.Millisecond
	return config
}

func (l *txnLog) kafka(opts ...kgo.Opt) *kgo.Client {
	l.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(l.brokers...), kgo.DefaultProduceTopic(l.topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	require.NoError(l.t, err)
	l.t.Cleanup(client.Close)
	return client
}

// write sends n records in one batch and returns the offset of the last.
func (l *txnLog) write(client *kgo.Client, n int) int64 {
	l.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		l.sent++
		records[i] = kgo.KeyStringRecord(fmt.Sprintf("key%d", l.sent%50), fmt.Sprintf("value %d", l.sent))
	}
	require.NoError(l.t, client.ProduceSync(l.ctx, records...).FirstErr())
	return records[n-1].Offset
}

// begin writes n records in a transaction of the given id and leaves it open.
func (l *txnLog) begin(id string, n int) int64 {
	l.t.Helper()
	if l.writers[id] == nil {
		l.writers[id] = l.kafka(kgo.TransactionalID(l.topic + id))
	}
	require.NoError(l.t, l.writers[id].BeginTransaction())
	return l.write(l.writers[id], n)
}

func (l *txnLog) end(id string, how kgo.TransactionEndTry) {
	l.t.Helper()
	require.NoError(l.t, l.writers[id].EndTransaction(l.ctx, how))
}

func (l *txnLog) requireEnd(want int64, what string) {
	l.t.Helper()
	// A transaction's end is answered before its marker is written: the last
	// stable offset follows a moment later, so this waits for the answer.
	var got int64
	deadline := time.Now().Add(5 * time.Second)
	for {
		var err error
		got, err = adapter.CommittedEnd(l.client, l.topic, 0)
		require.NoError(l.t, err, what)
		if got == want || time.Now().After(deadline) {
			break
		}
	}
	require.Equal(l.t, want, got, what)
}

// requireStays asks for the end when nothing is under way that could change it.
func (l *txnLog) requireStays(want int64, what string) {
	l.t.Helper()
	got, err := adapter.CommittedEnd(l.client, l.topic, 0)
	require.NoError(l.t, err, what)
	require.Equal(l.t, want, got, what)
}

// settled waits until no transaction is open before offset.
func (l *txnLog) settled(offset int64) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		stable, err := kadm.NewClient(l.plain).ListCommittedOffsets(l.ctx, l.topic)
		require.NoError(l.t, err)
		at, _ := stable.Lookup(l.topic, 0)
		return at.Offset > offset
	}, 10*time.Second, 5*time.Millisecond)
}

func (l *txnLog) deleteBefore(offset int64) {
	l.t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(l.topic, 0, offset, -1)
	_, err := kadm.NewClient(l.plain).DeleteRecords(l.ctx, offsets)
	require.NoError(l.t, err)
}

func embeddedBrokers(t *testing.T) (*kfake.Cluster, []string) {
	t.Helper()
	cluster := kafkatest.Embedded(t)
	return cluster.Fake(), cluster.Brokers()
}

func TestCommittedEnd(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	committedEndScenario(t, brokers)
}

func TestCommittedEndOnKafka(t *testing.T) {
	brokers := kafkatest.Real(t, 1).Brokers()
	t.Run("committed end", func(t *testing.T) { committedEndScenario(t, brokers) })
	t.Run("view", func(t *testing.T) { viewScenario(t, brokers) })
}

func committedEndScenario(t *testing.T, brokers []string) {
	l := newTxnLog(t, brokers, nil)
	l.requireStays(0, "an empty partition")

	aborted := l.begin("first", 10)
	l.end("first", kgo.TryAbort)
	l.settled(aborted)
	l.requireStays(0, "a partition with nothing but an aborted transaction")

	last := l.write(l.plain, 3)
	l.requireStays(last+1, "plain records")

	last = l.begin("a", 5)
	l.end("a", kgo.TryCommit)
	l.requireEnd(last+1, "a committed transaction, whose marker is the last offset")

	for range 40 {
		aborted = l.begin("b", 100)
		l.end("b", kgo.TryAbort)
	}
	l.settled(aborted)
	l.requireStays(last+1, "many aborted records, over several windows")

	open := l.begin("a", 4)
	l.requireStays(last+1, "an open transaction at the end")
	behind := l.write(l.plain, 2)
	l.requireStays(last+1, "plain records behind an open transaction are not readable")
	l.end("a", kgo.TryAbort)
	l.settled(open)
	l.requireEnd(behind+1, "and are when it has ended")

	open = l.begin("a", 4)
	last = l.write(l.plain, 1)
	l.begin("b", 4)
	l.end("a", kgo.TryCommit)
	l.settled(open)
	l.requireEnd(last+1, "a transaction that ended before one that is open")
	l.end("b", kgo.TryCommit)
	last = l.begin("b", 1)
	l.end("b", kgo.TryCommit)
	l.requireEnd(last+1, "and when that has ended too")

	// The aborted batch begins before the first window and ends in it.
	aborted = l.begin("a", 100)
	l.end("a", kgo.TryAbort)
	l.settled(aborted)
	l.requireStays(last+1, "an aborted batch that reaches over a window's start")

	l.deleteBefore(last)
	l.requireStays(last+1, "all but the last committed record deleted")
	l.deleteBefore(last + 1)
	l.requireStays(last+1, "no record left: the log start offset")
	l.deleteBefore(last + 50)
	l.requireStays(last+50, "the log start offset in an aborted batch")
	last = l.write(l.plain, 1)
	l.requireStays(last+1, "written again")
}

// Whatever plain writes, commits, aborts and open transactions follow each
// other, the end is the one that bookkeeping of every write gives.
func TestCommittedEndOfRandomLogs(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			l := newTxnLog(t, brokers, nil)
			type write struct {
				last int64
				id   string // of the open transaction, "" when committed
			}
			var writes []write // in order of their offsets, aborted ones left out
			open := make(map[string]int64)
			for range 40 {
				id := []string{"a", "b", "c"}[random.IntN(3)]
				_, isOpen := open[id]
				switch {
				case isOpen:
					how := kgo.TransactionEndTry(random.IntN(2) == 0)
					l.end(id, how)
					l.settledUnlessOpen(open, id)
					delete(open, id)
					var left []write
					for _, w := range writes {
						if w.id == id && how == kgo.TryAbort {
							continue
						}
						if w.id == id {
							w.id = ""
						}
						left = append(left, w)
					}
					writes = left
				case random.IntN(4) == 0:
					writes = append(writes, write{last: l.write(l.plain, 1+random.IntN(3))})
				default:
					n := 1 + random.IntN(3)
					if random.IntN(4) == 0 {
						n += 60
					}
					last := l.begin(id, n)
					open[id] = last - int64(n) + 1
					writes = append(writes, write{last: last, id: id})
				}
				want := int64(0)
				for _, w := range writes {
					if w.id != "" {
						break // the last stable offset
					}
					want = w.last + 1
				}
				l.requireEnd(want, "after a step")
			}
		})
	}
}

// settledUnlessOpen waits for the end of one transaction, unless an older one
// keeps the last stable offset where it is.
func (l *txnLog) settledUnlessOpen(open map[string]int64, id string) {
	for other, first := range open {
		if other != id && first < open[id] {
			return
		}
	}
	l.settled(open[id])
}

func TestCommittedEndOfCompactedLog(t *testing.T) {
	cluster, brokers := embeddedBrokers(t)
	compact := "compact"
	l := newTxnLog(t, brokers, map[string]*string{"cleanup.policy": &compact})
	for range 30 {
		l.begin("a", 100)
		l.end("a", kgo.TryCommit)
	}
	last := l.begin("a", 1)
	l.end("a", kgo.TryCommit)
	for range 5 {
		aborted := l.begin("b", 200)
		l.end("b", kgo.TryAbort)
		l.settled(aborted)
	}
	cluster.Compact()
	l.requireStays(last+1, "holes in the log and at its end")
}

// A window that one fetch does not hold is read to its end.
func TestCommittedEndOfLargeRecords(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	for range 20 {
		record := kgo.SliceRecord(make([]byte, 400<<10))
		require.NoError(t, l.plain.ProduceSync(l.ctx, record).FirstErr())
	}
	l.requireStays(20, "records of 400 KiB")
}

// Neither an open transaction nor the log before it is read.
func TestCommittedEndReadsLittle(t *testing.T) {
	cluster, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.write(l.plain, 5000)
	last := l.begin("a", 5)
	l.end("a", kgo.TryCommit)
	l.begin("b", 5000)
	l.requireEnd(last+1, "before the open transaction")

	var fetches atomic.Int32
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		fetches.Add(1)
		return nil, nil, false
	})
	l.requireStays(last+1, "before the open transaction")
	require.EqualValues(t, 1, fetches.Load())
}

func TestCommittedEndMovesWithTheLeader(t *testing.T) {
	brokers := kafkatest.Embedded(t, kafkatest.WithBrokers(3))
	cluster := brokers.Fake()
	l := newTxnLog(t, brokers.Brokers(), nil)
	last := l.write(l.plain, 3)
	l.requireStays(last+1, "with the first leader")
	leader := cluster.LeaderFor(l.topic, 0)
	require.NoError(t, cluster.MoveTopicPartition(l.topic, 0, (leader+1)%3))
	l.requireStays(last+1, "with the next")
}

func TestCommittedEndOfUnknownTopic(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	config := committedConfig()
	config.Metadata.Retry.Max = 0
	client, err := sarama.NewClient(brokers, config)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	_, err = adapter.CommittedEnd(client, "nowhere", 7)
	require.ErrorIs(t, err, sarama.ErrClosedClient)
	require.ErrorContains(t, err, "topic nowhere partition 7")
}
