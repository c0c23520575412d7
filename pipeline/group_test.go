package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
	"pageheat/kafka"
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
// coordinator is away cannot leave, and the next session waits until the
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
	g := &group{ConsumerGroup: inner, attempt: failing()}
	require.NoError(t, g.Consume(ctx, []string{"topic"}, nil))
	assert.Equal(t, 3, inner.tries)
}

func TestGroupGivesUpWhereNothingHelps(t *testing.T) {
	inner := &fakeGroup{consume: func(context.Context, int) error { return sarama.ErrGroupAuthorizationFailed }}
	g := &group{ConsumerGroup: inner, attempt: failing()}
	require.NoError(t, g.Consume(t.Context(), []string{"topic"}, nil))
	err := g.attempt.failure()
	require.ErrorIs(t, err, sarama.ErrGroupAuthorizationFailed)
	require.NotNil(t, failure.As(err))
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
		ended, dropped  bool
		cleanup, failed error
		fault           string
	}{
		{name: "the session was over", ended: true, dropped: true, cleanup: untyped},
		{name: "something else was wrong before", ended: true, dropped: true, cleanup: untyped, failed: lost, fault: lost.Error()},
		{name: "something else is wrong", ended: true, cleanup: lost, fault: lost.Error()},
		{name: "goka left by itself", dropped: true, cleanup: untyped, fault: errSessionOver.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			real := &fakeSession{ctx: ctx}
			h := handlerOf(&handler{role: idleRole{}, goka: gokaStub{cleanup: c.cleanup}, attempt: failing(), entered: true}, real)
			if c.ended {
				cancel()
			}
			if c.dropped {
				h.session.drop()
			}
			if c.failed != nil {
				h.session.fail(c.failed)
			}
			require.NoError(t, h.Cleanup(real))
			if c.fault == "" {
				require.NoError(t, h.attempt.failure())
			} else {
				require.ErrorContains(t, h.attempt.failure(), c.fault)
			}
		})
	}
}

// handlerOf is a handler in a session.
func handlerOf(h *handler, real sarama.ConsumerGroupSession) *handler {
	h.session = newSession(real, h.attempt)
	return h
}

// stuckRole never gets done what a session's end needs.
type stuckRole struct{ role }

func (stuckRole) feed(ctx context.Context, _ *session, _ *feeder) error {
	<-ctx.Done()
	return ctx.Err()
}

// endedSession is a session of a group that is over.
type endedSession struct {
	sarama.ConsumerGroupSession
	ctx context.Context
}

func (s endedSession) Context() context.Context { return s.ctx }

type anyClaim struct{ sarama.ConsumerGroupClaim }

func (anyClaim) Topic() string    { return "topic" }
func (anyClaim) Partition() int32 { return 0 }

// readerStub is goka's handler, which takes a claim's messages until they end.
type readerStub struct {
	sarama.ConsumerGroupHandler
	mark func(seen int)
}

func (g readerStub) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for seen := 1; ; seen++ {
		if _, more := <-c.Messages(); !more {
			return nil
		}
		g.mark(seen)
	}
}

// TestEndOfSessionThatIsStuckIsGivenUp: all members wait for the slowest one.
func TestEndOfSessionThatIsStuckIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		end()
		real := endedSession{ctx: ctx}
		h := handlerOf(&handler{role: stuckRole{}, goka: readerStub{}, attempt: failing()}, real)
		began := time.Now()
		require.NoError(t, h.ConsumeClaim(real, anyClaim{}))
		assert.Equal(t, patience, time.Since(began))
		require.NoError(t, h.attempt.failure())
	})
}

// slowRole hands over many messages, one a second.
type slowRole struct{ role }

const slowMessages = 20

func (slowRole) feed(ctx context.Context, _ *session, out *feeder) error {
	for range slowMessages {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := out.send(ctx, out.message("", nil)); err != nil {
			return err
		}
	}
	return out.await(ctx, func() bool { return out.outstanding() == 0 })
}

// TestEndOfSessionThatGetsOnIsWaitedFor: a large table may be written for longer
// than the patience.
func TestEndOfSessionThatGetsOnIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		end()
		real := endedSession{ctx: ctx}
		h := handlerOf(&handler{role: slowRole{}, attempt: failing()}, real)
		marked := 0
		h.goka = readerStub{mark: func(seen int) {
			marked = seen
			h.session.MarkOffset("topic", 0, int64(seen), "")
		}}
		began := time.Now()
		require.NoError(t, h.ConsumeClaim(real, anyClaim{}))
		require.NoError(t, h.attempt.failure())
		assert.Equal(t, slowMessages, marked)
		assert.Equal(t, slowMessages*time.Second, time.Since(began))
	})
}

// blockedStub is goka's handler with a callback that blocks in Emit: the message after
// that waits in ConsumeClaim until the context of its session ends.
type blockedStub struct{ sarama.ConsumerGroupHandler }

func (blockedStub) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	<-c.Messages() // this is in the callback
	<-c.Messages()
	<-s.Context().Done()
	return nil
}

// busyRole hands over more messages than wait for goka.
type busyRole struct{ role }

func (busyRole) feed(ctx context.Context, _ *session, out *feeder) error {
	for range 2 * feederBuffer {
		if err := out.send(ctx, out.message("", nil)); err != nil {
			return err
		}
	}
	return nil
}

// TestEndOfSessionIsNotHeldUpByABlockedEmit: Cleanup, which ends the Emit, comes after
// all claims.
func TestEndOfSessionIsNotHeldUpByABlockedEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		end()
		real := endedSession{ctx: ctx}
		h := handlerOf(&handler{role: busyRole{}, goka: blockedStub{}, attempt: failing()}, real)
		began := time.Now()
		require.NoError(t, h.ConsumeClaim(real, anyClaim{}))
		assert.Equal(t, patience, time.Since(began))
		require.NoError(t, h.session.Context().Err(), "promises may be kept until Cleanup")
	})
}

// TestARoleWithoutASessionIsNotReady: after as long as the group would wait for it.
func TestARoleWithoutASessionIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		conditions := NewConditions()
		registry := prometheus.NewRegistry()
		m := Settings{Member: kafka.Member{SessionTimeout: 10 * time.Second}, Conditions: conditions, Metrics: NewMetrics(registry),
			Logger: slog.New(slog.NewTextHandler(&log, nil))}.newMembership("heat", "g", "topic")
		m.join()
		for range 3 {
			time.Sleep(3 * time.Second)
			m.ended(fmt.Errorf("dial tcp: %w", sarama.ErrOutOfBrokers))
		}
		require.NoError(t, conditions.Of("heat"))
		time.Sleep(2 * time.Second)
		require.ErrorContains(t, conditions.Of("heat"), "it has had no partitions of topic from the consumer group g since ")
		require.ErrorContains(t, conditions.Of("heat"), "brokers")
		assert.Equal(t, 1, strings.Count(log.String(), "WARN"), "the first of a row is logged: %s", &log)
		m.took()
		require.NoError(t, conditions.Of("heat"))
		assert.Contains(t, log.String(), "rejoined")
		m.ended(nil) // a rebalance
		time.Sleep(9 * time.Second)
		m.took()
		time.Sleep(time.Minute)
		require.NoError(t, conditions.Of("heat"), "it has a session")
		m.leave()
		require.InDelta(t, 3, testutil.ToFloat64(m.metrics.failures.WithLabelValues("heat")), 0)
	})
}

// TestProducersAreRenewedAtTheEndOfACleanSession: their sequence numbers end.
func TestProducersAreRenewedAtTheEndOfACleanSession(t *testing.T) {
	a := failing()
	inner := &fakeGroup{consume: func(ctx context.Context, _ int) error {
		newSession(&fakeSession{}, a).fail(ErrRestart)
		<-ctx.Done()
		return nil
	}}
	within, stop := context.WithCancel(t.Context())
	context.AfterFunc(a.failed, stop) // as a runner does
	g := &group{ConsumerGroup: inner, attempt: a}
	require.NoError(t, g.Consume(within, []string{"topic"}, nil))
	require.ErrorIs(t, a.failure(), ErrRestart)

	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	require.NoError(t, Supervise(ctx, Supervised{Name: "role", Logger: slog.New(slog.DiscardHandler),
		Observe: func(s RoleState, err error) { assert.NotEqual(t, RoleWaiting, s, "it is no fault: %v", err) },
		Run: func(context.Context) error {
			if tries++; tries == 1 {
				return fmt.Errorf("goka: %w", ErrRestart)
			}
			cancel()
			return nil
		}}))
	assert.Equal(t, 2, tries)
}
