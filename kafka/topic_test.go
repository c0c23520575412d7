package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
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
