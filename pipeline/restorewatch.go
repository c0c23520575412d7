package pipeline

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// restoreReport is the interval of reports of a restore that makes no progress.
	restoreReport = 30 * time.Second
	// lookTimeout bounds a question that a report asks.
	lookTimeout = 10 * time.Second
)

// restoreWatch says when a restore makes no progress, and what holds it: everything up to
// the fence is committed, but a reader of committed records waits for the oldest open
// transaction.
type restoreWatch struct {
	settings Settings
	topic    string
	part     int32
	fenceAt  int64
	at       atomic.Int64 // the last offset restored
	why      func(ctx context.Context) string
	stop     context.CancelFunc
	ended    sync.WaitGroup
}

func watchRestore(ctx context.Context, s Settings, topic string, part int32, at, fenceAt int64) *restoreWatch {
	ctx, stop := context.WithCancel(ctx)
	w := &restoreWatch{settings: s, topic: topic, part: part, fenceAt: fenceAt, stop: stop}
	w.why = w.holds
	w.at.Store(at)
	w.ended.Go(func() { w.run(ctx) })
	return w
}

func (w *restoreWatch) about() string { return fmt.Sprintf("restore of %s/%d", w.topic, w.part) }

// end ends the watch.
func (w *restoreWatch) end() {
	w.stop()
	w.ended.Wait()
	w.settings.Conditions.Set("heat", w.about(), nil)
}

func (w *restoreWatch) run(ctx context.Context) {
	ticker := time.NewTicker(restoreReport)
	defer ticker.Stop()
	for before := w.at.Load(); ; before = w.at.Load() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if w.at.Load() != before {
			w.settings.Conditions.Set("heat", w.about(), nil)
			continue
		}
		holds := w.why(ctx)
		if ctx.Err() != nil {
			return
		}
		err := fmt.Errorf("the restore of %s partition %d has made no progress for %s: it is at offset %d of %d; %s",
			w.topic, w.part, restoreReport, before+1, w.fenceAt+1, holds)
		w.settings.Conditions.Set("heat", w.about(), err)
		w.settings.Logger.Warn("a restore makes no progress", "topic", w.topic, "partition", w.part,
			"offset", before+1, "until", w.fenceAt+1, "reason", holds)
	}
}

// holds is what keeps the restore from its end, as far as the brokers say.
func (w *restoreWatch) holds(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	bounds, err := w.settings.Cluster.Bounds(ctx, w.topic, w.part)
	if err != nil {
		return fmt.Sprintf("the brokers do not say what holds it: %v", err)
	}
	if bounds.Stable > w.fenceAt {
		return fmt.Sprintf("the records are there (the last stable offset is %d) and are not received", bounds.Stable)
	}
	reason := fmt.Sprintf("it waits behind an open transaction at the last stable offset %d", bounds.Stable)
	open, err := w.settings.Cluster.OpenTransactions(ctx, w.topic, w.part)
	if err != nil || len(open) == 0 {
		return reason
	}
	return reason + ", of " + strings.Join(open, ", ") + "; kafka-transactions.sh abort ends one that hangs"
}
