package kafkatest_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

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

func TestUsersOfAnEmbeddedCluster(t *testing.T) {
	c := kafkatest.Embedded(t, kafkatest.WithSecurity(kafkatest.SCRAM))
	ctx := testContext(t)
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	user, err := c.User(ctx, kafkatest.SCRAM, "somebody")
	require.NoError(t, err)
	require.NoError(t, c.AllowUser(ctx, user, kafkatest.Right{Operation: kmsg.ACLOperationWrite, Kind: kmsg.ACLResourceTypeTopic, Name: topic}))
	password, err := os.ReadFile(user.Password)
	require.NoError(t, err)
	as := func(login ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(login, kgo.SeedBrokers(user.Brokers), kgo.UnknownTopicRetries(0), kgo.RecordRetries(0))...)
		require.NoError(t, err)
		t.Cleanup(client.Close)
		return client
	}
	somebody := as(kgo.SASL(scram.Auth{User: user.Name, Pass: string(password)}.AsSha512Mechanism()))
	require.NoError(t, somebody.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("allowed")}).FirstErr())
	require.ErrorIs(t, somebody.ProduceSync(ctx, &kgo.Record{Topic: topic + "-other"}).FirstErr(), kerr.TopicAuthorizationFailed)
	require.Error(t, as().Ping(ctx), "nobody connects without a login")
	require.Error(t, as(kgo.SASL(scram.Auth{User: user.Name, Pass: "wrong"}.AsSha512Mechanism())).Ping(ctx))
	kafkatest.Read(t, c, topic, 1)
}
