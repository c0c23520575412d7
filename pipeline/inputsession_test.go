package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// failingRole is a role whose claims fail at once.
type failingRole struct{ role }

var errClaim = errors.New("the claim failed")

func (failingRole) feed(context.Context, *session, *feeder) error { return errClaim }
func (failingRole) end(*session)                                  {}

// claimedStub is goka's handler, which takes a claim's messages until they end.
type claimedStub struct{ sarama.ConsumerGroupHandler }

func (claimedStub) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (claimedStub) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for range c.Messages() {
	}
	return nil
}

// TestAFailedClaimHoldsNobodyUp: it is left, and the session ends. (That the others are
// read on then is tested in kafka.)
func TestAFailedClaimHoldsNobodyUp(t *testing.T) {
	c := kafkatest.Embedded(t)
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	set := quiet()
	set.Cluster, set.Member = testCluster(t, c), kafka.Member{SessionTimeout: 10 * time.Second}
	run := &failingRun{settings: set, left: make(chan *inputSession, 1), ended: make(chan error, 1)}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	joined := make(chan error, 1)
	go func() { joined <- set.Cluster.Join(ctx, "test", topic+"-group", topic, set.Member, run) }()
	<-run.left
	leave()
	require.ErrorIs(t, <-run.ended, errClaim)
	require.NoError(t, <-joined)
}

// failingRun has sessions whose role fails.
type failingRun struct {
	settings Settings
	session  *inputSession
	left     chan *inputSession
	ended    chan error
}

func (r *failingRun) Begin(in *kafka.Session) {
	h := &handler{role: failingRole{}, goka: claimedStub{}, attempt: failing(), entered: true}
	r.session = newInputSession(in, r.settings, h)
	h.session = newSession(r.session, h.attempt)
	r.session.start(codec.TopicID{}, map[int32]int64{0: 0}, func() { r.left <- r.session })
}

func (r *failingRun) End() {
	if r.session != nil {
		r.session.end()
		r.ended <- r.session.handler.attempt.failure()
		r.session = nil
	}
}

func (r *failingRun) Away(error)   {}
func (r *failingRun) Failed(error) {}
