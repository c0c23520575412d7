package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Every topic of a run is deleted after it, even one that was just created, and no topic of
// another run.
func TestDeleteTopics(t *testing.T) {
	c, err := startCluster(t.Context(), brokerEmbedded)
	require.NoError(t, err)
	defer c.close()
	for _, topic := range []string{"other", "run-a"} {
		require.NoError(t, c.createTopic(t.Context(), topic, 1))
	}
	require.NoError(t, c.deleteTopics(t.Context(), "run-"))
	require.NoError(t, c.createTopic(t.Context(), "run-b", 1))
	require.NoError(t, c.createTopic(t.Context(), "run-c", 1))
	_, err = c.admin.ListEndOffsets(t.Context(), "run-c")
	require.NoError(t, err)
	require.NoError(t, c.deleteTopics(t.Context(), "run-"))

	fresh, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...))
	require.NoError(t, err)
	defer fresh.Close()
	left, err := kadm.NewClient(fresh).ListTopics(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"other"}, left.Names())
}
