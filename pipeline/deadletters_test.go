package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
)

// letter makes a dead letter as the producer does.
func letter(t require.TestingT, l *deadLetters, key, value string, own []codec.Header, ms string) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: l.topic, Key: sarama.StringEncoder(key), Value: sarama.ByteEncoder(value), Headers: []sarama.RecordHeader{
		{Key: []byte(codec.HeaderReason), Value: []byte("empty")}, {Key: []byte(codec.HeaderOffset), Value: []byte("7")}}}
	require.NoError(t, l.prepare(m, map[string][]byte{codec.HeaderOwn: codec.AppendHeaders(nil, own), codec.HeaderTime: []byte(ms)}))
	return m
}

func headerOf(m *sarama.ProducerMessage, name string) string {
	for _, h := range m.Headers {
		if string(h.Key) == name {
			return string(h.Value)
		}
	}
	return ""
}

func TestDeadLettersFitTheirTopic(t *testing.T) {
	metrics := NewMetrics(prometheus.NewRegistry())
	rapid.Check(t, func(t *rapid.T) {
		l := &deadLetters{topic: "letters", most: rapid.IntRange(4<<10, 1<<20).Draw(t, "most"), metrics: metrics}
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 2<<20))
		key, value := strings.Repeat("k", size.Draw(t, "key")), strings.Repeat("v", size.Draw(t, "value"))
		var own []codec.Header
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			own = append(own, codec.Header{Name: "h", Value: bytes.Repeat([]byte("h"), size.Draw(t, "header"))})
		}
		m := letter(t, l, key, value, own, "1700000000000")
		require.LessOrEqual(t, deadLetterSize(m), l.most)
		require.Equal(t, "7", headerOf(m, codec.HeaderOffset))
		if truncated := headerOf(m, codec.HeaderTruncated); truncated == "" {
			require.Equal(t, value, string(m.Value.(sarama.ByteEncoder)))
			require.Equal(t, key, string(m.Key.(sarama.StringEncoder)))
			require.Len(t, m.Headers, len(own)+2)
		} else if strings.Contains(truncated, codec.TruncatedValue) {
			sum := sha256.Sum256([]byte(value))
			require.Equal(t, hex.EncodeToString(sum[:]), headerOf(m, codec.HeaderSHA256))
			require.Equal(t, value[:sampleBytes], string(m.Value.(sarama.ByteEncoder)))
		}
	})
}

// TestARefusedDeadLetterIsSentSmaller until nothing is left but where the message was.
func TestARefusedDeadLetterIsSentSmaller(t *testing.T) {
	l := &deadLetters{topic: "letters", most: maxDeadLetter, metrics: NewMetrics(prometheus.NewRegistry())}
	m := letter(t, l, strings.Repeat("k", 100_000), strings.Repeat("v", 5_000_000), []codec.Header{{Name: "h", Value: make([]byte, 50_000)}}, "1700000000000")
	require.Empty(t, headerOf(m, codec.HeaderTruncated))
	size, tries := deadLetterSize(m), 0
	for m != nil {
		last := m
		if m = l.retry(m, sarama.ErrMessageSizeTooLarge); m == nil {
			m = last
			break
		}
		require.Less(t, deadLetterSize(m), size)
		size = deadLetterSize(m)
		tries++
	}
	assert.LessOrEqual(t, tries, 8)
	assert.Less(t, size, 400)
	assert.Equal(t, "5000000", headerOf(m, codec.HeaderSize))
	assert.Equal(t, "100000", headerOf(m, codec.HeaderKeySize))
	assert.ElementsMatch(t, []string{"value", "key", "headers"}, strings.Split(headerOf(m, codec.HeaderTruncated), ","))
	assert.Equal(t, "7", headerOf(m, codec.HeaderOffset))
	assert.Nil(t, l.retry(m, sarama.ErrTopicAuthorizationFailed), "another error is one")
}

func TestTheTimeOfALetterThatItsTopicDoesNotTake(t *testing.T) {
	l := &deadLetters{topic: "letters", most: maxDeadLetter, metrics: NewMetrics(prometheus.NewRegistry())}
	m := letter(t, l, "", "v", nil, "1700000000000")
	require.Equal(t, time.UnixMilli(1_700_000_000_000), m.Timestamp)
	again := l.retry(m, sarama.ErrInvalidTimestamp)
	require.NotNil(t, again)
	require.True(t, again.Timestamp.IsZero())
	require.Equal(t, "1700000000000", headerOf(again, codec.HeaderTimestamp))
	require.Nil(t, l.retry(again, sarama.ErrInvalidTimestamp))

	far := letter(t, l, "", "v", nil, "9000000000000000")
	require.True(t, far.Timestamp.IsZero(), "centuries apart do not fit into one batch")
	require.Equal(t, "9000000000000000", headerOf(far, codec.HeaderTimestamp))
}

// TestAStrangersHeadersAreNotTakenForOurs.
func TestAStrangersHeadersAreNotTakenForOurs(t *testing.T) {
	l := &deadLetters{topic: "letters", most: maxDeadLetter, metrics: NewMetrics(prometheus.NewRegistry())}
	m := letter(t, l, "", "v", []codec.Header{{Name: "pageheat.offset", Value: []byte("1")}, {Name: "mine"}}, "")
	require.Equal(t, "7", headerOf(m, codec.HeaderOffset))
	require.Len(t, m.Headers, 3)
}
