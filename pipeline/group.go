package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"pageheat/failure"
	"pageheat/kafka"
)

// group is the consumer group that goka gets. Its Consume goes on over
// rebalances, since goka would sleep five seconds after each, and while the
// coordinator is away: a group that is closed then cannot leave, and the next
// one would have to wait until its member is given up. It returns when its
// context or the attempt ends; the attempt knows the error.
type group struct {
	sarama.ConsumerGroup
	role    role
	attempt *attempt
	member  *membership
	prepare func(ctx context.Context) error // before the group is joined; may be nil
	close   func()                          // what was opened with the group
}

// Close implements sarama.ConsumerGroup.
func (g *group) Close() error {
	defer g.close()
	return g.ConsumerGroup.Close()
}

// shortestSession is the least time from one session's beginning to the next
// one's, so that a group that cannot hold together does not spin.
const shortestSession = 200 * time.Millisecond

// Consume implements sarama.ConsumerGroup.
func (g *group) Consume(ctx context.Context, topics []string, goka sarama.ConsumerGroupHandler) error {
	defer g.member.leave()
	g.member.join()
	if g.prepare != nil && g.prepare(ctx) != nil {
		return nil // ctx has ended
	}
	h := &handler{role: g.role, goka: goka, attempt: g.attempt, member: g.member}
	for ctx.Err() == nil && g.attempt.failure() == nil {
		began := time.Now()
		err := g.member.explain(g.ConsumerGroup.Consume(ctx, topics, h))
		if failure.As(err) != nil {
			g.attempt.fail(fmt.Errorf("in a session of the consumer group over %v: %w", topics, err))
		}
		if ctx.Err() != nil || g.attempt.failure() != nil {
			break
		}
		g.member.ended(err)
		select {
		case <-time.After(shortestSession - time.Since(began)):
		case <-ctx.Done():
		}
	}
	if err := g.attempt.failure(); err != nil && !errors.Is(err, ErrRestart) {
		g.member.failed()
	}
	return nil
}

// handler runs one session after another: it stands between the group and goka.
type handler struct {
	role    role
	goka    sarama.ConsumerGroupHandler
	attempt *attempt
	member  *membership
	session *session
	entered bool // goka's Setup was called
}

// Setup implements sarama.ConsumerGroupHandler.
func (h *handler) Setup(real sarama.ConsumerGroupSession) error {
	h.session, h.entered = newSession(real, h.attempt), false
	// Until the claims run, the session that goka sees ends with the real one;
	// after that it ends when the last flush and commit are done.
	stop := context.AfterFunc(real.Context(), h.session.cancel)
	defer stop()
	if err := h.role.setup(real.Context(), h.session); err != nil {
		return h.failed(real, err)
	}
	h.entered = true
	if err := h.goka.Setup(h.session); err != nil {
		return h.failed(real, fmt.Errorf("setting up: %w", err))
	}
	// goka's Setup returns nil also when the session ended during the restore.
	if real.Context().Err() != nil {
		return errSessionOver
	}
	if err := h.role.ready(real.Context(), h.session); err != nil {
		return h.failed(real, err)
	}
	if !stop() {
		return errSessionOver
	}
	h.member.took()
	return nil
}

// failed ends the session, and the attempt unless it is only that the session was over.
func (h *handler) failed(real sarama.ConsumerGroupSession, err error) error {
	if real.Context().Err() != nil && failure.As(err) == nil {
		return errSessionOver
	}
	h.attempt.fail(err)
	return err
}

// patience is how long the end of a session waits for a flush or a commit that
// does not get on: all other members wait with it. What is given up is neither
// lost nor counted twice, since the next owner begins at the last commit.
const patience = 5 * time.Second

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (h *handler) ConsumeClaim(real sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	out := newFeeder(claim)
	h.session.register(out)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := context.AfterFunc(real.Context(), func() {
		out.untilStuck(ctx, patience, kafka.RebalanceTimeout/2)
		cancel()
	})
	defer stop()

	fed := make(chan struct{})
	go func() {
		defer close(fed)
		defer close(out.messages)
		if err := h.role.feed(ctx, h.session, out); err != nil {
			h.attempt.fail(fmt.Errorf("%s partition %d: %w", claim.Topic(), claim.Partition(), err))
		}
	}()
	err := h.goka.ConsumeClaim(claimSession{h.session, ctx}, syntheticClaim{claim, out.messages})
	cancel() // goka may have left by itself
	<-fed
	return err
}

// claimSession is what goka sees of the session while it takes a claim's messages. Its
// context ends with the claim: goka waits with a message in hand while a callback is
// blocked in Emit, which only Cleanup ends, and Cleanup comes after all claims.
type claimSession struct {
	*session
	claim context.Context
}

// Context implements sarama.ConsumerGroupSession.
func (s claimSession) Context() context.Context { return s.claim }

// Cleanup implements sarama.ConsumerGroupHandler.
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error {
	if h.session == nil {
		return nil
	}
	if h.entered {
		h.role.end(h.session)
	}
	h.session.cancel()
	if !h.entered {
		return nil
	}
	if err := h.goka.Cleanup(h.session); err != nil && !h.onlyOver() {
		h.attempt.fail(fmt.Errorf("ending a session: %w", err))
	}
	return nil
}

// onlyOver reports whether an error of goka's is only that records were on their
// way when the real session ended. goka loses the type; what is really wrong with
// a record ends the attempt.
func (h *handler) onlyOver() bool {
	return h.session.real().Err() != nil && h.attempt.failure() == nil && h.session.dropped.Load()
}
