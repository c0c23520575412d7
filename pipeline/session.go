package pipeline

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// session is what goka sees of a session of its group. goka's marks go to the
// feeders; offsets are committed through the real session by the roles alone.
type session struct {
	sarama.ConsumerGroupSession // the real one
	*attempt                    // that it is of; errors end it that goka would lose the types of
	ctx                         context.Context
	cancel                      context.CancelFunc

	dropped atomic.Bool // records were on their way when it ended

	mu      sync.Mutex
	feeders map[int32]*feeder
}

func newSession(real sarama.ConsumerGroupSession, a *attempt) *session {
	ctx, cancel := context.WithCancel(context.Background())
	return &session{ConsumerGroupSession: real, attempt: a, ctx: ctx, cancel: cancel, feeders: make(map[int32]*feeder)}
}

// register makes a feeder known to the marks.
func (s *session) register(out *feeder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeders[out.claim.Partition()] = out
}

// drop records that a record was in flight when the session ended.
func (s *session) drop() { s.dropped.Store(true) }

// claims are the partitions of the group's only topic.
func (s *session) claims() (topic string, partitions []int32) {
	for topic, partitions := range s.Claims() {
		return topic, partitions
	}
	return "", nil
}

// startAt sets where a claim begins, whatever the group's offset says:
// MarkOffset moves only up and ResetOffset only down.
func (s *session) startAt(topic string, partition int32, offset int64) {
	s.commitUpTo(topic, partition, offset)
	s.ConsumerGroupSession.ResetOffset(topic, partition, offset, "")
}

// commitUpTo sets the offset that the next commit will store.
func (s *session) commitUpTo(topic string, partition int32, offset int64) {
	s.ConsumerGroupSession.MarkOffset(topic, partition, offset, "")
}

// real is the context of the real session: it ends when the partitions must be given up.
func (s *session) real() context.Context { return s.ConsumerGroupSession.Context() }

// commit stores the offsets set with commitUpTo; it blocks.
func (s *session) commit() { s.ConsumerGroupSession.Commit() }

// Context implements sarama.ConsumerGroupSession for goka.
func (s *session) Context() context.Context { return s.ctx }

// MarkOffset implements sarama.ConsumerGroupSession for goka: the message
// before offset is done.
func (s *session) MarkOffset(_ string, partition int32, offset int64, _ string) {
	s.mu.Lock()
	out := s.feeders[partition]
	s.mu.Unlock()
	if out != nil {
		out.mark(offset - 1)
	}
}

// MarkMessage implements sarama.ConsumerGroupSession for goka.
func (s *session) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.MarkOffset(m.Topic, m.Partition, m.Offset+1, metadata)
}

// ResetOffset implements sarama.ConsumerGroupSession and does nothing.
func (s *session) ResetOffset(string, int32, int64, string) {}

// Commit implements sarama.ConsumerGroupSession and does nothing.
func (s *session) Commit() {}

// keepFailures keeps the error of a callback's Fail, whose type goka loses.
func keepFailures(a *attempt) goka.ProcessorOption {
	return goka.WithContextWrapper(func(ctx goka.Context) goka.Context { return failureKeeper{ctx, a} })
}

// gokaContext has another name than its method Context.
type gokaContext = goka.Context

type failureKeeper struct {
	gokaContext
	attempt *attempt
}

// Fail implements goka.Context.
func (k failureKeeper) Fail(err error) {
	k.attempt.fail(fmt.Errorf("%s partition %d: %w", k.Topic(), k.Partition(), err))
	k.gokaContext.Fail(err)
}
