package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	gokacodec "github.com/lovoo/goka/codec"
	"github.com/lovoo/goka/storage"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/pipeline"
)

func embedded(t *testing.T) (*kfake.Cluster, []string) {
	t.Helper()
	cluster := kafkatest.Embedded(t)
	return cluster.Fake(), cluster.Brokers()
}

func newCluster(t *testing.T, brokers []string) *kafka.Cluster {
	t.Helper()
	c := kafka.New(kafka.Config{Brokers: brokers, ClientID: "test"})
	t.Cleanup(c.Close)
	return c
}

func TestTopicManager(t *testing.T) {
	cluster, brokers := embedded(t)
	require.NoError(t, cluster.CreateTopic("three", 3, nil))
	build := func(end pipeline.EndFunc) goka.TopicManager {
		manager, err := pipeline.TopicManagerBuilder(newCluster(t, brokers), end, nil)(nil)
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
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.Nil(t, cluster.TopicInfo("missing"), "looking must not create")

	l := kafkatest.NewLog(t, brokers, nil)
	last := l.Begin("a", 5)
	l.End("a", kgo.TryCommit)
	l.Settled(last)
	for which, want := range map[int64]int64{sarama.OffsetOldest: 0, sarama.OffsetNewest: last + 1} {
		offset, err := manager.GetOffset(l.Topic, 0, which)
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
	_, brokers := embedded(t)
	viewScenario(t, brokers)
}

func TestViewRecoversOverTransactionsOnKafka(t *testing.T) {
	viewScenario(t, kafkatest.Real(t, 1).Brokers())
}

// A goka view waits for the record before the newest offset: it recovers over
// a table written by transactions only because that offset is the right one.
func viewScenario(t *testing.T, brokers []string) {
	for name, prepare := range map[string]func(l *kafkatest.Log){
		"empty":     func(*kafkatest.Log) {},
		"committed": func(l *kafkatest.Log) { l.Begin("a", 20); l.End("a", kgo.TryCommit) },
		"aborted last": func(l *kafkatest.Log) {
			l.Begin("a", 20)
			l.End("a", kgo.TryCommit)
			l.Begin("a", 20)
			l.End("a", kgo.TryAbort)
		},
		"open last": func(l *kafkatest.Log) {
			l.Begin("a", 20)
			l.End("a", kgo.TryCommit)
			l.Begin("b", 20)
		},
		"only aborted": func(l *kafkatest.Log) { l.Begin("a", 20); l.End("a", kgo.TryAbort) },
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, brokers)
			l := kafkatest.NewLog(t, brokers, nil)
			prepare(l)
			// The consumer's end: what View fetches with, read committed.
			consumer := func([]string, string) (sarama.Consumer, error) {
				return cluster.Consumer("test"), nil
			}
			view, err := goka.NewView(brokers, goka.Table(l.Topic), new(gokacodec.String),
				goka.WithViewTopicManagerBuilder(pipeline.TopicManagerBuilder(cluster, nil, nil)),
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
