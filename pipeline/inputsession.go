package pipeline

import (
	"context"
	"maps"
	"sync"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
)

// inputSession is a session of the ingest group: what sarama's is for the others.
type inputSession struct {
	kafka    *kafka.Session
	handler  *handler
	ctx      context.Context
	cancel   context.CancelFunc
	feeds    sync.WaitGroup
	settings Settings

	mu        sync.Mutex
	offsets   map[int32]int64 // to be committed, by partition
	committed map[int32]int64
	refused   bool // the last commit was
}

var _ sarama.ConsumerGroupSession = (*inputSession)(nil)

func newInputSession(in *kafka.Session, set Settings, h *handler) *inputSession {
	ctx, cancel := context.WithCancel(context.Background())
	return &inputSession{kafka: in, settings: set, handler: h, ctx: ctx, cancel: cancel,
		offsets: make(map[int32]int64), committed: make(map[int32]int64)}
}

// start runs the claims, and reads the topic with the given id for them from where they
// begin. When goka leaves a claim by itself, left is called: not at the end of the session,
// after which the membership goes on.
func (s *inputSession) start(input codec.TopicID, begins map[int32]int64, left func()) {
	if len(s.kafka.Partitions()) == 0 {
		return
	}
	claims, read := s.kafka.Read(kafka.Reading{ID: input, Begins: begins, Logger: s.settings.Logger,
		Waiting: s.settings.Metrics.transactionOpen,
		Fault:   s.handler.attempt.fail})
	for _, c := range claims {
		s.feeds.Go(func() {
			s.handler.attempt.fail(s.handler.ConsumeClaim(s, inputClaim{c}))
			c.Leave()
			if s.ctx.Err() == nil {
				left()
			}
		})
	}
	s.feeds.Go(func() { read(s.ctx) })
}

// end ends the session.
func (s *inputSession) end() {
	s.cancel()
	s.feeds.Wait()
	s.handler.attempt.fail(s.handler.Cleanup(s))
}

// Claims implements sarama.ConsumerGroupSession.
func (s *inputSession) Claims() map[string][]int32 {
	return map[string][]int32{s.kafka.Topic(): s.kafka.Partitions()}
}

// MemberID implements sarama.ConsumerGroupSession.
func (s *inputSession) MemberID() string {
	member, _ := s.kafka.Member()
	return member
}

// GenerationID implements sarama.ConsumerGroupSession.
func (s *inputSession) GenerationID() int32 {
	_, generation := s.kafka.Member()
	return generation
}

// MarkOffset implements sarama.ConsumerGroupSession: it sets the next commit.
func (s *inputSession) MarkOffset(_ string, partition int32, offset int64, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offsets[partition] = offset
}

// ResetOffset implements sarama.ConsumerGroupSession.
func (s *inputSession) ResetOffset(topic string, partition int32, offset int64, metadata string) {
	s.MarkOffset(topic, partition, offset, metadata)
}

// MarkMessage implements sarama.ConsumerGroupSession.
func (s *inputSession) MarkMessage(m *sarama.ConsumerMessage, metadata string) {
	s.MarkOffset(m.Topic, m.Partition, m.Offset+1, metadata)
}

// Commit implements sarama.ConsumerGroupSession. A failed commit is made up for
// by the next one; offsets that are too low cost only time.
func (s *inputSession) Commit() {
	changed := s.changed()
	if len(changed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.stored(s.kafka.Commit(ctx, changed))
}

// stored records the committed offsets.
func (s *inputSession) stored(offsets map[int32]int64, err error) {
	s.mu.Lock()
	maps.Copy(s.committed, offsets)
	before := s.refused
	s.refused = err != nil
	s.mu.Unlock()
	switch {
	case err != nil:
		s.settings.Metrics.commitRefused()
		if !before && s.ctx.Err() == nil { // at the end of a session it may not be a member any more
			s.settings.Logger.Warn("committing input offsets failed; retrying. After a crash the records read since are read again and still counted once",
				failure.Attrs(err)...)
		}
	case before:
		s.settings.Logger.Info("committing input offsets works again")
	}
}

// changed are the offsets that differ from those committed last.
func (s *inputSession) changed() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := make(map[int32]int64)
	for p, at := range s.offsets {
		if known, ok := s.committed[p]; !ok || known != at {
			changed[p] = at
		}
	}
	return changed
}

// Context implements sarama.ConsumerGroupSession.
func (s *inputSession) Context() context.Context { return s.ctx }
