package kafkatest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
)

func TestRights(t *testing.T) {
	c := kafkatest.Real(t, 1, kafkatest.WithRights())
	kafkatest.NeedProcesses(t, c)
	ctx := testContext(t)
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	kafkatest.Produce(t, c, topic, "by the super user")
	anonymous, err := kgo.NewClient(kgo.SeedBrokers(c.Guarded()), kgo.UnknownTopicRetries(0), kgo.RecordRetries(0))
	require.NoError(t, err)
	defer anonymous.Close()
	write := func() error {
		return anonymous.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("by anybody")}).FirstErr()
	}
	right := kafkatest.Right{Operation: kmsg.ACLOperationWrite, Kind: kmsg.ACLResourceTypeTopic, Name: topic}
	require.ErrorIs(t, write(), kerr.TopicAuthorizationFailed)
	require.NoError(t, c.Allow(ctx, right))
	require.NoError(t, write())
	require.NoError(t, c.Deny(ctx, right))
	require.ErrorIs(t, write(), kerr.TopicAuthorizationFailed)
	require.NoError(t, c.Undeny(ctx, right))
	require.NoError(t, write())
	kafkatest.Read(t, c, topic, 3)
}
