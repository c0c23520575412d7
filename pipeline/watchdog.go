package pipeline

import (
	"context"
	"fmt"
	"time"

	"pageheat/kafka"
	"pageheat/processors"
)

// ends asks the brokers what they hold.
type ends interface {
	// committed are the last stable offsets, by partition, as far as they are known.
	committed(ctx context.Context, topic string) (map[int32]int64, error)
	// lastCommitted is the offset after the last record that a reader of committed
	// records is handed, and whether there is such a record at all.
	lastCommitted(ctx context.Context, topic string, partition int32) (end int64, any bool, err error)
}

// Watchdog finds stalled partitions of this process: there are
// committed records to work off: in the log, once for each episode and its end, in a
// metric, and in the conditions of the role. It knows the brokers' side by itself, so
// that it depends on no part that may itself be stalled.
type Watchdog struct {
	settings Settings
	ends     ends
	stalls   *processors.Stalls
}

// Watchdog watches the partitions of Progress until ctx ends.
func (s Settings) Watchdog(ctx context.Context) error {
	d := newWatchdog(s, brokerEnds{s.Cluster})
	ticker := time.NewTicker(processors.StallsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

func newWatchdog(s Settings, e ends) *Watchdog {
	return &Watchdog{settings: s, ends: e, stalls: processors.NewStalls(time.Now())}
}

// look compares once.
func (d *Watchdog) look(ctx context.Context) {
	began := time.Now()
	all := d.settings.Progress.all()
	held := make(map[string]map[int32]int64)
	for w := range all {
		if _, asked := held[w.Topic]; asked {
			continue
		}
		ends, err := d.ends.committed(ctx, w.Topic)
		if err != nil {
			ends = nil // not known
		}
		held[w.Topic] = ends
	}
	over, suspects := d.stalls.Look(began, time.Now(), all, func(w processors.Work) (int64, bool) {
		end, known := held[w.Topic][w.Partition]
		return end, known
	})
	for _, s := range over {
		d.over(s)
	}
	for _, s := range suspects {
		d.suspect(ctx, s)
	}
	d.count()
}

// suspect takes a closer look at a partition that seems to be stalled.
func (d *Watchdog) suspect(ctx context.Context, s processors.Stall) {
	end, some, err := d.ends.lastCommitted(ctx, s.Topic, s.Partition)
	if err != nil || !d.stalls.Confirm(s, end, some, time.Now()) {
		return // without an answer it is asked again at the next look
	}
	since := s.Since.UTC().Format(time.RFC3339)
	d.settings.Conditions.Set(s.Role, aboutProgress(s.Work), fmt.Errorf("%s partition %d has been stalled at offset %d since %s, with records up to offset %d",
		s.Topic, s.Partition, s.Next, since, end-1))
	d.settings.Logger.Error("a partition is stalled: it has records to process and makes no progress", "role", s.Role, "topic", s.Topic,
		"partition", s.Partition, "offset", s.Next, "since", since, "end", s.End,
		"hint", "if it stays stalled, restart the instance; keep /debug/pprof/goroutine?debug=2 for a report")
}

// over reports the end of a stall.
func (d *Watchdog) over(s processors.StallEnd) {
	d.settings.Conditions.Set(s.Role, aboutProgress(s.Work), nil)
	d.settings.Logger.Info("a stalled partition makes progress again", "role", s.Role, "topic", s.Topic, "partition", s.Partition,
		"reason", s.Reason)
}

func aboutProgress(w processors.Work) string {
	return fmt.Sprintf("progress of %s/%d", w.Topic, w.Partition)
}

// count tells the metric.
func (d *Watchdog) count() {
	stalled := map[string]int{"ingest": 0, "heat": 0, "rank": 0, RolePages: 0}
	if d.settings.Topology != nil && d.settings.Topology.HasEvents {
		stalled[RoleEvents] = 0
	}
	for w := range d.stalls.All() {
		stalled[w.Role]++
	}
	for role, n := range stalled {
		d.settings.Metrics.stalled.WithLabelValues(role).Set(float64(n))
	}
}

// brokerEnds asks the brokers.
type brokerEnds struct{ cluster *kafka.Cluster }

func (b brokerEnds) committed(ctx context.Context, topic string) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return b.cluster.StableEnds(ctx, topic)
}

func (b brokerEnds) lastCommitted(ctx context.Context, topic string, partition int32) (int64, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	end, err := b.cluster.CommittedEnd(ctx, topic, partition)
	if err != nil {
		return 0, false, err
	}
	bounds, err := b.cluster.Bounds(ctx, topic, partition)
	return end, end > bounds.Start, err
}
