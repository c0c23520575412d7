package adapter

import (
	"context"
	"fmt"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
)

// rankingFeed drives the stage of a session of the ranking: it gives it leaders and
// boards of the output, and carries out what it asks for.
type rankingFeed struct {
	*Ranking
	session  *session
	out      *outlet
	stage    *processors.RankStage
	output   *kafka.Follower
	position *Position
}

func (r *Ranking) feed(ctx context.Context, s *session, out *outlet) error {
	f := &rankingFeed{Ranking: r, session: s, out: out}
	f.position = r.config.Progress.Begin(Work{Role: "rank", Topic: out.claim.Topic(), Partition: out.claim.Partition()})
	defer f.position.End()
	f.position.Reached(r.begins)
	newest, end, err := r.newest(s.real())
	if err != nil {
		return err
	}
	partitions, err := r.topics.partitions(s.real(), r.config.Topology.HeatTable)
	if err != nil {
		return err
	}
	start := processors.RankStart{PublishEvery: r.config.PublishEvery, Partitions: int32(partitions), Next: r.begins}
	if newest != nil {
		start.Newest = newest.Output
	}
	f.stage = processors.NewRankStage(start)
	if f.output, err = r.config.Cluster.Follow(ctx, "rank-output", r.config.Topology.Output, map[int32]int64{0: end}); err != nil {
		return err
	}
	defer f.output.Close()
	return f.run(ctx)
}

var _ driver = (*rankingFeed)(nil)

// run drives the stage until it has come to its end.
func (f *rankingFeed) run(ctx context.Context) error {
	if err := f.out.drive(ctx, f.session.real(), f); err != nil {
		return err
	}
	return f.out.settle(ctx)
}

func (f *rankingFeed) end()                                 { f.stage.End() }
func (f *rankingFeed) next(now time.Time) processors.Action { return f.stage.Next(now) }
func (f *rankingFeed) feeds(codec.Feed)                     {}

func (f *rankingFeed) act(_ context.Context, a *processors.Action, _ time.Time) error {
	if a.Do == processors.DoCommit {
		f.session.commitUpTo(f.out.claim.Topic(), f.out.claim.Partition(), a.Offset)
	}
	return nil
}

func (f *rankingFeed) await(ctx context.Context, input bool, s signals) error {
	if !input {
		select {
		case <-s.wake:
		case <-s.due:
		case <-s.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
		return nil
	}
	select {
	case m, ok := <-f.out.claim.Messages():
		if !ok {
			f.stage.End()
			return nil
		}
		f.stage.Leaders(m.Offset, m.Value)
	case m, ok := <-f.output.Records():
		if !ok {
			return f.output.Err()
		}
		seen, err := f.readPublished(m)
		if err != nil {
			return err
		}
		if seen != nil {
			f.stage.Output(seen.Output)
		}
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (f *rankingFeed) heard(kind codec.Feed, _ time.Time) error {
	if kind != codec.FeedEpoch {
		f.stage.Published()
		f.position.Reached(f.stage.Reached())
		return nil
	}
	value, err := f.table.Get(codec.EpochKey())
	if err == nil {
		err = f.stage.Stored(value)
	}
	if err != nil {
		return fmt.Errorf("reading the epoch in %s: %w", f.config.Topology.RankTable, err)
	}
	f.config.Metrics.epoch.Set(float64(f.stage.Epoch()))
	f.config.Logger.Info("ranks in a new epoch", "epoch", f.stage.Epoch())
	return nil
}
