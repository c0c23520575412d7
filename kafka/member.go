package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SessionHandler takes the sessions of a member of a consumer group. Its methods are
// called one at a time.
type SessionHandler interface {
	// Begin begins a session. The group waits for it.
	Begin(s *Session)
	// End ends the session, if there is one. The group waits for it.
	End()
	// Away is called when the member cannot take part now; it rejoins by itself.
	Away(err error)
	// Failed is called when the member cannot continue.
	Failed(err error)
}

// Join makes this process a member of a consumer group over a topic until ctx ends, and
// returns when its last session has ended and it has left. The member fetches nothing by
// itself: sessions read their partitions in chunks.
func (c *Cluster) Join(ctx context.Context, purpose, group, topic string, m Member, h SessionHandler) error {
	ended := func(context.Context, *kgo.Client, map[string][]int32) { h.End() }
	client, err := c.groupClient(purpose, group, []string{topic}, m,
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
			h.Begin(&Session{client: client, group: group, topic: topic, partitions: partitions[topic], rack: c.config.Rack})
		}),
		kgo.OnPartitionsRevoked(ended),
		kgo.OnPartitionsLost(ended),
		kgo.AdjustFetchOffsetsFn(anywhere),
	)
	if err != nil {
		return err
	}
	client.PauseFetchTopics(topic) // sessions read by themselves
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachPartition(func(p kgo.FetchTopicPartition) {
			var outside *kgo.ErrGroupSession
			err := Explain(p.Err, OnGroup(Read, group), OnTopic(Read, topic))
			switch {
			case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed):
			case errors.As(err, &outside) && !isPermanent(err):
				h.Away(err)
			default:
				h.Failed(fmt.Errorf("as a member of the consumer group %s over %s: %w", group, topic, err))
			}
		})
	}
	// Closing ends the session, with its last flush and commit, and leaves the group.
	client.Close()
	h.End()
	return nil
}

// anywhere starts each partition at some offset: the client asks for one, and fetches nothing.
func anywhere(_ context.Context, committed map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	for _, partitions := range committed {
		for p := range partitions {
			partitions[p] = kgo.NewOffset().At(0)
		}
	}
	return committed, nil
}

// Session is a session of a consumer group.
type Session struct {
	client       *kgo.Client
	group, topic string
	partitions   []int32
	rack         string
}

// Topic is the topic that the partitions are of.
func (s *Session) Topic() string { return s.topic }

// Partitions are those that the member has.
func (s *Session) Partitions() []int32 { return s.partitions }

// Member is the member's id, and the generation of the group.
func (s *Session) Member() (id string, generation int32) { return s.client.GroupMetadata() }

// Commit stores offsets, by partition, and returns those that were stored: each may be
// refused by itself.
func (s *Session) Commit(ctx context.Context, next map[int32]int64) (stored map[int32]int64, err error) {
	offsets := make(map[int32]kgo.EpochOffset, len(next))
	for p, at := range next {
		offsets[p] = kgo.EpochOffset{Epoch: -1, Offset: at}
	}
	s.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{s.topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, failed error) {
			stored, err = answered(next, response, failed)
		})
	return stored, Explain(err, OnGroup(Read, s.group), OnTopic(Read, s.topic))
}

// answered returns what a commit has stored: the answer has an error for each partition.
func answered(sent map[int32]int64, response *kmsg.OffsetCommitResponse, err error) (map[int32]int64, error) {
	if err != nil || response == nil {
		return nil, err
	}
	stored := make(map[int32]int64, len(sent))
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if code := kerr.ErrorForCode(p.ErrorCode); code != nil {
				err = fmt.Errorf("topic %s partition %d: %w", t.Topic, p.Partition, code)
			} else if at, ok := sent[p.Partition]; ok {
				stored[p.Partition] = at
			}
		}
	}
	return stored, err
}

// Reading says how a session reads its partitions.
type Reading struct {
	// ID is the id of the topic; zero if brokers give none.
	ID [16]byte
	// Begins are the offsets at which the claims begin, by partition.
	Begins map[int32]int64
	// Logger gets messages for operators.
	Logger *slog.Logger
	// Waiting is told how long a partition has waited behind an open transaction, and 0
	// when the wait ends.
	Waiting func(partition int32, open time.Duration)
	// Fault is told of an error after which the session cannot go on.
	Fault func(error)
}

// Read returns the claims of a session, and what reads them until its context ends.
func (s *Session) Read(r Reading) (claims []*Claim, run func(context.Context)) {
	f := &fetcher{client: s.client, logger: r.Logger, waiting: r.Waiting, topic: s.topic, id: r.ID, rack: s.rack, fault: r.Fault,
		brokers: make(map[int32]chan struct{}), lost: make(chan struct{}, 1)}
	for _, p := range s.partitions {
		c := newClaim(s.topic, p)
		c.fetcher, c.next = f, r.Begins[p]
		f.claims = append(f.claims, c)
	}
	return append(claims, f.claims...), f.run
}
