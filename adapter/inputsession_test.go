package adapter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
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
	for range c.Messages() {
	}
	return nil
}

// TestAFailedClaimHoldsNobodyUp: the others are read on, and the session ends.
func TestAFailedClaimHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handler{role: failingRole{}, goka: claimedStub{}, entered: true}
		client, err := kgo.NewClient()
		require.NoError(t, err)
		defer client.Close()
		s := newInputSession(client, Settings{}, map[string][]int32{"input": {0}}, h)
		h.session = newSession(s)
		left := make(chan struct{}, 1)
		s.start(codec.TopicID{1}, func() { left <- struct{}{} })
		<-left
		f := s.open[0].fetcher
		f.mu.Lock()
		s.open[0].leader = 1
		f.mu.Unlock()
		wanted, others := f.want(1)
		assert.Empty(t, wanted, "a claim that is gone is not fetched")
		assert.False(t, others)
		require.ErrorIs(t, s.end(), errClaim)
	})
}
