package adapter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// failingRole is a role whose claims fail at once.
type failingRole struct{ role }

var errClaim = errors.New("the claim failed")

func (failingRole) feed(context.Context, *session, *outlet) error { return errClaim }
func (failingRole) end(*session)                                  {}

// claimedStub is goka's handler, which takes a claim's messages until they end.
type claimedStub struct{ sarama.ConsumerGroupHandler }

func (claimedStub) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (claimedStub) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for range c.Messages() { //nolint:revive // nothing is done with them
	}
	return nil
}

// TestRecordsOfAFailedClaimHoldNobodyUp: the poll loop hands over the records of a claim
// that has failed, while the session still lives.
func TestRecordsOfAFailedClaimHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{role: failingRole{}, goka: claimedStub{}, entered: true}
		s := newInputSession(nil, map[string][]int32{"input": {0}}, h)
		h.session = newSession(s)
		left := make(chan struct{})
		s.start(func() { close(left) })
		<-left
		delivered := make(chan struct{})
		go func() {
			defer close(delivered)
			s.deliver(kgo.FetchTopicPartition{Topic: "input", FetchPartition: kgo.FetchPartition{
				Records: []*kgo.Record{{Value: []byte("page|1|1|0")}}}})
		}()
		select {
		case <-delivered:
		case <-time.After(time.Minute):
			assert.Fail(t, "the poll loop waits for a claim that is gone")
		}
		require.ErrorIs(t, s.end(), errClaim)
	})
}
