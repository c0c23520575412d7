package pipeline

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

// eachCluster runs a test on the embedded broker and on Apache Kafka.
func eachCluster(t *testing.T, test func(t *testing.T, c *kafkatest.Cluster)) {
	t.Run("embedded", func(t *testing.T) { test(t, kafkatest.Embedded(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, kafkatest.Real(t, 1)) })
}

// write writes a record, and waits for the commit if it is the last one.
func write(ctx context.Context, tx *transaction, key, value string, end bool) error {
	if !end {
		return tx.Write(ctx, key, []byte(value))
	}
	kept := make(chan error, 1)
	tx.Commit(ctx, key, []byte(value), func(err error) { kept <- err })
	select {
	case err := <-kept:
		return err
	case <-time.After(30 * time.Second):
		return context.DeadlineExceeded
	}
}

func TestTakeOverFencesTheOwnerBefore(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *kafkatest.Cluster) {
		ctx := t.Context()
		topo, err := topology.New(topology.Config{Prefix: kafkatest.Prefix(t)})
		require.NoError(t, err)
		kafkatest.CreateTopic(t, c, topo.HeatTable, 1, "cleanup.policy", "compact")
		s := Settings{Cluster: kafka.New(kafka.Config{Brokers: c.Brokers(), ClientID: "test"}), Topology: topo, Logger: slog.New(slog.DiscardHandler)}
		take := func(owner string) *transaction {
			tx, err := takeOver(ctx, s, kafka.Ownership{Purpose: "heat", Topic: topo.HeatTable, ID: topo.HeatTransactionalID(0)}, codec.ProgressKey(0), owner)
			require.NoError(t, err)
			t.Cleanup(func() { tx.GiveUp(errSessionOver) })
			return tx
		}
		old := take("old")
		require.NoError(t, write(ctx, old, "page", "1", false))
		require.NoError(t, write(ctx, old, codec.ProgressKey(0), "p1", true), "the owner commits")
		committed := old.End()
		require.Equal(t, old.fenceAt+3, committed, "a control record, then the page and the progress")

		require.NoError(t, write(ctx, old, "page", "2", false), "and is frozen in the middle of the next")
		owner := take("new")
		require.Error(t, write(ctx, old, codec.ProgressKey(0), "p2", true), "thawed, it cannot put an old state over a newer one")
		require.Error(t, write(ctx, old, "page", "3", false), "and stays fenced")
		require.NoError(t, write(ctx, owner, codec.ProgressKey(0), "p3", true))

		var keys []string
		for _, r := range kafkatest.Read(t, c, topo.HeatTable, 5) {
			keys = append(keys, string(r.Key)+"="+string(r.Value))
		}
		require.Equal(t, []string{"page=1", "|progress|0=p1", "|progress|0=p3"}, []string{keys[1], keys[2], keys[4]})
	})
}

func TestAKeptPartitionNeedsNoFetchWhenNobodyElseWrote(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *kafkatest.Cluster) {
		topo, err := topology.New(topology.Config{Prefix: kafkatest.Prefix(t)})
		require.NoError(t, err)
		kafkatest.CreateTopic(t, c, topo.HeatTable, 1, "cleanup.policy", "compact")
		s := Settings{Cluster: kafka.New(kafka.Config{Brokers: c.Brokers(), ClientID: "test"}), Topology: topo, Logger: slog.New(slog.DiscardHandler)}
		at := int64(-1)
		for range 3 {
			tx, err := takeOver(t.Context(), s, kafka.Ownership{Purpose: "heat", Topic: topo.HeatTable, ID: topo.HeatTransactionalID(0)}, codec.ProgressKey(0), "owner")
			require.NoError(t, err)
			if at >= 0 {
				require.Equal(t, at+2, tx.fenceAt, "one control record between the last transaction and the fence")
			}
			require.NoError(t, write(t.Context(), tx, codec.ProgressKey(0), "p", true))
			at = tx.End()
			tx.GiveUp(errSessionOver)
		}
	})
}

// soon is what comes through a channel, and must not be long in coming.
func soon[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// failedProducer is a producer that answers nothing.
type failedProducer struct {
	sarama.AsyncProducer
	input     chan *sarama.ProducerMessage
	errors    chan *sarama.ProducerError
	successes chan *sarama.ProducerMessage
}

func newFailedProducer() *failedProducer {
	return &failedProducer{input: make(chan *sarama.ProducerMessage, 16), errors: make(chan *sarama.ProducerError),
		successes: make(chan *sarama.ProducerMessage)}
}

func (p *failedProducer) Input() chan<- *sarama.ProducerMessage     { return p.input }
func (p *failedProducer) Errors() <-chan *sarama.ProducerError      { return p.errors }
func (p *failedProducer) Successes() <-chan *sarama.ProducerMessage { return p.successes }
func (p *failedProducer) AsyncClose()                               { close(p.errors); close(p.successes) }

// fakeOwner knows whether it was given up.
type fakeOwner struct {
	tableOwner
	givenUp error
}

func (o *fakeOwner) BelongsTo(context.Context, func(), func()) {}
func (o *fakeOwner) GiveUp(err error)                          { o.givenUp = err }

// TestANewSessionEndsTheOneBefore: its promises and its transactions, though nothing has
// said yet that it is over.
func TestANewSessionEndsTheOneBefore(t *testing.T) {
	plain := newFailedProducer()
	t.Cleanup(plain.AsyncClose)
	out := newProducer(plain, onlyPartition, "table")
	first, before := testSession(&fakeSession{ctx: t.Context()}), &fakeOwner{}
	out.begin(first, map[int32]*transaction{0: {tableOwner: before}})
	promised := make(chan error, 1)
	out.Emit("leaders", "", nil).Then(func(err error) { promised <- err })

	second, now := testSession(&fakeSession{ctx: t.Context()}), &fakeOwner{}
	out.begin(second, map[int32]*transaction{0: {tableOwner: now}})
	require.ErrorIs(t, soon(t, promised), errSessionOver)
	require.ErrorIs(t, before.givenUp, errSessionOver)
	require.NoError(t, now.givenUp)

	first.cancel() // its end is heard late
	out.end(first)
	require.NoError(t, now.givenUp)
	second.cancel()
}

// tableSettings are those of a process on a cluster with a heat table of one partition.
func tableSettings(t *testing.T, c *kafkatest.Cluster) (Settings, *topology.Topology) {
	topo, err := topology.New(topology.Config{Prefix: kafkatest.Prefix(t)})
	require.NoError(t, err)
	kafkatest.CreateTopic(t, c, topo.HeatTable, 1, "cleanup.policy", "compact")
	return Settings{Cluster: testCluster(t, c), Topology: topo, Logger: slog.New(slog.DiscardHandler)}, topo
}
