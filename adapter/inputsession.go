package adapter

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/kafka"
)

// inputSession is a session of the ingest group: what sarama's is for the others.
type inputSession struct {
	client  *kgo.Client
	handler *handler
	ctx     context.Context
	cancel  context.CancelFunc
	claims  map[string][]int32
	feeds   sync.WaitGroup

	settings Settings
	open     []*inputClaim

	mu        sync.Mutex
	offsets   map[string]map[int32]kgo.EpochOffset // to be committed, or where a claim begins
	committed map[string]map[int32]kgo.EpochOffset
	refused   bool // the last commit was
}

var _ sarama.ConsumerGroupSession = (*inputSession)(nil)

func newInputSession(client *kgo.Client, set Settings, claims map[string][]int32, h *handler) *inputSession {
	ctx, cancel := context.WithCancel(context.Background())
	s := &inputSession{client: client, settings: set, handler: h, ctx: ctx, cancel: cancel, claims: claims,
		offsets: make(map[string]map[int32]kgo.EpochOffset)}
	for topic, partitions := range claims {
		s.offsets[topic] = make(map[int32]kgo.EpochOffset)
		for _, p := range partitions {
			s.open = append(s.open, newInputClaim(topic, p))
		}
	}
	return s
}

// start runs the claims, and reads the topic with the given id for them. When goka leaves
// a claim by itself, left is called: not at the end of the session, after which the
// membership goes on.
func (s *inputSession) start(input codec.TopicID, left func()) {
	if len(s.open) == 0 {
		return
	}
	f := newFetcher(s.client, s.settings, s.open[0].topic, input, s.open, func(err error) {
		s.handler.fault(err)
		left()
	})
	for _, c := range s.open {
		c.next = s.begins(c)
		s.feeds.Go(func() {
			err := s.handler.ConsumeClaim(s, c)
			close(c.gone)
			if err != nil {
				s.handler.fault(err)
			}
			if s.ctx.Err() == nil {
				left()
			}
		})
	}
	s.feeds.Go(func() { f.run(s.ctx) })
}

// begins is where a claim begins.
func (s *inputSession) begins(c *inputClaim) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offsets[c.topic][c.partition].Offset
}

// end ends the session and returns its fault, if any.
func (s *inputSession) end() error {
	s.cancel()
	s.feeds.Wait()
	if err := s.handler.Cleanup(s); err != nil {
		return err
	}
	return s.handler.error()
}

// begin replaces the committed offsets by where the claims begin. The client fetches
// nothing by itself, but asks.
func (s *inputSession) begin(committed map[string]map[int32]kgo.Offset) map[string]map[int32]kgo.Offset {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, offsets := range s.offsets {
		for p, o := range offsets {
			if committed[topic] != nil {
				committed[topic][p] = kgo.NewOffset().At(o.Offset)
			}
		}
	}
	return committed
}

// Claims implements sarama.ConsumerGroupSession.
func (s *inputSession) Claims() map[string][]int32 { return s.claims }

// MemberID implements sarama.ConsumerGroupSession.
func (s *inputSession) MemberID() string {
	member, _ := s.client.GroupMetadata()
	return member
}

// GenerationID implements sarama.ConsumerGroupSession.
func (s *inputSession) GenerationID() int32 {
	_, generation := s.client.GroupMetadata()
	return generation
}

// MarkOffset implements sarama.ConsumerGroupSession: it sets the next commit.
func (s *inputSession) MarkOffset(topic string, partition int32, offset int64, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offsets[topic][partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
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
	s.client.CommitOffsetsSync(ctx, changed,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			s.answered(changed, response, err)
		})
}

// answered takes note of which offsets are committed: an answer has an error for each
// partition.
func (s *inputSession) answered(sent map[string]map[int32]kgo.EpochOffset, response *kmsg.OffsetCommitResponse, err error) {
	stored := make(map[string]map[int32]kgo.EpochOffset)
	if response != nil && err == nil {
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				o, ok := sent[t.Topic][p.Partition]
				if code := kerr.ErrorForCode(p.ErrorCode); code != nil {
					err = fmt.Errorf("topic %s partition %d: %w", t.Topic, p.Partition, code)
				} else if ok {
					stored = merged(stored, map[string]map[int32]kgo.EpochOffset{t.Topic: {p.Partition: o}})
				}
			}
		}
	}
	s.mu.Lock()
	s.committed = merged(s.committed, stored)
	before := s.refused
	s.refused = err != nil
	s.mu.Unlock()
	switch {
	case err != nil:
		s.settings.Metrics.commitRefused()
		if !before && s.ctx.Err() == nil { // at the end of a session it may not be a member any more
			s.settings.Logger.Warn("input offsets are not committed, and tried again: what was read since would be read again, and counted once all the same",
				"error", kafka.Explain(err, kafka.OnGroup("Read", s.settings.Topology.IngestGroup)))
		}
	case before:
		s.settings.Logger.Info("input offsets are committed again")
	}
}

// changed are the offsets that differ from those committed last.
func (s *inputSession) changed() map[string]map[int32]kgo.EpochOffset {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := make(map[string]map[int32]kgo.EpochOffset)
	for topic, offsets := range s.offsets {
		for p, o := range offsets {
			if s.committed[topic][p] != o {
				if changed[topic] == nil {
					changed[topic] = make(map[int32]kgo.EpochOffset)
				}
				changed[topic][p] = o
			}
		}
	}
	return changed
}

func merged(into, from map[string]map[int32]kgo.EpochOffset) map[string]map[int32]kgo.EpochOffset {
	if into == nil {
		into = make(map[string]map[int32]kgo.EpochOffset)
	}
	for topic, offsets := range from {
		if into[topic] == nil {
			into[topic] = make(map[int32]kgo.EpochOffset)
		}
		maps.Copy(into[topic], offsets)
	}
	return into
}

// Context implements sarama.ConsumerGroupSession.
func (s *inputSession) Context() context.Context { return s.ctx }
