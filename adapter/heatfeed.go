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
	"pageheat/store"
)

const (
	// quietTime is how long nothing must have come for a commit at once.
	quietTime = 100 * time.Millisecond
	// shortestCommit is the least time between two commits while input comes.
	shortestCommit = 200 * time.Millisecond
	// commitShare is the part of the time that commits may take: after one of
	// 100 ms, the next comes 3 s later at the earliest. What waits behind a commit
	// is late on the board, and a page that changes often is written less often.
	commitShare = 30
	// repeatLeaders is how often leaders are sent even if nothing has changed:
	// they are soft state, and a new ranking owner waits for them.
	repeatLeaders = time.Second
	// leastPages is the least number of changed pages that makes a commit due
	// however slow the last one was.
	leastPages = 1000
	// mostPages and mostBytes are the most that one transaction writes, in changed
	// pages and about in bytes of their records.
	mostPages = 1_000_000
	mostBytes = 256 << 20
	// firstPageTime is what writing a page is taken to need before the first commit.
	firstPageTime = 40 * time.Microsecond
	// trimInterval is how often applied ranges are deleted from their topic.
	trimInterval = 10 * time.Second
	// writeBurst is how many changed pages are handed to goka at a time while
	// ranges wait.
	writeBurst = 256
)

// heatFeed feeds the claim of one heat partition: it applies ranges to the
// partition in memory, sends its leaders, and writes behind.
type heatFeed struct {
	*Heat
	session *session
	task    *task
	out     *outlet
	topic   string
	part    int32

	leaders     codec.Leaders
	stale       bool // leaders differ from those last sent
	sentLeaders time.Time
	sending     *receipt // of leaders on their way

	cut       *store.Cut // being written
	committed *receipt   // of its last record, once that is handed over
	began     time.Time  // of the cut
	arena     []byte

	latest     time.Time     // when a range came last
	behind     bool          // ingest sends by volume
	lastCommit time.Time     // when the last commit was done
	took       time.Duration // how long it took
	perPage    time.Duration // and per page
	trimmed    time.Time

	limits heat.Limits // of the last range
	mixed  bool        // and others were seen

	position *Position
}

func newHeatFeed(h *Heat, s *session, t *task, out *outlet) *heatFeed {
	now := time.Now()
	return &heatFeed{Heat: h, session: s, task: t, out: out, topic: out.claim.Topic(), part: out.claim.Partition(),
		stale: true, lastCommit: now, latest: now, trimmed: now}
}

// run applies and writes until the claim's messages end.
func (f *heatFeed) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		f.acknowledge()
		if err := f.sendLeaders(ctx); err != nil {
			return err
		}
		if f.cut == nil && f.due() {
			f.begin()
		}
		if f.writing() {
			if err := f.write(ctx, writeBurst); err != nil {
				return err
			}
		}
		ranges := f.out.claim.Messages()
		if f.cut != nil && (f.task.partition.Full() || f.large()) {
			ranges = nil // the next cut would be too large, or there is no room for it
		}
		timer.Reset(f.wait())
		select {
		case m, ok := <-ranges:
			if !ok {
				return nil
			}
			if err := f.apply(m); err != nil {
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

// writing reports whether records of a cut are to be handed to goka.
func (f *heatFeed) writing() bool { return f.cut != nil && f.committed == nil }

func (f *heatFeed) apply(m *sarama.ConsumerMessage) error {
	if err := f.exists(m.Value); err != nil {
		return fmt.Errorf("offset %d: %w", m.Offset, err)
	}
	counted, err := f.task.partition.Apply(m.Value, m.Offset, f.reread)
	if errors.Is(err, store.ErrOtherInput) {
		err = fmt.Errorf("a range of %s: %w", f.config.Topology.Input, err)
	}
	if err != nil {
		return fmt.Errorf("offset %d: %w", m.Offset, err)
	}
	f.report(f.task.partition.Applied())
	// Caught up, ingest sends what came within the linger time, which is less by far.
	f.behind = counted*uint64(f.partitions.Load()) > behindRecords
	f.stale = true
	f.latest = time.Now()
	f.position.Reached(m.Offset + 1)
	return nil
}

// exists makes sure that a range ends within the input. What else is wrong with it is
// found when it is applied.
func (f *heatFeed) exists(value []byte) error {
	r, err := codec.ReadRange(value)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if progress, _ := f.task.partition.Progress(); r.Header.Input != progress.Input && !progress.Input.IsZero() {
		return nil
	}
	return f.reach.to(f.session.real(), r.Header.Partition, r.Header.To+1)
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

// sendLeaders sends the partition's leaders if they are due and none are on
// their way.
func (f *heatFeed) sendLeaders(ctx context.Context) error {
	if f.sending != nil || f.untilLeaders() > 0 {
		return nil
	}
	f.task.partition.Leaders(&f.leaders)
	f.config.Metrics.applied(f.part, f.task.partition.Len(), f.leaders.Counted, f.out.claim.HighWaterMarkOffset()-f.leaders.Next)
	m := f.out.message("", codec.AppendLeaders([]byte{byte(codec.FeedLeaders)}, &f.leaders))
	f.sending = f.out.receipt(m)
	f.stale = false
	f.sentLeaders = time.Now()
	return f.out.send(ctx, m)
}

// untilLeaders is how long it is until leaders are due.
func (f *heatFeed) untilLeaders() time.Duration {
	if f.stale {
		return f.config.PublishEvery - time.Since(f.sentLeaders)
	}
	return repeatLeaders - time.Since(f.sentLeaders)
}

// due reports whether a commit should begin: at once when the input is quiet,
// and else after a time that grows with what commits take.
func (f *heatFeed) due() bool {
	if !f.task.partition.Ahead() {
		return false
	}
	if time.Since(f.latest) >= quietTime || f.task.partition.Crowded() {
		return true
	}
	return f.large() || time.Since(f.lastCommit) >= f.interval()
}

// large reports whether the changed pages are as many as one transaction may write:
// by number, by bytes, and by the time that writing them is expected to take, which
// must stay well below the timeout. While a cut is open nothing more is applied then.
func (f *heatFeed) large() bool {
	changed := f.task.partition.Changed()
	if changed <= leastPages {
		return false
	}
	return changed >= mostPages || f.task.partition.ChangedBytes() >= mostBytes ||
		time.Duration(changed)*f.pageTime() > kafka.TransactionTimeout/4
}

// pageTime is how long writing a page is expected to take: as in the last commit, or as
// in the open one so far if that is more.
func (f *heatFeed) pageTime() time.Duration {
	expected := f.perPage
	if expected == 0 {
		expected = firstPageTime
	}
	if f.cut == nil {
		return expected
	}
	if handed := f.cut.Size() - f.cut.Len(); handed > leastPages {
		expected = max(expected, time.Since(f.began)/time.Duration(handed))
	}
	return expected
}

// interval is the time between two commits while input comes: as short as they
// are cheap, but the longest while there is a backlog to work off.
func (f *heatFeed) interval() time.Duration {
	if f.behind {
		return f.config.CommitEvery
	}
	return min(max(commitShare*f.took, shortestCommit), f.config.CommitEvery)
}

// wait is how long there is nothing to do if nothing comes.
func (f *heatFeed) wait() time.Duration {
	if f.writing() {
		return 0 // apply what waits, but do not wait for it
	}
	wait := repeatLeaders
	if f.sending == nil {
		wait = f.untilLeaders()
	}
	if f.cut == nil && f.task.partition.Ahead() {
		wait = min(wait, quietTime-time.Since(f.latest), f.interval()-time.Since(f.lastCommit))
	}
	return max(wait, 0)
}

// begin takes the cut of the next commit.
func (f *heatFeed) begin() {
	f.cut = f.task.partition.Cut()
	f.began = time.Now()
}

// write hands goka the next records of the cut, up to most.
func (f *heatFeed) write(ctx context.Context, most int) error {
	f.position.Busy()
	for range most {
		if cap(f.arena)-len(f.arena) < 4<<10 {
			f.arena = make([]byte, 0, 64<<10)
		}
		start := len(f.arena)
		key, value, more := f.cut.Next(codec.AppendWrite(append(f.arena, byte(codec.FeedWrite)), f.part))
		if err := f.task.partition.Failed(); err != nil {
			return err
		}
		if !more {
			return nil
		}
		if cap(value) == cap(f.arena) {
			f.arena = value
		}
		m := f.out.message(key, value[start:len(value):len(value)])
		if key == f.task.transaction.last {
			f.committed = f.out.receipt(m)
		}
		if err := f.out.send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// acknowledge takes note of leaders that arrived and of a commit that is done.
func (f *heatFeed) acknowledge() {
	if f.sending != nil && f.sending.done.Load() {
		f.sending = nil
	}
	if f.committed == nil || !f.committed.done.Load() {
		return
	}
	now := time.Now()
	f.took = now.Sub(f.began)
	f.perPage = f.took / time.Duration(max(f.cut.Size(), 1))
	f.lastCommit = now
	f.config.Metrics.committed(f.cut.Size(), f.took)
	f.cut.Committed(f.task.transaction.End())
	next := f.cut.Progress().Next
	f.cut, f.committed = nil, nil
	f.session.commitUpTo(f.topic, f.part, next)
	if now.Sub(f.trimmed) >= trimInterval {
		f.trimmed = now
		f.topics.trim(f.topic, f.part, next)
	}
}

// finish commits everything that was applied.
func (f *heatFeed) finish(ctx context.Context) error {
	for {
		if f.cut == nil {
			if f.begin(); f.cut == nil {
				return nil
			}
		}
		if f.committed == nil {
			if err := f.write(ctx, f.cut.Len()); err != nil {
				return err
			}
		}
		if err := f.out.await(ctx, f.committed.done.Load); err != nil {
			return err
		}
		f.acknowledge()
	}
}

// reread sums the behaviours of one input partition at offsets in (from, to]
// that belong to this heat partition.
func (f *heatFeed) reread(h codec.RangeHeader, from, to int64) (map[string]heat.Totals, error) {
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
