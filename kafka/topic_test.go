package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/kafka/dial"
)

// TestAPartitionThatIsMissing is told apart from a topic that is.
func TestAPartitionThatIsMissing(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "topic"))
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	cluster := New(Config{Brokers: fake.ListenAddrs(), ClientID: "test"})
	t.Cleanup(cluster.Close)
	require.NoError(t, cluster.partition("topic", 0).findLeader(t.Context()))
	require.ErrorIs(t, cluster.partition("topic", 1).findLeader(t.Context()), ErrNoPartition)
	err = cluster.partition("nowhere", 0).findLeader(t.Context())
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.NotErrorIs(t, err, ErrNoPartition)
}

// TestABrokerThatHangsCostsSeconds: another one is asked for topics, also where the
// connection has answered before.
func TestABrokerThatHangsCostsSeconds(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(1, "topic"))
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	cluster := New(Config{Brokers: fake.ListenAddrs(), ClientID: "test"})
	t.Cleanup(cluster.Close)
	for range 6 { // every broker has answered
		_, err := cluster.Topic(t.Context(), "topic")
		require.NoError(t, err)
	}
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	fake.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if fake.CurrentNode() == 0 {
			fake.SleepControl(func() { <-hung })
		}
		return nil, nil, false
	})
	longest := time.Duration(0)
	for tries := 0; longest < dial.AnswerTimeout && tries < 100; tries++ { // until one meets it
		began := time.Now()
		_, err := cluster.Topic(t.Context(), "topic")
		require.NoError(t, err)
		longest = max(longest, time.Since(began))
	}
	require.GreaterOrEqual(t, longest, dial.AnswerTimeout)
	require.Less(t, longest, 3*dial.AnswerTimeout)
}
