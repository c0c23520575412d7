package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// markingHandler takes the records of sessions.
type markingHandler struct{ records chan *sarama.ConsumerMessage }

func (h markingHandler) Setup(sarama.ConsumerGroupSession) error { return nil }

func (h markingHandler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		s.MarkMessage(m, "")
		h.records <- m
	}
	return nil
}

func (h markingHandler) Cleanup(s sarama.ConsumerGroupSession) error {
	s.Commit()
	return nil
}

// take receives what must come.
func take[T any](t *testing.T, from <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		require.Fail(t, "it does not come: "+what)
	}
	return value
}

// TestAMemberWithoutRecords: while its fetch waits at a broker, a member of a group sends heartbeats, and the end of
// a session does not wait for it. The next session reads on.
func TestAMemberWithoutRecords(t *testing.T) {
	t.Parallel()
	const topic, partitions = "ranges", 3
	c := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, c, topic, partitions)
	requests := make(chan kmsg.Key, 1000)
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.Heartbeat} {
		c.Fake().ControlKey(key.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
			c.Fake().KeepControl()
			if fetch, ok := request.(*kmsg.FetchRequest); ok {
				fetch.MaxWaitMillis = int32(time.Hour.Milliseconds())
			}
			requests <- key
			return nil, nil, false
		})
	}
	group, err := kafka.New(kafka.Config{Brokers: c.Brokers(), ClientID: "test"}).
		ConsumerGroup("heat", "heat", kafka.Member{SessionTimeout: 6 * time.Second})
	require.NoError(t, err)
	go func() {
		for err := range group.Errors() {
			t.Error("a session ends without errors:", err)
		}
	}()
	handler := markingHandler{make(chan *sarama.ConsumerMessage, partitions)}
	for session := range int32(3) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- group.Consume(ctx, []string{topic}, handler) }()
		kafkatest.ProduceRecords(t, c, &kgo.Record{Topic: topic, Partition: session, Value: []byte("a range")})
		assert.Equal(t, session, take(t, handler.records, "a record").Partition)
		const inARow = 2 // one may be on its way when a fetch begins
		for heartbeats, fetched := 0, false; !fetched || heartbeats < inARow; {
			if take(t, requests, "heartbeats while a fetch waits") == kmsg.Heartbeat {
				heartbeats++
			} else {
				heartbeats, fetched = 0, true
			}
		}
		cancel()
		assert.NoError(t, take(t, ended, "the end of a session while a fetch waits"))
	}
	assert.NoError(t, group.Close())
}
