package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/tracing"
)

// rankingDriver drives the stage of a session of the ranking: it gives it leaders and
// boards of the output, and carries out what it asks for.
type rankingDriver struct {
	*Ranking
	session  *session
	out      *feeder
	stage    *processors.RankStage
	output   *kafka.Follower
	removals *removals
	position *Position

	oldest    oldest
	spans     tracing.Spans
	boards    int64     // sent by the producer
	published time.Time // when the last board of this session was acknowledged
}

func (r *Ranking) feed(ctx context.Context, s *session, out *feeder) error {
	d := &rankingDriver{Ranking: r, session: s, out: out, boards: r.producer.sentTo(r.config.Topology.Output, 0)}
	d.position = r.config.Progress.Begin(processors.Work{Role: "rank", Topic: out.claim.Topic(), Partition: out.claim.Partition()})
	defer d.position.End()
	defer d.spans.End()
	d.position.Reached(r.begins)
	newest, end, err := r.owned(s.real())
	if err != nil {
		return err
	}
	partitions, err := r.topics.partitions(s.real(), r.config.Topology.HeatTable)
	if err != nil {
		return err
	}
	start := processors.RankStart{PublishEvery: r.config.PublishEvery, Partitions: int32(partitions), Next: r.begins}
	for name, b := range newest {
		if name == r.config.Board {
			start.Newest = *b
		} else {
			start.Further = append(start.Further, *b)
		}
	}
	d.stage = processors.NewRankStage(start)
	if d.output, err = r.config.Cluster.Follow(ctx, "rank-output", r.config.Topology.Output, map[int32]int64{0: end}); err != nil {
		return err
	}
	defer d.output.Close()
	r.taken.begin()
	d.removals = r.newRemovals(ctx)
	defer d.removals.close()
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

func (d *rankingDriver) feeds(kind codec.Feed) {
	if kind == codec.FeedPublish || kind == codec.FeedRepublish {
		d.oldest.send()
		if spans := d.spans.Send(); len(spans) > 0 {
			d.producer.traces.putAll(d.config.Topology.Output, d.config.Board, spans)
		}
	}
}

func (d *rankingDriver) send(ctx context.Context, m *sarama.ConsumerMessage) error {
	return d.out.send(ctx, m)
}

func (d *rankingDriver) act(_ context.Context, a *processors.Action, _ time.Time) error {
	switch a.Do {
	case processors.DoCommit:
		d.session.commitUpTo(d.out.claim.Topic(), d.out.claim.Partition(), a.Offset)
	case processors.DoRemove:
		d.removals.begin()
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
		if string(m.Key) == codec.NoticeKey() {
			return d.notice(m)
		}
		d.stage.Leaders(m.Offset, m.Value)
		d.oldest.add(oldestOf(m))
		startSpans(d.config.Tracer, &d.spans, "rank", m, time.Now())
	case m, ok := <-boards:
		if !ok {
			return d.output.Err()
		}
		seen, err := d.readOutput(m, d.stage.Epoch())
		if err != nil {
			return err
		}
		switch {
		case seen == nil:
		case seen.Foreign != "":
			if err := d.stage.Foreign(*seen, d.config.Topology.RankGroup); err != nil {
				return fmt.Errorf("%s partition %d, offset %d: %w", m.Topic, m.Partition, m.Offset, err)
			}
		default:
			d.stage.Output(*seen)
		}
	case <-d.taken.changed:
		for partition, number := range d.taken.next() {
			d.stage.TakenIn(partition, number)
		}
	case f := <-d.removals.found:
		d.removals.log(f)
		d.stage.Removed(f.Removed, f.err, time.Now())
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// notice takes what a command says. That the output is handed over ends the ranking.
func (d *rankingDriver) notice(m *sarama.ConsumerMessage) error {
	n, err := codec.DecodeNotice(m.Value)
	if err == nil && n.MovedTo != "" {
		err = fmt.Errorf("`pageheat switch` hands the output %s over to the group %s: %w", d.config.Topology.Output, n.MovedTo, processors.ErrOtherGroup)
	}
	if err != nil {
		return fmt.Errorf("offset %d: %w", m.Offset, err)
	}
	d.stage.Past(m.Offset, n.Board)
	return nil
}

func (d *rankingDriver) heard(kind codec.Feed, now time.Time) error {
	if kind != codec.FeedEpoch {
		d.stage.Published()
		d.measure(now)
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

// measure measures a board after the request for it is acknowledged, if it was published.
func (d *rankingDriver) measure(now time.Time) {
	boards := d.producer.sentTo(d.config.Topology.Output, 0)
	if boards == d.boards {
		return // nothing has changed, or leaders are missing; what was sent waits for the next board
	}
	d.boards = boards
	var after time.Duration
	if !d.published.IsZero() {
		after = now.Sub(d.published)
	}
	d.published = now
	d.config.Metrics.published(now, after)
	d.spans.Arrived()
	if age, any := d.oldest.arrived(now); any {
		d.config.Metrics.endToEnd.Observe(age.Seconds())
	}
}
