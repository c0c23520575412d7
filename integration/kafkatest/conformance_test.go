package kafkatest_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// TestBrokersBehaveAlike checks, through sarama, that the embedded broker and Apache Kafka behave
// as the product needs. A test on kfake proves nothing where kfake behaves differently. Known
// differences are marked (kfake ...); their check fails when kfake starts to behave like Kafka.
func TestBrokersBehaveAlike(t *testing.T) {
	for _, kind := range []struct {
		name  string
		start func(*testing.T) *kafkatest.Cluster
	}{
		{"embedded", func(t *testing.T) *kafkatest.Cluster { return kafkatest.Embedded(t) }},
		{"kafka", func(t *testing.T) *kafkatest.Cluster { return kafkatest.Real(t, 1) }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			c := kind.start(t)
			for name, check := range map[string]func(*testing.T, *kafkatest.Cluster){
				"topic ids":                    topicIDs,
				"refusals":                     refusals,
				"read committed":               readCommitted,
				"offsets of a transaction":     transactionOffsets,
				"take-over fences":             takeOverFences,
				"take-over aborts":             takeOverAborts,
				"abandoned transaction":        abandonedTransaction,
				"delete records":               deleteRecords,
				"compaction":                   compaction,
				"group offsets move both ways": groupOffsets,
				"group splits the partitions":  groupSplits,
				"group fences old generations": groupFences,
				"static member comes back":     staticMember,
			} {
				t.Run(name, func(t *testing.T) { check(t, c) })
			}
		})
	}
}

// config returns a sarama configuration like the product's, but with shorter retries.
func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Retry.Max = 3
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.ResetInvalidOffsets = false
	c.Consumer.Group.Session.Timeout = 6 * time.Second
	c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	return c
}

func client(t *testing.T, c *kafkatest.Cluster) sarama.Client {
	t.Helper()
	cl, err := sarama.NewClient(c.Brokers(), config())
	require.NoError(t, err)
	t.Cleanup(func() { _ = cl.Close() }) // an admin may have closed it
	return cl
}

func admin(t *testing.T, c *kafkatest.Cluster) sarama.ClusterAdmin {
	t.Helper()
	a, err := sarama.NewClusterAdmin(c.Brokers(), config())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.Close()) })
	return a
}

func message(topic, key, value string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
}

// send sends keyed records to partition 0 and returns the offset of the last.
func send(t *testing.T, p sarama.SyncProducer, topic string, values ...string) int64 {
	t.Helper()
	var last int64
	for _, v := range values {
		_, offset, err := p.SendMessage(message(topic, v, v))
		require.NoError(t, err)
		last = offset
	}
	return last
}

// consume reads partition 0 from the oldest offset to the record with the last value. It fails
// after a timeout.
func consume(t *testing.T, c *kafkatest.Cluster, topic string, isolation sarama.IsolationLevel, last string) []string {
	t.Helper()
	cfg := config()
	cfg.Consumer.IsolationLevel = isolation
	cons, err := sarama.NewConsumer(c.Brokers(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, cons.Close()) }()
	p, err := cons.ConsumePartition(topic, 0, sarama.OffsetOldest)
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	var got []string
	for {
		select {
		case m := <-p.Messages():
			got = append(got, string(m.Value))
			if string(m.Value) == last {
				return got
			}
		case err := <-p.Errors():
			require.NoError(t, err)
		case <-testContext(t).Done():
			require.Fail(t, "reading", "%q has not come after %q", last, got)
		}
	}
}

func topicIDs(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 2)
	cl := client(t, c)
	ask := func() *sarama.TopicMetadata {
		b := cl.LeastLoadedBroker()
		if err := b.Open(cl.Config()); !errors.Is(err, sarama.ErrAlreadyConnected) {
			require.NoError(t, err)
		}
		resp, err := b.GetMetadata(sarama.NewMetadataRequest(cl.Config().Version, []string{topic}))
		require.NoError(t, err)
		require.Len(t, resp.Topics, 1)
		return resp.Topics[0]
	}
	first := ask()
	require.Equal(t, sarama.ErrNoError, first.Err)
	assert.NotEqual(t, sarama.Uuid{}, first.Uuid)
	assert.Equal(t, first.Uuid, ask().Uuid)
	require.NoError(t, admin(t, c).DeleteTopic(topic))
	require.Eventually(t, func() bool { return ask().Err == sarama.ErrUnknownTopicOrPartition }, 10*time.Second, 20*time.Millisecond)
	kafkatest.CreateTopic(t, c, topic, 2)
	assert.NotEqual(t, first.Uuid, ask().Uuid, "a topic of the same name is another topic")
}

func refusals(t *testing.T, c *kafkatest.Cluster) {
	topic, a := kafkatest.Prefix(t), admin(t, c)
	kafkatest.CreateTopic(t, c, topic, 1, "max.message.bytes", "1000")
	require.ErrorIs(t, a.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), sarama.ErrTopicAlreadyExists)
	require.ErrorIs(t, a.CreateTopic(topic+"-r", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 5}, false), sarama.ErrInvalidReplicationFactor)
	err := a.CreateTopic("not a name", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
	if c.Fake() != nil {
		require.NoError(t, err, "kfake accepts any name")
	} else {
		require.ErrorIs(t, err, sarama.ErrInvalidTopic)
	}
	sometimes := "sometimes"
	err = a.CreateTopic(topic+"-c", &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: map[string]*string{"cleanup.policy": &sometimes},
	}, false)
	if c.Fake() != nil {
		require.NoError(t, err, "kfake accepts any cleanup policy")
	} else {
		require.ErrorIs(t, err, sarama.ErrInvalidConfig)
	}

	p, err := sarama.NewSyncProducer(c.Brokers(), config())
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	_, _, err = p.SendMessage(message(topic, "k", string(make([]byte, 2000))))
	require.ErrorIs(t, err, sarama.ErrMessageSizeTooLarge)
	send(t, p, topic, "it goes on")
	_, _, err = p.SendMessage(message(topic+"-missing", "k", "v"))
	require.ErrorIs(t, err, sarama.ErrUnknownTopicOrPartition)
}

func deleteRecords(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	kafkatest.Produce(t, c, topic, "0", "1", "2", "3")
	a := admin(t, c)
	require.NoError(t, a.DeleteRecords(topic, map[int32]int64{0: 2}))
	cl := client(t, c)
	oldest, err := cl.GetOffset(topic, 0, sarama.OffsetOldest)
	require.NoError(t, err)
	assert.EqualValues(t, 2, oldest)
	assert.Equal(t, []string{"2", "3"}, consume(t, c, topic, sarama.ReadCommitted, "3"))
	require.Error(t, a.DeleteRecords(topic, map[int32]int64{0: 9}), "above the end")
	err = a.DeleteRecords(topic, map[int32]int64{0: 1})
	if c.Fake() != nil {
		require.Error(t, err, "kfake refuses to delete again what is gone")
	} else {
		require.NoError(t, err)
	}

	cons, err := sarama.NewConsumerFromClient(cl)
	require.NoError(t, err)
	_, err = cons.ConsumePartition(topic, 0, 1)
	require.ErrorIs(t, err, sarama.ErrOffsetOutOfRange)
}

func compaction(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1, "cleanup.policy", "compact", "segment.ms", "100",
		"min.cleanable.dirty.ratio", "0.01", "max.compaction.lag.ms", "100")
	p, err := sarama.NewSyncProducer(c.Brokers(), config())
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("without a key")})
	if c.Fake() != nil {
		require.NoError(t, err, "kfake takes records without a key")
	} else {
		require.ErrorIs(t, err, sarama.ErrInvalidRecord)
	}
	for _, v := range []string{"1", "2", "3"} {
		_, _, err = p.SendMessage(message(topic, "key", v))
		require.NoError(t, err)
	}
	// Kafka never compacts the active segment, so each poll writes.
	require.Eventually(t, func() bool {
		send(t, p, topic, "last")
		if c.Fake() != nil {
			c.Fake().Compact()
		}
		got := consume(t, c, topic, sarama.ReadCommitted, "last")
		return !slices.Contains(got, "1") && !slices.Contains(got, "2")
	}, 30*time.Second, 200*time.Millisecond)
	send(t, p, topic, "end")
	assert.Contains(t, consume(t, c, topic, sarama.ReadCommitted, "end"), "3", "the newest of a key stays")
}
