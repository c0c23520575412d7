package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
)

// rankingDriver drives the stage of a session of the ranking: it gives it leaders and
// boards of the output, and carries out what it asks for.
type rankingDriver struct {
	*Ranking
	session  *session
	out      *feeder
	stage    *processors.RankStage
	output   *kafka.Follower
	position *Position
}

func (r *Ranking) feed(ctx context.Context, s *session, out *feeder) error {
	d := &rankingDriver{Ranking: r, session: s, out: out}
	d.position = r.config.Progress.Begin(Work{Role: "rank", Topic: out.claim.Topic(), Partition: out.claim.Partition()})
	defer d.position.End()
	d.position.Reached(r.begins)
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
		start.Newest = *newest
	}
	d.stage = processors.NewRankStage(start)
	if d.output, err = r.config.Cluster.Follow(ctx, "rank-output", r.config.Topology.Output, map[int32]int64{0: end}); err != nil {
		return err
	}
	defer d.output.Close()
	return d.run(ctx)
}

var _ driver = (*rankingDriver)(nil)

// run drives the stage until it has come to its end.
func (d *rankingDriver) run(ctx context.Context) error {
	if err := d.out.drive(ctx, d.session.real(), d); err != nil {
		return err
	}
	return d.out.settle(ctx)
}

func (d *rankingDriver) end()                                 { d.stage.End() }
func (d *rankingDriver) next(now time.Time) processors.Action { return d.stage.Next(now) }
func (d *rankingDriver) feeds(codec.Feed)                     {}

func (d *rankingDriver) act(_ context.Context, a *processors.Action, _ time.Time) error {
	if a.Do == processors.DoCommit {
		d.session.commitUpTo(d.out.claim.Topic(), d.out.claim.Partition(), a.Offset)
	}
	return nil
}

func (d *rankingDriver) await(ctx context.Context, a *processors.Action, s signals) error {
	var leaders <-chan *sarama.ConsumerMessage
	var boards <-chan *kafka.Record
	if a.Input {
		leaders, boards = d.out.claim.Messages(), d.output.Records()
	}
	select {
	case m, ok := <-leaders:
		if !ok {
			d.stage.End()
			return nil
		}
		d.stage.Leaders(m.Offset, m.Value)
	case m, ok := <-boards:
		if !ok {
			return d.output.Err()
		}
		seen, err := d.readOutput(m)
		if err != nil {
			return err
		}
		if seen != nil {
			d.stage.Output(*seen)
		}
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (d *rankingDriver) heard(kind codec.Feed, _ time.Time) error {
	if kind != codec.FeedEpoch {
		d.stage.Published()
		d.position.Reached(d.stage.Reached())
		return nil
	}
	value, err := d.table.Get(codec.EpochKey())
	if err == nil {
		err = d.stage.Stored(value)
	}
	if err != nil {
		return fmt.Errorf("reading the epoch in %s: %w", d.config.Topology.RankTable, err)
	}
	d.config.Metrics.epoch.Set(float64(d.stage.Epoch()))
	d.config.Logger.Info("took a new ranking epoch", "epoch", d.stage.Epoch())
	return nil
}
