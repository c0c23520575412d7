package adapter

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
)

// rankingFeed feeds the only claim of the ranking: leaders as they come, a
// request for a board when one is due, and what the output shows.
type rankingFeed struct {
	*Ranking
	session *session
	out     *outlet

	epoch   uint64
	highest uint64 // version seen in the output

	due        bool // leaders came since the last request
	again      bool // an older version was seen after a newer one
	requested  time.Time
	publishing *receipt // of a request on its way

	taken        int64 // the offset after the leaders handed on last
	publishingTo int64 // what taken was at the request on its way
	position     *Position
}

func (r *Ranking) feed(ctx context.Context, s *session, out *outlet) error {
	f := &rankingFeed{Ranking: r, session: s, out: out}
	f.position = r.config.Progress.Begin(Work{Role: "rank", Topic: out.claim.Topic(), Partition: out.claim.Partition()})
	defer f.position.End()
	f.taken = r.begins
	f.position.Reached(f.taken)
	newest, end, err := r.newest(s.real())
	if err != nil {
		return err
	}
	if newest == nil {
		newest = &published{}
	}
	if err := f.takeEpoch(ctx, newest, 0); err != nil {
		return err
	}
	output, err := r.config.Cluster.Follow(ctx, "rank-output", r.config.Topology.Output, map[int32]int64{0: end})
	if err != nil {
		return err
	}
	defer output.Close()
	if err := f.run(ctx, output); err != nil {
		return err
	}
	return f.finish(ctx)
}

// takeEpoch makes the processor begin a new epoch, above one that was seen in
// use, and returns when it is stored.
func (f *rankingFeed) takeEpoch(ctx context.Context, newest *published, above uint64) error {
	partitions, err := f.topics.partitions(ctx, f.config.Topology.HeatTable)
	if err != nil {
		return err
	}
	m := f.out.message(codec.EpochKey(), codec.AppendEpochRequest(nil, codec.EpochRequest{
		Partitions: int32(partitions), Above: above, Board: newest.value, Positions: newest.positions}))
	taken := f.out.receipt(m)
	if err := f.out.send(ctx, m); err != nil {
		return err
	}
	if err := f.out.await(ctx, taken.done.Load); err != nil {
		return err
	}
	value, err := f.table.Get(codec.EpochKey())
	if err != nil {
		return fmt.Errorf("reading the epoch in %s: %w", f.config.Topology.RankTable, err)
	}
	e, err := codec.DecodeEpoch(value)
	if err != nil {
		return fmt.Errorf("reading the epoch in %s: %w", f.config.Topology.RankTable, err)
	}
	f.epoch = e.Epoch
	f.highest = max(f.highest, newest.version)
	// The first board of an epoch goes out whatever it says: a reader may have
	// missed the one that it would repeat.
	f.again = true
	f.config.Metrics.epoch.Set(float64(f.epoch))
	f.config.Logger.Info("ranks in a new epoch", "epoch", f.epoch)
	return nil
}

func (f *rankingFeed) run(ctx context.Context, output *kafka.Follower) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	leaders := f.out.claim.Messages()
	for {
		if f.publishing != nil && f.publishing.done.Load() {
			f.publishing = nil
			f.position.Reached(f.publishingTo)
		}
		if f.publishing == nil && (f.due || f.again) {
			wait := f.config.PublishEvery - time.Since(f.requested)
			if wait <= 0 {
				if err := f.publish(ctx); err != nil {
					return err
				}
			} else {
				timer.Reset(wait)
			}
		}
		select {
		case m, ok := <-leaders:
			if !ok {
				return nil
			}
			if err := f.take(ctx, m); err != nil {
				return err
			}
		case m, ok := <-output.Records():
			if !ok {
				return output.Err()
			}
			if err := f.watch(ctx, m); err != nil {
				return err
			}
		case <-f.out.wake:
		case <-timer.C:
		case <-f.session.real().Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take hands on leaders.
func (f *rankingFeed) take(ctx context.Context, m *sarama.ConsumerMessage) error {
	value := codec.AppendHeard(make([]byte, 0, len(m.Value)+16), m.Offset, m.Value)
	f.due, f.taken = true, m.Offset+1
	f.session.commitUpTo(m.Topic, m.Partition, m.Offset+1)
	return f.out.send(ctx, f.out.message("", value))
}

// publish requests a board.
func (f *rankingFeed) publish(ctx context.Context) error {
	kind := codec.FeedPublish
	if f.again {
		kind = codec.FeedRepublish
	}
	f.due, f.again = false, false
	m := f.out.message("", []byte{byte(kind)})
	f.publishing, f.publishingTo = f.out.receipt(m), f.taken
	f.requested = time.Now()
	return f.out.send(ctx, m)
}

// watch looks at what was published. A board of another epoch above the last one
// seen is of an owner that has taken over, or of one before that has published
// since this one looked for the newest board: either way this one goes on from
// there in a new epoch. An older version after a newer one is put right at once.
func (f *rankingFeed) watch(ctx context.Context, m *kafka.Record) error {
	seen, err := f.readPublished(m)
	if err != nil || seen == nil {
		return err
	}
	epoch := processors.Epoch(seen.version)
	switch {
	case epoch != f.epoch && seen.version > f.highest:
		if err := f.takeEpoch(ctx, seen, epoch); err != nil {
			return err
		}
	case seen.version < f.highest:
		f.again = true
	}
	f.highest = max(f.highest, seen.version)
	return nil
}

// finish publishes what came last.
func (f *rankingFeed) finish(ctx context.Context) error {
	settled := func() bool { return f.out.outstanding() == 0 }
	if err := f.out.await(ctx, settled); err != nil || !f.due {
		return err
	}
	if err := f.publish(ctx); err != nil {
		return err
	}
	return f.out.await(ctx, settled)
}
