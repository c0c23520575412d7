package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// txnLog is a log of which CommittedEnd is asked.
type txnLog struct {
	*kafkatest.Log
	t       *testing.T
	cluster *kafka.Cluster
}

func newTxnLog(t *testing.T, brokers []string, config map[string]*string) *txnLog {
	t.Helper()
	l := &txnLog{Log: kafkatest.NewLog(t, brokers, config), t: t, cluster: kafka.New(kafka.Config{Brokers: brokers, ClientID: "test"})}
	t.Cleanup(l.cluster.Close)
	return l
}

func (l *txnLog) requireEnd(want int64, what string) {
	l.t.Helper()
	// A transaction's end is answered before its marker is written: the last
	// stable offset follows a moment later, so this waits for the answer.
	var got int64
	deadline := time.Now().Add(5 * time.Second)
	for {
		var err error
		got, err = l.cluster.CommittedEnd(l.t.Context(), l.Topic, 0)
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
	got, err := l.cluster.CommittedEnd(l.t.Context(), l.Topic, 0)
	require.NoError(l.t, err, what)
	require.Equal(l.t, want, got, what)
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
	committedEndScenario(t, brokers)
}

func committedEndScenario(t *testing.T, brokers []string) {
	l := newTxnLog(t, brokers, nil)
	l.requireStays(0, "an empty partition")

	aborted := l.Begin("first", 10)
	l.End("first", kgo.TryAbort)
	l.Settled(aborted)
	l.requireStays(0, "a partition with nothing but an aborted transaction")

	last := l.Write(3)
	l.requireStays(last+1, "plain records")

	last = l.Begin("a", 5)
	l.End("a", kgo.TryCommit)
	l.requireEnd(last+1, "a committed transaction, whose marker is the last offset")

	for range 40 {
		aborted = l.Begin("b", 100)
		l.End("b", kgo.TryAbort)
	}
	l.Settled(aborted)
	l.requireStays(last+1, "many aborted records, over several windows")

	open := l.Begin("a", 4)
	l.requireStays(last+1, "an open transaction at the end")
	behind := l.Write(2)
	l.requireStays(last+1, "plain records behind an open transaction are not readable")
	l.End("a", kgo.TryAbort)
	l.Settled(open)
	l.requireEnd(behind+1, "and are when it has ended")

	open = l.Begin("a", 4)
	last = l.Write(1)
	l.Begin("b", 4)
	l.End("a", kgo.TryCommit)
	l.Settled(open)
	l.requireEnd(last+1, "a transaction that ended before one that is open")
	l.End("b", kgo.TryCommit)
	last = l.Begin("b", 1)
	l.End("b", kgo.TryCommit)
	l.requireEnd(last+1, "and when that has ended too")

	// The aborted batch begins before the first window and ends in it.
	aborted = l.Begin("a", 100)
	l.End("a", kgo.TryAbort)
	l.Settled(aborted)
	l.requireStays(last+1, "an aborted batch that reaches over a window's start")

	l.DeleteBefore(last)
	l.requireStays(last+1, "all but the last committed record deleted")
	l.DeleteBefore(last + 1)
	l.requireStays(last+1, "no record left: the log start offset")
	l.DeleteBefore(last + 50)
	l.requireStays(last+50, "the log start offset in an aborted batch")
	last = l.Write(1)
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
					l.End(id, how)
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
					writes = append(writes, write{last: l.Write(1 + random.IntN(3))})
				default:
					n := 1 + random.IntN(3)
					if random.IntN(4) == 0 {
						n += 60
					}
					last := l.Begin(id, n)
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
	l.Settled(open[id])
}

func TestCommittedEndOfCompactedLog(t *testing.T) {
	cluster, brokers := embeddedBrokers(t)
	compact := "compact"
	l := newTxnLog(t, brokers, map[string]*string{"cleanup.policy": &compact})
	for range 30 {
		l.Begin("a", 100)
		l.End("a", kgo.TryCommit)
	}
	last := l.Begin("a", 1)
	l.End("a", kgo.TryCommit)
	for range 5 {
		aborted := l.Begin("b", 200)
		l.End("b", kgo.TryAbort)
		l.Settled(aborted)
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
		require.NoError(t, l.Plain.ProduceSync(l.t.Context(), record).FirstErr())
	}
	l.requireStays(20, "records of 400 KiB")
}

// Neither an open transaction nor the log before it is read.
func TestCommittedEndReadsLittle(t *testing.T) {
	cluster, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.Write(5000)
	last := l.Begin("a", 5)
	l.End("a", kgo.TryCommit)
	l.Begin("b", 5000)
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
	last := l.Write(3)
	l.requireStays(last+1, "with the first leader")
	leader := cluster.LeaderFor(l.Topic, 0)
	require.NoError(t, cluster.MoveTopicPartition(l.Topic, 0, (leader+1)%3))
	l.requireStays(last+1, "with the next")
}

func TestCommittedEndOfUnknownTopic(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	cluster := kafka.New(kafka.Config{Brokers: brokers, ClientID: "test"})
	t.Cleanup(cluster.Close)
	_, err := cluster.CommittedEnd(t.Context(), "nowhere", 7)
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.ErrorContains(t, err, "topic nowhere partition 7")
	cluster.Close()
	_, err = cluster.CommittedEnd(t.Context(), "nowhere", 7)
	require.ErrorIs(t, err, kgo.ErrClientClosed)
	require.ErrorContains(t, err, "topic nowhere partition 7")
}
