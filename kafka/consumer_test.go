package kafka

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goka calls these methods once a minute, and when it ends, of a consumer that may
// never have read anything.
func TestConsumerThatNeverConnected(t *testing.T) {
	c := (&Cluster{}).Consumer("test")
	assert.Empty(t, c.HighWaterMarks())
	require.NoError(t, c.Close())
	assert.Empty(t, c.HighWaterMarks())
	_, err := c.ConsumePartition("topic", 0, 0)
	assert.ErrorIs(t, err, sarama.ErrClosedClient)
}
