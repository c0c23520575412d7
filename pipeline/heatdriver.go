package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/store"
	"pageheat/tracing"
)

// heatDriver drives the stage of a session of one heat partition: it passes ranges in, and
// carries out what it asks for.
type heatDriver struct {
	*Heat
	session *session
	task    *task
	out     *feeder
	stage   *processors.HeatStage
	topic   string
	part    int32

	limits heat.Limits // of the last range
	mixed  bool        // and others were seen

	dropped uint64 // pages that are in the metrics

	position *Position
	last     time.Time // the timestamp of the last range
	spans    tracing.Spans
}

func newHeatDriver(h *Heat, s *session, t *task, out *feeder, pageTime time.Duration) *heatDriver {
	d := &heatDriver{Heat: h, session: s, task: t, out: out, topic: out.claim.Topic(), part: out.claim.Partition(), dropped: t.partition.Dropped()}
	out.acksOnly = true
	d.stage = processors.NewHeatStage(t.partition, processors.HeatStart{Now: time.Now(), Partitions: h.partitions.Load(),
		PublishEvery: h.config.PublishEvery, CommitEvery: h.config.CommitEvery, ForgetAfter: h.config.ForgetAfter, Transaction: kafka.TransactionTimeout,
		PageTime: pageTime, Bounds: processors.DefaultHeatBounds()})
	return d
}

var _ driver = (*heatDriver)(nil)

func (d *heatDriver) end()                                 { d.stage.End() }
func (d *heatDriver) next(now time.Time) processors.Action { return d.stage.Next(now) }

func (d *heatDriver) feeds(kind codec.Feed) {
	if kind == codec.FeedWrite || kind == codec.FeedForget {
		d.position.Busy()
		return
	}
	if spans := d.spans.Send(); len(spans) > 0 {
		d.producer.traces.putAll(d.config.Topology.Leaders, codec.PartitionKey(d.part), spans)
	}
	for board, late := range d.task.partition.Late() {
		d.config.Metrics.lateFor(board, d.part, late)
	}
	progress, _ := d.task.partition.Progress()
	d.config.Metrics.forgot(d.part, d.task.partition.Requests())
	dropped := d.task.partition.Dropped()
	d.config.Metrics.droppedPages(dropped - d.dropped)
	d.dropped = dropped
	d.config.Metrics.applied(d.part, d.task.partition.Len(), progress.Counted, d.out.claim.HighWaterMarkOffset()-progress.Next, d.last)
}

func (d *heatDriver) act(_ context.Context, a *processors.Action, _ time.Time) error {
	switch a.Do {
	case processors.DoCommit:
		d.session.commitUpTo(d.topic, d.part, a.Offset)
	case processors.DoTrim:
		d.topics.trim(d.topic, d.part, a.Offset)
	}
	return nil
}

// send waits for goka where the brokers are slower than the records of a checkpoint come. Ranges are applied meanwhile.
func (d *heatDriver) send(ctx context.Context, m *sarama.ConsumerMessage) error {
	for {
		select {
		case d.out.messages <- m:
			return nil
		default:
		}
		var ranges <-chan *sarama.ConsumerMessage
		if d.stage.Meanwhile(time.Now()) {
			ranges = d.out.claim.Messages()
		}
		select {
		case d.out.messages <- m:
			return nil
		case m, ok := <-ranges:
			if err := d.came(m, ok); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// came takes a range, or the end of ranges.
func (d *heatDriver) came(m *sarama.ConsumerMessage, ok bool) error {
	if !ok {
		d.stage.End()
		return nil
	}
	return d.apply(m)
}

func (d *heatDriver) await(ctx context.Context, a *processors.Action, s signals) error {
	var ranges <-chan *sarama.ConsumerMessage
	var requests <-chan forgetRequest
	if a.Input {
		ranges = d.out.claim.Messages()
	}
	if a.Forgets {
		requests = d.task.forgets
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case r := <-requests: // which are rare
		return d.takeForget(r)
	default:
	}
	select {
	case m, ok := <-ranges: // even if it is time for something else
		return d.came(m, ok)
	default:
	}
	select {
	case m, ok := <-ranges:
		return d.came(m, ok)
	case r := <-requests:
		return d.takeForget(r)
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (d *heatDriver) apply(m *sarama.ConsumerMessage) error {
	d.stage.Oldest(oldestOf(m))
	startSpans(d.config.Tracer, &d.spans, "heat", m, time.Now())
	again, err := d.lookUp(d.session.real(), d.stage.Input(m.Value))
	if err != nil {
		return fmt.Errorf("offset %d: %w", m.Offset, err)
	}
	applied, err := d.stage.Apply(m.Value, m.Offset, time.Now(), again...)
	if errors.Is(err, store.ErrOtherInput) {
		return fmt.Errorf("a range of %s: %w", d.config.Topology.Input, err)
	}
	if err != nil {
		return err
	}
	d.last = m.Timestamp
	d.report(applied)
	d.position.Reached(m.Offset + 1)
	return nil
}

// report logs what an operator should know of a range that was applied.
func (d *heatDriver) report(a store.Applied) {
	d.tell(a)
	d.config.Metrics.blockedBehaviours(a.Blocked)
	if a.Lost > 0 {
		progress, _ := d.task.partition.Progress()
		d.lostOf(a.Range.Partition, progress.Lost[a.Range.Partition])
	}
	limits := a.Range.Limits
	if d.limits != (heat.Limits{}) && d.limits != limits {
		d.config.Metrics.limitsChanged()
		if !d.mixed {
			d.mixed = true
			d.config.Logger.Warn("behaviours are validated with different limits: every behaviour is counted as its own instance judged it",
				"hint", "--max-clicks and --max-minutes must be the same on all instances", "partition", d.part,
				"max_clicks", limits.MaxClicks, "max_minutes", limits.MaxMinutes,
				"max_clicks_before", d.limits.MaxClicks, "max_minutes_before", d.limits.MaxMinutes)
		}
	}
	d.limits = limits
}

func (d *heatDriver) heard(kind codec.Feed, now time.Time) error {
	if kind == codec.FeedLeaders {
		d.stage.LeadersSent()
		d.spans.Arrived()
		return nil
	}
	d.stage.Committed(d.task.transaction.End(), now)
	pages, took := d.stage.LastCommit()
	d.config.Metrics.committed(d.part, pages, took)
	return nil
}

// lookUp finds out what the stage must know of the input before it applies a range.
func (d *heatDriver) lookUp(ctx context.Context, in processors.RangeInput) (again []store.Sums, err error) {
	if c := in.Claim; c != nil {
		if err := d.bounds.check(ctx, c.Partition, c.Next); err != nil {
			return nil, err
		}
	}
	for _, r := range in.Rereads {
		sums, err := d.readAgain(ctx, r)
		if err != nil {
			return nil, err
		}
		again = append(again, sums)
	}
	return again, nil
}

// readAgain sums a part of the input again.
func (d *heatDriver) readAgain(ctx context.Context, r store.Reread) (store.Sums, error) {
	d.config.Logger.Info("reading input again: a range overlaps what is counted",
		"partition", d.part, "input_partition", r.Header.Partition, "from", r.From+1, "to", r.To)
	input := d.config.Topology.Input
	id, err := d.topics.id(ctx, input)
	if err != nil {
		return nil, err
	}
	if id != r.Header.Input {
		return nil, fmt.Errorf("%w: its topic id was %s and is %s", store.ErrOtherInput, r.Header.Input, id)
	}
	return sumInput(ctx, d.config.Settings, r)
}
