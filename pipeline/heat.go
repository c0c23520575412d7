package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/store"
)

// HeatConfig configures the heat role of a process.
type HeatConfig struct {
	Settings
	// Table has the partitions.
	Table *Table
	// PublishEvery is the shortest time between two leaders of a partition.
	PublishEvery time.Duration
	// CommitEvery is the longest that a change waits for its commit.
	CommitEvery time.Duration
	// ForgetAfter is the number of days after which a page without a behaviour is dropped, 0 to drop none.
	ForgetAfter int
	// Standby is whether the table must have been read, which it follows, before this
	// instance joins the group: until it can take over at once, the owners go on.
	Standby bool
	// Restored is called whenever a session has restored the partitions that it
	// owns. It may be nil.
	Restored func()
}

// Heat runs the heat processor: the take-over of table partitions,
// the record cache, and the transactions. One Heat serves one goka processor
// after another.
type Heat struct {
	runner
	config HeatConfig
	// partitions of the table.
	partitions atomic.Int32

	unfollow     func()            // ends what reads the forget topic for the last session
	forgetsAgain chan forgetsAgain // to what reads it

	mu      sync.Mutex
	tasks   map[int32]*task         // of the session
	perPage map[int32]time.Duration // what writing a page took, by partition
	lost    map[int32]losses        // by input partition
}

// losses are what heat partitions of this process know of one input partition.
type losses struct {
	told  int64  // up to this offset it was said that messages are lost, or not there
	total uint64 // lost in all, the most that any of them has seen
}

// task is one heat partition in one session.
type task struct {
	partition   *store.Partition
	transaction *transaction
	first       int64 // offset of the behaviour topic before the take-over
	taken       time.Time
	forgets     chan forgetRequest
	deleted     *store.DeletedError // why the partition cannot continue yet, nil if it can
	fed         bool                // the driver has it, or has given it back
}

// NewHeat returns what runs a heat processor. The owner names this process
// in the fences it writes; it must be unique.
func NewHeat(c HeatConfig, owner string) *Heat {
	h := &Heat{config: c, tasks: make(map[int32]*task), perPage: make(map[int32]time.Duration), lost: make(map[int32]losses),
		unfollow: func() {}, forgetsAgain: make(chan forgetsAgain)}
	h.runner = runner{settings: c.Settings, name: "heat", role: h, owner: owner}
	return h
}

func (h *Heat) wiring(a *attempt) wiring {
	topo := h.config.Topology
	return wiring{input: topo.Behavior, claimed: topo.Input, table: topo.HeatTable, with: topo.Forget, route: h.route,
		end: h.fenced, storage: h.storage, prepare: h.prepare, close: h.giveBack,
		options: []goka.ProcessorOption{goka.WithUpdateCallback(restoring(a))}}
}

// route sends a record of the table to the partition whose driver wrote it, which is
// named in it, as one of the forget topic, and leaders to the only partition of their topic.
func (h *Heat) route(topic, _ string, value []byte) (int32, []byte, error) {
	if topic == h.config.Topology.Leaders {
		return 0, value, nil
	}
	return codec.SplitWrite(value)
}

// storage gives goka the partition to restore: a kept one, or an empty one.
func (h *Heat) storage(_ string, partition int32) (storage.Storage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tasks[partition]
	if t == nil {
		return nil, fmt.Errorf("heat partition %d is not owned", partition)
	}
	return t.partition, nil
}

// restoring takes records of the changelog that goka has read.
func restoring(a *attempt) goka.UpdateCallback {
	return func(ctx goka.UpdateContext, s storage.Storage, key string, value []byte) error {
		_, own := ctx.Headers()[codec.HeaderRemoved]
		err := restoreRecord(s, string(ctx.Topic()), ctx.Partition(), ctx.Offset(), key, value, own)
		a.fail(err)
		return err
	}
}

// fenced is where a restore ends: after the fence of the take-over.
func (h *Heat) fenced(_ string, partition int32) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tasks[partition]
	if t == nil {
		return 0, fmt.Errorf("heat partition %d is not owned", partition)
	}
	return t.transaction.fenceAt + 1, nil
}

// setup takes over all claimed partitions.
func (h *Heat) setup(ctx context.Context, s *session) error {
	_, partitions := s.claims()
	all, err := h.topics.expect(ctx, h.config.Topology.Behavior, h.config.Partitions)
	if err != nil {
		return err
	}
	tables, err := h.topics.expect(ctx, h.config.Topology.HeatTable, h.config.Partitions)
	if err != nil {
		return err
	}
	if err := processors.SamePartitions(h.config.Topology.HeatTable, all, tables); err != nil {
		return err
	}
	if err := h.config.Table.sized(tables); err != nil {
		return err
	}
	h.partitions.Store(int32(all))
	owner := h.nextOwner()
	h.giveBack()
	taken, err := h.config.Table.take(partitions)
	if err != nil {
		return err
	}
	transactions := make(map[int32]*transaction)
	fencing, ctx := errgroup.WithContext(ctx)
	for _, p := range partitions {
		fencing.Go(func() (err error) {
			partition := taken[p]
			var fault error // of its restore
			defer func() {
				if err != nil {
					h.config.Table.put(partition, fault)
				}
			}()
			// Looked up before the take-over: later, the next owner may have deleted
			// more, which this one would take for ranges that are missing.
			first, _, err := h.topics.bounds(ctx, h.config.Topology.Behavior, p)
			if err != nil {
				return err
			}
			t, err := takeOver(ctx, h.config.Settings, kafka.Ownership{Purpose: "heat", Topic: h.config.Topology.HeatTable, Partition: p,
				ID: h.config.Topology.HeatTransactionalID(p)}, codec.ProgressKey(p), owner)
			if err != nil {
				return err
			}
			processors.ResumeHeat(partition, t.fence, t.fenceAt)
			began := time.Now()
			if err := h.restoreTo(ctx, partition, t.fenceAt); err != nil {
				t.GiveUp(errSessionOver)
				fault = err // none if the session is over: the next restore continues there
				return err
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			transactions[p] = t
			h.tasks[p] = &task{partition: partition, transaction: t, first: first, taken: began, forgets: make(chan forgetRequest)}
			return nil
		})
	}
	if err := fencing.Wait(); err != nil {
		h.giveBack()
		for _, t := range transactions {
			t.GiveUp(errSessionOver)
		}
		return err
	}
	h.producer.begin(s, transactions)
	return nil
}

// restoreTo restores a partition up to its fence, and reports when it makes no progress.
func (h *Heat) restoreTo(ctx context.Context, p *store.Partition, fenceAt int64) error {
	at, _ := p.GetOffset(-1)
	watch := watchRestore(ctx, h.config.Settings, h.config.Topology.HeatTable, p.ID(), at, fenceAt)
	defer watch.end()
	defer h.config.Metrics.restore(p.ID(), 0)
	return restoreTable(ctx, h.config.Settings, p, fenceAt+1, func(at int64) {
		watch.at.Store(at)
		h.config.Metrics.restore(p.ID(), fenceAt-at)
	})
}

// prepare waits for what must be read before the group is joined.
func (h *Heat) prepare(ctx context.Context) error {
	if !h.config.Standby {
		return nil
	}
	return h.config.Table.await(ctx)
}

// giveBack gives the partitions back that were not fed before their session ended. What was
// restored is right still.
func (h *Heat) giveBack() {
	h.unfollow()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.tasks {
		if !t.fed {
			h.config.Table.put(t.partition, nil)
		}
	}
	clear(h.tasks)
}

// ready checks what was restored, and sets where each claim begins.
func (h *Heat) ready(ctx context.Context, s *session) error {
	topic, partitions := s.claims()
	h.config.Metrics.owns("heat", s)
	if h.config.Restored != nil {
		defer h.config.Restored()
	}
	if len(partitions) == 0 {
		return nil
	}
	behavior, err := h.topics.id(ctx, topic)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		if err := h.check(ctx, s, h.tasks[p], topic, behavior); err != nil {
			return err
		}
		h.config.Table.restored(p)
	}
	h.followForgets(s)
	return nil
}

func (h *Heat) check(ctx context.Context, s *session, t *task, topic string, behavior codec.TopicID) error {
	p := t.partition.ID()
	restored, err := processors.RestoredHeat(t.partition, processors.HeatFound{Owner: t.transaction.fence.Owner, Behavior: behavior, First: t.first})
	switch {
	case errors.As(err, &t.deleted): // it waits: see awaitForgets
	case errors.Is(err, processors.ErrRestore) && ctx.Err() != nil:
		return errSessionOver
	case errors.Is(err, processors.ErrRestore):
		return fmt.Errorf("restoring %s partition %d: %w at offset %d", h.config.Topology.HeatTable, p, err, t.transaction.fenceAt)
	case errors.Is(err, processors.ErrBehaviorTopic):
		return fmt.Errorf("%s partition %d: %w", topic, p, err)
	case err != nil:
		return tableFailure(fmt.Errorf("restoring %s partition %d: %w", h.config.Topology.HeatTable, p, err))
	}
	h.tellMended(t.partition)
	_, end, err := h.topics.boundsFrom(ctx, topic, processors.NewEndLookup(p, restored.Next, time.Now()))
	if err != nil {
		return err
	}
	if err := restored.CheckEnd(end); err != nil {
		return fmt.Errorf("%s partition %d: %w", topic, p, err)
	}
	if restored.From > restored.Next {
		h.config.Logger.Warn("ranges were deleted before they were applied", "topic", topic, "partition", p,
			"from", restored.Next, "below", restored.From)
	}
	progress, _ := t.partition.Progress()
	for input, to := range progress.To {
		if err := h.bounds.check(ctx, int32(input), to+1); err != nil {
			return fmt.Errorf("the progress in %s partition %d: %w", h.config.Topology.HeatTable, p, err)
		}
		h.lostOf(int32(input), progress.Lost[input])
	}
	s.startAt(topic, p, restored.From)
	if t.deleted == nil {
		h.owns(t, progress)
	}
	return nil
}

// owns logs that a partition was taken over.
func (h *Heat) owns(t *task, progress codec.Progress) {
	p, took := t.partition.ID(), time.Since(t.taken)
	h.config.Metrics.tookOver(p, took)
	h.config.Logger.Info("took over a heat partition", "partition", p, "pages", t.partition.Len(), "counted", progress.Counted, "offset", progress.Next,
		"restored_in", took.Round(time.Millisecond))
}

// tellMended logs that pages are written again.
func (h *Heat) tellMended(p *store.Partition) {
	if mended := p.Mended(); mended > 0 {
		h.config.Logger.Warn("pages were deleted from the table by another program; nothing is lost: the next commit writes them again",
			"topic", h.config.Topology.HeatTable, "partition", p.ID(), "pages", mended, "hint", failure.Tombstone)
	}
}

func (h *Heat) feed(ctx context.Context, s *session, out *feeder) error {
	p := out.claim.Partition()
	h.mu.Lock()
	t, pageTime := h.tasks[p], h.perPage[p]
	t.fed = true
	h.mu.Unlock()
	requests, err := h.awaitForgets(s, t)
	if err != nil {
		h.config.Table.put(t.partition, err)
		return err
	}
	f := newHeatDriver(h, s, t, out, pageTime)
	f.position = h.config.Progress.Begin(processors.Work{Role: "heat", Topic: f.topic, Partition: p})
	defer f.position.End()
	if progress, started := t.partition.Progress(); started {
		f.position.Reached(progress.Next)
	}
	defer f.spans.End()
	for _, r := range requests {
		if err = f.takeForget(r); err != nil {
			break
		}
	}
	if err == nil {
		err = out.drive(ctx, s.real(), f)
	}
	h.config.Logger.Info("gave up a heat partition", "partition", p, "committed", h.config.Table.put(t.partition, err))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.perPage[p] = f.stage.PageTime(time.Now())
	return err
}

// lostOf records how much of an input partition was lost for a heat partition.
func (h *Heat) lostOf(input int32, total uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lost[input]
	l.total = max(l.total, total)
	h.lost[input] = l
	h.config.Metrics.lostOf(input, l.total)
}

// tell logs what part of the input was gone before it was counted, once for all heat
// partitions of this process.
func (h *Heat) tell(a store.Applied) {
	if !a.Begins && a.Lost == 0 {
		return
	}
	input := a.Range.Partition
	h.mu.Lock()
	l := h.lost[input]
	news := a.Range.To >= l.told
	if news {
		l.told = a.Range.To + 1
		h.lost[input] = l
	}
	h.mu.Unlock()
	switch {
	case !news:
	case a.Begins:
		h.config.Logger.Info("an input partition begins above offset 0: earlier records are not counted",
			"topic", h.config.Topology.Input, "partition", input, "begins_at", a.Range.To+1)
	default:
		h.config.Logger.Error("retention deleted input before it was counted: these behaviours are lost",
			"topic", h.config.Topology.Input, "partition", input, "from", a.LostFrom, "below", a.Range.To+1, "messages_at_most", a.Lost,
			"hint", "raise retention.ms of the input above the longest time without a running instance")
	}
}

func (h *Heat) end(s *session) { s.commit() }
