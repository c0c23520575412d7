package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/processors"
)

// TestARefusedDeadLetterIsSentAgain as far as its topic says what is wrong with it.
func TestARefusedDeadLetterIsSentAgain(t *testing.T) {
	l := &deadLetters{topic: "letters", most: processors.MaxDeadLetter, metrics: NewMetrics(prometheus.NewRegistry())}
	first, err := l.record(&emission{}, 0, "key", []byte(strings.Repeat("v", 100_000)), goka.Headers{
		codec.HeaderTime: []byte("1700000000000"), codec.HeaderReason: []byte("empty")})
	require.NoError(t, err)
	require.Equal(t, sarama.ByteEncoder("key"), first.Key)
	require.Len(t, first.Headers, 1)
	require.Nil(t, l.again(first, sarama.ErrTopicAuthorizationFailed), "another record would be refused too")

	timeless := l.again(first, sarama.ErrInvalidTimestamp)
	require.NotNil(t, timeless)
	require.True(t, timeless.Timestamp.Equal(time.Time{}))
	require.Equal(t, 100_000, timeless.Value.Length())
	require.Nil(t, l.again(timeless, sarama.ErrInvalidTimestamp))

	shorter := l.again(timeless, sarama.ErrMessageSizeTooLarge)
	require.NotNil(t, shorter)
	require.Equal(t, processors.DeadLetterSample, shorter.Value.Length())
	require.True(t, shorter.Timestamp.IsZero(), "the timestamp is still refused")
	require.NotNil(t, l.again(shorter, sarama.ErrMessageSizeTooLarge))
	require.InDelta(t, 1, testutil.ToFloat64(l.metrics.truncated), 0, "one message")
}
