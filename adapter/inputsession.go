package adapter

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// inputSession is a session of the ingest group: what sarama's is for the others.
type inputSession struct {
	client  *kgo.Client
	handler *handler
	ctx     context.Context
	cancel  context.CancelFunc
	claims  map[string][]int32
	feeds   sync.WaitGroup

	open map[int32]*inputClaim // by partition; written before the claims start

	mu        sync.Mutex
	offsets   map[string]map[int32]kgo.EpochOffset // to be committed, or where a claim begins
	committed map[string]map[int32]kgo.EpochOffset
}

var _ sarama.ConsumerGroupSession = (*inputSession)(nil)

func newInputSession(client *kgo.Client, claims map[string][]int32, h *handler) *inputSession {
	ctx, cancel := context.WithCancel(context.Background())
	s := &inputSession{client: client, handler: h, ctx: ctx, cancel: cancel, claims: claims,
		open: make(map[int32]*inputClaim), offsets: make(map[string]map[int32]kgo.EpochOffset)}
	for topic, partitions := range claims {
		s.offsets[topic] = make(map[int32]kgo.EpochOffset)
		for _, p := range partitions {
			s.open[p] = &inputClaim{topic: topic, partition: p, batches: make(chan []*kgo.Record), gone: make(chan struct{})}
		}
	}
	return s
}

// start runs the claims. When goka leaves one by itself, left is called: not at the
// end of the session, after which the membership goes on.
func (s *inputSession) start(left func()) {
	for _, c := range s.open {
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

// deliver hands a claim its records; it waits until the claim takes them or has ended.
func (s *inputSession) deliver(p kgo.FetchTopicPartition) {
	c := s.open[p.Partition]
	if c == nil {
		return
	}
	c.end.Store(p.HighWatermark)
	if len(p.Records) == 0 {
		return
	}
	select {
	case c.batches <- p.Records:
	case <-c.gone: // what it did not take is read again by the next session
	case <-s.ctx.Done():
	}
}

// begin replaces the committed offsets by where the claims are to begin.
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
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, _ *kmsg.OffsetCommitResponse, err error) {
			if err == nil {
				s.mu.Lock()
				s.committed = merged(s.committed, changed)
				s.mu.Unlock()
			}
		})
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

// inputClaim is one claimed partition of the input.
type inputClaim struct {
	topic     string
	partition int32
	end       atomic.Int64 // the high watermark of the last fetch
	batches   chan []*kgo.Record
	gone      chan struct{} // closed when nobody takes batches any more
}

var _ batchClaim = (*inputClaim)(nil)

// Topic implements sarama.ConsumerGroupClaim.
func (c *inputClaim) Topic() string { return c.topic }

// Partition implements sarama.ConsumerGroupClaim.
func (c *inputClaim) Partition() int32 { return c.partition }

// InitialOffset implements sarama.ConsumerGroupClaim; nobody asks.
func (c *inputClaim) InitialOffset() int64 { return sarama.OffsetOldest }

// HighWaterMarkOffset implements sarama.ConsumerGroupClaim.
func (c *inputClaim) HighWaterMarkOffset() int64 { return c.end.Load() }

// Messages implements sarama.ConsumerGroupClaim: there are none, but batches.
func (c *inputClaim) Messages() <-chan *sarama.ConsumerMessage { return nil }

// Batches implements batchClaim.
func (c *inputClaim) Batches() <-chan []*kgo.Record { return c.batches }
