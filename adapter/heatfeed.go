package adapter

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
)

// heatFeed drives the stage of a session of one heat partition: it gives it ranges, and
// carries out what it asks for.
type heatFeed struct {
	*Heat
	session *session
	task    *task
	out     *outlet
	stage   *processors.HeatStage
	topic   string
	part    int32

	limits heat.Limits // of the last range
	mixed  bool        // and others were seen

	position *Position
}

func newHeatFeed(h *Heat, s *session, t *task, out *outlet, pageTime time.Duration) *heatFeed {
	f := &heatFeed{Heat: h, session: s, task: t, out: out, topic: out.claim.Topic(), part: out.claim.Partition()}
	f.stage = processors.NewHeatStage(t.partition, f, processors.HeatStart{Now: time.Now(), Partitions: h.partitions.Load(),
		PublishEvery: h.config.PublishEvery, CommitEvery: h.config.CommitEvery, Transaction: kafka.TransactionTimeout,
		PageTime: pageTime, Bounds: processors.DefaultHeatBounds()})
	return f
}

var _ driver = (*heatFeed)(nil)

// run drives the stage until it has come to its end.
func (f *heatFeed) run(ctx context.Context) error { return f.out.drive(ctx, f.session.real(), f) }

func (f *heatFeed) end()                                 { f.stage.End() }
func (f *heatFeed) next(now time.Time) processors.Action { return f.stage.Next(now) }

func (f *heatFeed) feeds(kind codec.Feed) {
	if kind == codec.FeedWrite {
		f.position.Busy()
		return
	}
	progress, _ := f.task.partition.Progress()
	f.config.Metrics.applied(f.part, f.task.partition.Len(), progress.Counted, f.out.claim.HighWaterMarkOffset()-progress.Next)
}

func (f *heatFeed) act(_ context.Context, a *processors.Action, _ time.Time) error {
	switch a.Do {
	case processors.DoCommit:
		f.session.commitUpTo(f.topic, f.part, a.Offset)
	case processors.DoTrim:
		f.topics.trim(f.topic, f.part, a.Offset)
	}
	return nil
}

func (f *heatFeed) await(ctx context.Context, input bool, s signals) error {
	var ranges <-chan *sarama.ConsumerMessage
	if input {
		ranges = f.out.claim.Messages()
	}
	select {
	case m, ok := <-ranges:
		if !ok {
			f.stage.End()
			return nil
		}
		return f.apply(m)
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (f *heatFeed) apply(m *sarama.ConsumerMessage) error {
	applied, err := f.stage.Apply(m.Value, m.Offset, time.Now())
	if errors.Is(err, store.ErrOtherInput) {
		return fmt.Errorf("a range of %s: %w", f.config.Topology.Input, err)
	}
	if err != nil {
		return err
	}
	f.report(applied)
	f.position.Reached(m.Offset + 1)
	return nil
}

// report says what is to be said of a range that was applied.
func (f *heatFeed) report(a store.Applied) {
	f.tell(a)
	if a.Lost > 0 {
		progress, _ := f.task.partition.Progress()
		f.lostOf(a.Range.Partition, progress.Lost[a.Range.Partition])
	}
	limits := a.Range.Limits
	if f.limits != (heat.Limits{}) && f.limits != limits {
		f.config.Metrics.limitsChanged()
		if !f.mixed {
			f.mixed = true
			f.config.Logger.Warn("behaviours are validated with different limits: --max-clicks and --max-minutes must be the same on all instances; "+
				"every behaviour is counted as its own instance judged it", "partition", f.part,
				"max_clicks", limits.MaxClicks, "max_minutes", limits.MaxMinutes,
				"max_clicks_before", f.limits.MaxClicks, "max_minutes_before", f.limits.MaxMinutes)
		}
	}
	f.limits = limits
}

func (f *heatFeed) heard(kind codec.Feed, now time.Time) error {
	if kind == codec.FeedLeaders {
		f.stage.LeadersSent()
		return nil
	}
	f.stage.Committed(f.task.transaction.End(), now)
	f.config.Metrics.committed(f.stage.LastCommit())
	return nil
}

var _ processors.HeatInput = (*heatFeed)(nil)

// Exists implements processors.HeatInput.
func (f *heatFeed) Exists(partition int32, next int64) error {
	return f.reach.to(f.session.real(), partition, next)
}

// Sum implements processors.HeatInput.
func (f *heatFeed) Sum(h codec.RangeHeader, from, to int64) (map[string]heat.Totals, error) {
	f.config.Logger.Info("reads input again, since a range reaches across what is counted",
		"partition", f.part, "input_partition", h.Partition, "from", from+1, "to", to)
	input := f.config.Topology.Input
	id, err := f.topics.id(f.session.real(), input)
	if err != nil {
		return nil, err
	}
	if id != h.Input {
		return nil, fmt.Errorf("%w: its topic id was %s and is %s", store.ErrOtherInput, h.Input, id)
	}
	return sumInput(f.session.real(), f.config.Settings, h, from, to)
}
