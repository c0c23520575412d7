package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
)

// lookups are what topics asks of a cluster.
type lookups interface {
	Topic(ctx context.Context, name string) (kafka.Topic, error)
	Bounds(ctx context.Context, topic string, partition int32) (kafka.Bounds, error)
	Committed(ctx context.Context, group, topic string) (map[int32]int64, error)
	DeleteRecords(ctx context.Context, topic string, partition int32, below int64) error
}

// topics looks up what a role must know of topics and groups before it begins, and deletes
// what was applied. It may be used by several goroutines.
type topics struct {
	cluster lookups
	logger  *slog.Logger
	metrics *Metrics

	ctx   context.Context // ends background work
	close context.CancelFunc

	looking sync.Mutex // held while the id of a topic is looked up for idAt
	ids     map[string]lookedUp

	trims  atomic.Int32 // on their way
	untrim atomic.Int32 // trims that failed one after the other
}

func newTopics(s Settings) *topics {
	ctx, cancel := context.WithCancel(context.Background())
	t := &topics{cluster: s.Cluster, logger: s.Logger, metrics: s.Metrics, ctx: ctx, close: cancel}
	if s.CannotDelete {
		t.untrim.Store(trimsInVain)
	}
	return t
}

// id is the topic id, which differs when a topic was deleted and recreated.
func (t *topics) id(ctx context.Context, topic string) (codec.TopicID, error) {
	found, err := t.cluster.Topic(ctx, topic)
	return found.ID, err
}

// lookedUp is the id of a topic at a time.
type lookedUp struct {
	id codec.TopicID
	at time.Time
}

// sharedAge is the maximum age of an id that idAt returns without a look-up.
const sharedAge = 500 * time.Millisecond

// idAt is the topic id as it was at a time, not after now and at most sharedAge before. The
// partitions of an instance that ask at the same time share a look-up.
func (t *topics) idAt(ctx context.Context, topic string, now time.Time) (id codec.TopicID, at time.Time, err error) {
	t.looking.Lock()
	defer t.looking.Unlock()
	if known, ok := t.ids[topic]; ok && now.Sub(known.at) < sharedAge {
		return known.id, known.at, nil
	}
	if id, err = t.id(ctx, topic); err != nil {
		return id, now, err
	}
	if t.ids == nil {
		t.ids = make(map[string]lookedUp)
	}
	t.ids[topic] = lookedUp{id, now}
	return id, now, nil
}

// bounds are the first offset that the partition still has, and the one after
// its last.
func (t *topics) bounds(ctx context.Context, topic string, partition int32) (first, end int64, err error) {
	b, err := t.cluster.Bounds(ctx, topic, partition)
	return b.Start, b.End, err
}

// boundsFrom are the bounds of a partition. Where its end is below an offset that was
// there already, they are asked for again for a while, from the leader at that time.
func (t *topics) boundsFrom(ctx context.Context, topic string, l processors.EndLookup) (first, end int64, err error) {
	for {
		first, end, err = t.bounds(ctx, topic, l.Partition)
		if err != nil {
			return first, end, err
		}
		pause := l.Again(end, time.Now())
		if pause == 0 {
			return first, end, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, 0, errSessionOver
		}
	}
}

// committed are the offsets that the group has committed, -1 where none.
func (t *topics) committed(ctx context.Context, group, topic string, partitions []int32) (map[int32]int64, error) {
	committed, err := t.cluster.Committed(ctx, group, topic)
	if err != nil {
		return nil, err
	}
	offsets := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		offsets[p] = -1
		if at, ok := committed[p]; ok {
			offsets[p] = at
		}
	}
	return offsets, nil
}

// trim deletes the records of a partition below an offset, as Kafka Streams
// does with its repartition topics. Nobody waits for it, and where it fails
// the next one makes up for it; a row of failures is logged once, since the
// topic grows until one succeeds.
func (t *topics) trim(topic string, partition int32, below int64) {
	if t.trims.Add(1) > mostTrims {
		t.trims.Add(-1)
		return
	}
	go func() {
		defer t.trims.Add(-1)
		ctx, cancel := context.WithTimeout(t.ctx, trimTimeout)
		defer cancel()
		t.trimmed(topic, partition, t.cluster.DeleteRecords(ctx, topic, partition, below))
	}()
}

// trimsInVain is how many trims must have failed one after the other to be worth a
// warning, where the error is one that may pass: a broker that went away is none.
const trimsInVain = 5

// mostTrims is how many trims may be on their way: of the partitions of an instance,
// while brokers take long to answer.
const mostTrims = 64

// trimTimeout bounds a trim.
const trimTimeout = 30 * time.Second

// trimmed records the result of a trim.
func (t *topics) trimmed(topic string, partition int32, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	t.metrics.trimEnded(topic, err)
	if err == nil {
		if t.untrim.Swap(0) >= trimsInVain {
			t.logger.Info("deleting applied ranges works again", "topic", topic)
		}
		return
	}
	failed := t.untrim.Add(1)
	if failed < trimsInVain && failure.As(err) != nil {
		failed = trimsInVain
		t.untrim.Store(failed)
	}
	if failed == trimsInVain {
		t.logger.Warn("applied ranges cannot be deleted and their topic grows", "topic", topic, "partition", partition, "error", err,
			"hint", "check that pageheat's user has the right Delete on the topic")
	}
}

// partitions is the number of partitions of a topic.
func (t *topics) partitions(ctx context.Context, topic string) (int, error) {
	found, err := t.cluster.Topic(ctx, topic)
	return len(found.Leaders), err
}

// expect is the number of partitions of a topic, which must be the one when the process
// began; 0 stands for any number.
func (t *topics) expect(ctx context.Context, topic string, partitions int) (int, error) {
	have, err := t.partitions(ctx, topic)
	if err != nil || partitions == 0 {
		return have, err
	}
	return have, processors.SamePartitions(topic, partitions, have)
}
