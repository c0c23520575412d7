package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeGroup is a consumer group whose sessions end as the test says.
type fakeGroup struct {
	sarama.ConsumerGroup
	tries   int
	consume func(ctx context.Context, try int) error
}

func (g *fakeGroup) Consume(ctx context.Context, _ []string, _ sarama.ConsumerGroupHandler) error {
	g.tries++
	return g.consume(ctx, g.tries)
}

// TestGroupOutlivesItsCoordinator: a member that closes its group while the
// coordinator is away can not leave, and the next session waits until the
// member that it was is given up. So the group stays, and with it the member.
func TestGroupOutlivesItsCoordinator(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	inner := &fakeGroup{consume: func(ctx context.Context, try int) error {
		if try < 3 {
			return fmt.Errorf("dial tcp: %w", sarama.ErrOutOfBrokers)
		}
		cancel()
		<-ctx.Done()
		return nil
	}}
	g := &group{ConsumerGroup: inner, logger: slog.New(slog.DiscardHandler)}
	require.NoError(t, g.Consume(ctx, []string{"topic"}, nil))
	assert.Equal(t, 3, inner.tries)
}

func TestGroupGivesUpWhereNothingHelps(t *testing.T) {
	inner := &fakeGroup{consume: func(context.Context, int) error { return sarama.ErrGroupAuthorizationFailed }}
	g := &group{ConsumerGroup: inner, logger: slog.New(slog.DiscardHandler)}
	err := g.Consume(t.Context(), []string{"topic"}, nil)
	require.ErrorIs(t, err, sarama.ErrGroupAuthorizationFailed)
	require.NotNil(t, AsPermanent(err))
	assert.Equal(t, 1, inner.tries)
}

// gokaStub is goka's handler, of which only the end matters.
type gokaStub struct {
	sarama.ConsumerGroupHandler
	cleanup error
}

func (g gokaStub) Cleanup(sarama.ConsumerGroupSession) error { return g.cleanup }

type idleRole struct{ role }

func (idleRole) end(*session) {}

// TestSessionThatEndsIsNoFault: what was on its way when a session ended comes
// back from goka as an error without its type.
func TestSessionThatEndsIsNoFault(t *testing.T) {
	lost := errors.New("a record was refused")
	untyped := errors.New("error emitting: " + errSessionOver.Error())
	for _, c := range []struct {
		name            string
		ended           bool
		cleanup, failed error
		fault           string
	}{
		{name: "the session was over", ended: true, cleanup: untyped},
		{name: "something else was wrong before", ended: true, cleanup: untyped, failed: lost, fault: lost.Error()},
		{name: "something else is wrong", ended: true, cleanup: lost, fault: lost.Error()},
		{name: "goka left by itself", cleanup: untyped, fault: errSessionOver.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			real := &fakeSession{ctx: ctx}
			h := &handler{role: idleRole{}, goka: gokaStub{cleanup: c.cleanup}, session: newSession(real), entered: true}
			if c.ended {
				cancel()
			}
			if c.failed != nil {
				h.session.fail(c.failed)
			}
			require.NoError(t, h.Cleanup(real))
			if c.fault == "" {
				require.NoError(t, h.error())
			} else {
				require.ErrorContains(t, h.error(), c.fault)
			}
		})
	}
}
