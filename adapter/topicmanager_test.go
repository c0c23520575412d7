package adapter_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	gokacodec "github.com/lovoo/goka/codec"
	"github.com/lovoo/goka/storage"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/adapter"
	"pageheat/kafka"
)

func TestTopicManager(t *testing.T) {
	cluster, brokers := embeddedBrokers(t)
	require.NoError(t, cluster.CreateTopic("three", 3, nil))
	build := func(end adapter.EndFunc) goka.TopicManager {
		manager, err := adapter.TopicManagerBuilder(kafka.New(kafka.Config{Brokers: brokers}), "test", end)(nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, manager.Close()) })
		return manager
	}
	manager := build(nil)

	partitions, err := manager.Partitions("three")
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1, 2}, partitions)

	require.NoError(t, manager.EnsureTableExists("three", 3))
	require.NoError(t, manager.EnsureStreamExists("three", 3))
	require.NoError(t, manager.EnsureTopicExists("three", 3, 2, nil))
	for _, ensure := range []func(string, int) error{
		manager.EnsureTableExists, manager.EnsureStreamExists,
		func(topic string, n int) error { return manager.EnsureTopicExists(topic, n, 1, nil) },
	} {
		require.ErrorContains(t, ensure("three", 4), "has 3 partitions and needs 4")
		require.ErrorContains(t, ensure("missing", 1), `run "pageheat topics create"`)
	}
	_, err = manager.Partitions("missing")
	require.ErrorIs(t, err, sarama.ErrUnknownTopicOrPartition)
	require.Nil(t, cluster.TopicInfo("missing"), "looking must not create")

	l := newTxnLog(t, brokers, nil)
	last := l.begin("a", 5)
	l.end("a", kgo.TryCommit)
	l.settled(last)
	for which, want := range map[int64]int64{sarama.OffsetOldest: 0, sarama.OffsetNewest: last + 1} {
		offset, err := manager.GetOffset(l.topic, 0, which)
		require.NoError(t, err)
		require.Equal(t, want, offset)
	}

	owner := build(func(topic string, partition int32) (int64, error) {
		require.Equal(t, "three", topic)
		return 40 + int64(partition), nil
	})
	offset, err := owner.GetOffset("three", 2, sarama.OffsetNewest)
	require.NoError(t, err)
	require.EqualValues(t, 42, offset)
	offset, err = owner.GetOffset("three", 2, sarama.OffsetOldest)
	require.NoError(t, err)
	require.Zero(t, offset)
}

// recoverWithin is long for a loaded machine: without the right end, a view
// never recovers at all.
const recoverWithin = 10 * time.Second

func TestViewRecoversOverTransactions(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	viewScenario(t, brokers)
}

// A goka view waits for the record before the newest offset: it recovers over
// a table written by transactions only because that offset is the right one.
func viewScenario(t *testing.T, brokers []string) {
	for name, prepare := range map[string]func(l *txnLog){
		"empty":     func(*txnLog) {},
		"committed": func(l *txnLog) { l.begin("a", 20); l.end("a", kgo.TryCommit) },
		"aborted last": func(l *txnLog) {
			l.begin("a", 20)
			l.end("a", kgo.TryCommit)
			l.begin("a", 20)
			l.end("a", kgo.TryAbort)
		},
		"open last": func(l *txnLog) {
			l.begin("a", 20)
			l.end("a", kgo.TryCommit)
			l.begin("b", 20)
		},
		"only aborted": func(l *txnLog) { l.begin("a", 20); l.end("a", kgo.TryAbort) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newTxnLog(t, brokers, nil)
			prepare(l)
			// The consumer's end: what View fetches with, read committed.
			consumer := func(brokers []string, _ string) (sarama.Consumer, error) {
				return sarama.NewConsumer(brokers, committedConfig())
			}
			view, err := goka.NewView(brokers, goka.Table(l.topic), new(gokacodec.String),
				goka.WithViewTopicManagerBuilder(adapter.TopicManagerBuilder(kafka.New(kafka.Config{Brokers: brokers}), "test", nil)),
				goka.WithViewConsumerSaramaBuilder(consumer),
				goka.WithViewStorageBuilder(storage.MemoryBuilder()))
			require.NoError(t, err)
			done := make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { done <- view.Run(ctx) }()
			defer func() { cancel(); require.NoError(t, <-done) }()
			// goka reports a partition as running, then connecting and running
			// again, so the state is looked at until it stays.
			require.Eventually(t, view.Recovered, recoverWithin, 5*time.Millisecond)
		})
	}
}
