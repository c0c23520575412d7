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

// run drives the stage until it has come to its end.
func (f *rankingFeed) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	ended := f.session.real().Done()
	for {
		select {
		case <-ended:
			ended = nil
			f.stage.End()
		default:
		}
		if err := f.acknowledge(); err != nil {
			return err
		}
		switch a := f.stage.Next(time.Now()); a.Do {
		case processors.DoFeed:
			if err := f.out.feed(ctx, &a); err != nil {
				return err
			}
		case processors.DoCommit:
			f.session.commitUpTo(f.out.claim.Topic(), f.out.claim.Partition(), a.Offset)
		case processors.DoEnd:
			return f.out.settle(ctx)
		default:
			if !a.Until.IsZero() {
				timer.Reset(time.Until(a.Until))
			}
			if err := f.wait(ctx, &a, ended, timer); err != nil {
				return err
			}
		}
	}
}

// wait returns after an event, which it has told the stage of.
func (f *rankingFeed) wait(ctx context.Context, a *processors.Action, ended <-chan struct{}, timer *time.Timer) error {
	if !a.Input {
		select {
		case <-f.out.wake:
		case <-timer.C:
		case <-ended:
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
	case <-f.out.wake:
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// acknowledge tells the stage what was acknowledged.
func (f *rankingFeed) acknowledge() error {
	for kind, ok := f.out.acknowledged(); ok; kind, ok = f.out.acknowledged() {
		if kind != codec.FeedEpoch {
			f.stage.Published()
			f.position.Reached(f.stage.Reached())
			continue
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
	}
	return nil
}
