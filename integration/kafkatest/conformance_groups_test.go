package kafkatest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// member is a handler that reports its sessions.
type member struct {
	sessions chan sarama.ConsumerGroupSession
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.sessions <- s
	return nil
}
func (*member) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (*member) ConsumeClaim(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-s.Context().Done()
	return nil
}

// join adds a member to the group until the returned function is called.
func join(t *testing.T, c *kafkatest.Cluster, group, topic, instance string) (*member, func()) {
	t.Helper()
	cfg := config()
	cfg.Consumer.Group.InstanceId = instance
	g, err := sarama.NewConsumerGroup(c.Brokers(), group, cfg)
	require.NoError(t, err)
	m := &member{sessions: make(chan sarama.ConsumerGroupSession, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for range g.Errors() {
			// Errors of a group that is closing do not matter.
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := g.Consume(ctx, []string{topic}, m); err != nil && ctx.Err() == nil {
				t.Logf("member of %s: %v", group, err)
			}
		}
	}()
	leave := func() {
		cancel()
		<-done
		if err := g.Close(); err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
			t.Errorf("leaving group %s: %v", group, err)
		}
	}
	t.Cleanup(leave)
	return m, leave
}

// session waits for a session with a given number of partitions.
func (m *member) session(t *testing.T, topic string, partitions int) sarama.ConsumerGroupSession {
	t.Helper()
	ctx := testContext(t)
	for {
		select {
		case s := <-m.sessions:
			if len(s.Claims()[topic]) == partitions {
				return s
			}
		case <-ctx.Done():
			require.Fail(t, "no session", "with %d partitions", partitions)
		}
	}
}

// committed returns the group's committed offset of partition 0.
func committed(t *testing.T, c *kafkatest.Cluster, group, topic string) int64 {
	t.Helper()
	resp, err := admin(t, c).ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	require.NoError(t, err)
	block := resp.GetBlock(topic, 0)
	require.NotNil(t, block)
	require.Equal(t, sarama.ErrNoError, block.Err)
	return block.Offset
}

func groupOffsets(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	kafkatest.Produce(t, c, topic, "0", "1", "2", "3")
	m, leave := join(t, c, topic, topic, "")
	s := m.session(t, topic, 1)
	assert.EqualValues(t, -1, committed(t, c, topic, topic))
	s.MarkOffset(topic, 0, 3, "")
	s.Commit()
	assert.EqualValues(t, 3, committed(t, c, topic, topic))
	s.ResetOffset(topic, 0, 1, "")
	s.Commit()
	assert.EqualValues(t, 1, committed(t, c, topic, topic))
	leave()
	again, _ := join(t, c, topic, topic, "")
	again.session(t, topic, 1)
	assert.EqualValues(t, 1, committed(t, c, topic, topic))
}

func groupSplits(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 4)
	first, _ := join(t, c, topic, topic, "")
	alone := first.session(t, topic, 4)
	second, leave := join(t, c, topic, topic, "")
	half := first.session(t, topic, 2)
	other := second.session(t, topic, 2)
	require.Error(t, alone.Context().Err(), "the session before has ended")
	assert.ElementsMatch(t, []int32{0, 1, 2, 3}, append(half.Claims()[topic], other.Claims()[topic]...))
	leave()
	first.session(t, topic, 4)
}

func groupFences(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 2)
	m, _ := join(t, c, topic, topic, "")
	s := m.session(t, topic, 2)
	cl := client(t, c)
	b, err := cl.Coordinator(topic)
	require.NoError(t, err)
	for generation, want := range map[int32]sarama.KError{
		s.GenerationID():     sarama.ErrNoError,
		s.GenerationID() - 1: sarama.ErrIllegalGeneration,
	} {
		req := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: topic, ConsumerGroupGeneration: generation, ConsumerID: s.MemberID()}
		req.AddBlock(topic, 0, 1, 0, "")
		resp, err := b.CommitOffset(req)
		require.NoError(t, err)
		assert.Equal(t, want, resp.Errors[topic][0])
	}
	req := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: topic, ConsumerGroupGeneration: s.GenerationID(), ConsumerID: "a stranger"}
	req.AddBlock(topic, 0, 1, 0, "")
	resp, err := b.CommitOffset(req)
	require.NoError(t, err)
	assert.Equal(t, sarama.ErrUnknownMemberId, resp.Errors[topic][0])
}

func staticMember(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 2)
	stays, _ := join(t, c, topic, topic, "stays")
	stays.session(t, topic, 2)
	goes, leave := join(t, c, topic, topic, "goes")
	before := goes.session(t, topic, 1)
	s := stays.session(t, topic, 1)
	leave()
	back, _ := join(t, c, topic, topic, "goes")
	after := back.session(t, topic, 1)
	assert.Equal(t, before.Claims(), after.Claims())
	assert.Equal(t, before.GenerationID(), after.GenerationID(), "no rebalance for a member that is back in time")
	assert.NoError(t, s.Context().Err(), "and the other's session goes on")
}
