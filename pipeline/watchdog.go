package pipeline

import (
	"context"
	"fmt"
	"time"

	"pageheat/kafka"
)

const (
	// watchdogInterval is how often progress is compared with what brokers hold.
	watchdogInterval = 10 * time.Second
	// stalledAfter is how long committed records may wait at a position that does not move.
	stalledAfter = time.Minute
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
	watched  map[Work]*watched
	last     time.Time // of the last look
}

// watched is what the watchdog knows of a partition.
type watched struct {
	last    reported
	moved   time.Time // when it last moved, had nothing to do, or was not known
	stalled bool
}

// Watchdog watches the partitions of Progress until ctx ends.
func (s Settings) Watchdog(ctx context.Context) error {
	d := newWatchdog(s, brokerEnds{s.Cluster})
	ticker := time.NewTicker(watchdogInterval)
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
	return &Watchdog{settings: s, ends: e, watched: make(map[Work]*watched), last: time.Now()}
}

// look compares once.
func (d *Watchdog) look(ctx context.Context) {
	// After a pause of the whole process no part had time to make progress.
	paused := time.Since(d.last) > 3*watchdogInterval
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
	now := time.Now()
	d.last = now
	for w, known := range d.watched {
		if at, owned := all[w]; !owned || at.position != known.last.position {
			d.over(w, known, "the partition was given up")
			delete(d.watched, w)
		}
	}
	for w, at := range all {
		known := d.watched[w]
		if known == nil {
			known = &watched{last: at, moved: now}
			d.watched[w] = known
		}
		end, isKnown := held[w.Topic][w.Partition]
		switch {
		case at != known.last:
			known.last, known.moved = at, now
			d.over(w, known, "it moves again")
		case paused || !isKnown:
			if !known.stalled {
				known.moved = now
			}
		case max(at.next, 0) >= end:
			known.moved = now
			d.over(w, known, "there is nothing left to work off")
		case !known.stalled && now.Sub(known.moved) >= stalledAfter:
			d.suspect(ctx, w, known, end)
		}
	}
	d.count()
}

// suspect takes a closer look at a partition that seems to be stalled: what lies below
// the last stable offset may be markers and aborted records alone.
func (d *Watchdog) suspect(ctx context.Context, w Work, known *watched, end int64) {
	exact, any, err := d.ends.lastCommitted(ctx, w.Topic, w.Partition)
	if err != nil {
		return // it is asked again at the next look
	}
	if !any || known.last.next >= exact {
		known.moved = time.Now()
		return
	}
	known.stalled = true
	since := known.moved.UTC().Format(time.RFC3339)
	d.settings.Conditions.Set(w.Role, d.about(w), fmt.Errorf("%s partition %d has been stalled at offset %d since %s, with records up to offset %d",
		w.Topic, w.Partition, max(known.last.next, 0), since, exact-1))
	d.settings.Logger.Error("a partition is stalled: it has records to process and makes no progress", "role", w.Role, "topic", w.Topic,
		"partition", w.Partition, "offset", max(known.last.next, 0), "since", since, "end", end,
		"hint", "if it stays stalled, restart the instance; keep /debug/pprof/goroutine?debug=2 for a report")
}

// over ends an episode.
func (d *Watchdog) over(w Work, known *watched, reason string) {
	if !known.stalled {
		return
	}
	known.stalled = false
	d.settings.Conditions.Set(w.Role, d.about(w), nil)
	d.settings.Logger.Info("a stalled partition makes progress again", "role", w.Role, "topic", w.Topic, "partition", w.Partition,
		"reason", reason)
}

func (d *Watchdog) about(w Work) string {
	return fmt.Sprintf("progress of %s/%d", w.Topic, w.Partition)
}

// count tells the metric.
func (d *Watchdog) count() {
	stalled := map[string]int{"ingest": 0, "heat": 0, "rank": 0, RolePages: 0}
	for w, known := range d.watched {
		if known.stalled {
			stalled[w.Role]++
		}
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
