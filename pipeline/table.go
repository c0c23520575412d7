package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/store"
	"pageheat/topology"
	"pageheat/views"
)

// TableConfig configures a Table.
type TableConfig struct {
	Settings
	// Scorer and Top say which pages lead: the Top hottest by Scorer, heat.DefaultWeights if nil.
	Scorer heat.Scorer
	Top    int
	// Boards are those beside the board of all time, with different names, the same in all instances. A
	// process that only reads the table needs none.
	Boards []*boards.Board
	// Disk holds the pages, nil for memory. It has no further boards. It belongs to the caller, who may close it
	// when nothing uses the table any more.
	Disk *store.Disk
	// Follow is whether Run is called. Without it, partitions that are not owned are
	// discarded.
	Follow bool
}

// Table is this process's copy of the heat table. It has one store for each partition: a session
// of the heat role owns it and counts in it, or it follows the changelog, so that a take-over has
// little left to restore. Pages are read from these stores, whoever uses them. (goka has a
// standby, but with it a take-over waits for all partitions, and views, but they keep pages of
// their own.) It is safe for concurrent use.
type Table struct {
	config   TableConfig
	caughtUp chan struct{} // closed when all that is not owned was read for the first time
	first    sync.Once

	mu       sync.Mutex
	stores   *processors.HeatStores // that nobody uses
	replicas []*replica             // by partition; none before their number is known
	failed   error                  // why Run ended last, until it is caught up again
	pass     *pass                  // under way, nil if there is none
}

// replica is one partition of the table.
type replica struct {
	partition *store.Partition // while a session or a pass uses it
	owned     bool             // by a session, which alone may use the partition
	current   bool             // it was read up to what was committed, and may be read on as records come
	shown     *store.Partition // what answers readers; nil before the partition was read for the first time
	err       error            // why it cannot be followed: its records cannot be trusted
}

// pass follows the partitions that are not owned at some time.
type pass struct {
	ids   []int32
	stop  context.CancelCauseFunc
	ended chan struct{}
}

// errChanged ends a pass when other partitions are to be followed.
var errChanged = errors.New("other partitions are to be followed")

// passPause is the pause before a pass: a session gives its partitions back one by one, and
// the next one takes most of them again.
const passPause = 50 * time.Millisecond

// NewTable returns a table of which nothing is known yet. It connects to nothing.
func NewTable(c TableConfig) *Table {
	return &Table{config: c, caughtUp: make(chan struct{}), stores: processors.NewHeatStores(c.Follow)}
}

// Get returns the totals and the label of a page, and whether the page is known: as applied in a partition
// that this process owns, and as committed in the others. It returns views.ErrRecovering before
// its partition has been read, and an error if the partition cannot be trusted.
func (t *Table) Get(page string) (codec.PageState, bool, error) {
	t.mu.Lock()
	if len(t.replicas) == 0 {
		t.mu.Unlock()
		return codec.PageState{}, false, views.ErrRecovering
	}
	r := t.replicas[topology.Partition(page, len(t.replicas))]
	shown, err := r.shown, r.err
	t.mu.Unlock()
	switch {
	case err != nil:
		return codec.PageState{}, false, err
	case shown == nil:
		return codec.PageState{}, false, views.ErrRecovering
	}
	state, known, err := shown.Page(page)
	if err != nil {
		// Who uses the partition reports it, and another one is restored.
		return codec.PageState{}, false, fmt.Errorf("%w: %w", views.ErrRecovering, err)
	}
	return state, known, nil
}

// Ready returns nil if every partition can be read and is up to date, else why not.
func (t *Table) Ready() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.replicas) == 0 {
		return views.ErrRecovering
	}
	for _, r := range t.replicas {
		if r.err != nil {
			return r.err
		}
		if r.shown == nil {
			return views.ErrRecovering
		}
	}
	if t.failed != nil {
		return fmt.Errorf("the table cannot be followed; what was read before is shown until it can: %w", t.failed)
	}
	return t.config.Conditions.Of(RolePages)
}

// RolePages names what follows the table, in the log and the metrics.
const RolePages = "pages"

// await returns when Run has read all partitions up to what was committed, or with the
// context's error.
func (t *Table) await(ctx context.Context) error {
	select {
	case <-t.caughtUp:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sized sets the number of partitions. It is a permanent error if that has changed.
func (t *Table) sized(partitions int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.replicas) > 0 {
		return processors.SamePartitions(t.config.Topology.HeatTable, len(t.replicas), partitions)
	}
	for range partitions {
		t.replicas = append(t.replicas, &replica{})
	}
	return nil
}

// take gives a session the partitions that it owns, as far as they were read, until put is
// called for each.
func (t *Table) take(owned []int32) (map[int32]*store.Partition, error) {
	t.mu.Lock()
	if i := slices.IndexFunc(owned, func(id int32) bool { return int(id) >= len(t.replicas) }); i >= 0 {
		defer t.mu.Unlock()
		return nil, processors.SamePartitions(t.config.Topology.HeatTable, len(t.replicas), int(owned[i])+1)
	}
	for _, id := range owned {
		t.replicas[id].owned = true
	}
	under := t.pass
	t.mu.Unlock()
	if under != nil {
		under.stop(errChanged)
		<-under.ended // it uses them until then
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.stores.Begin(owned) {
		t.replicas[p.ID()].shown = nil
		t.discard(p)
	}
	taken := make(map[int32]*store.Partition)
	for _, id := range owned {
		r := t.replicas[id]
		r.err = nil
		if err := t.fill(id, r); err != nil {
			for _, id := range owned {
				r := t.replicas[id]
				r.owned = false
				t.keep(r, nil)
			}
			return nil, err
		}
		taken[id] = r.partition
	}
	return taken, nil
}

// restored is called when the owner of a partition has restored it.
func (t *Table) restored(id int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.show(t.replicas[id])
}

// put takes a partition back from a session, and reports whether it is kept. The end of the
// session is no fault.
func (t *Table) put(p *store.Partition, fault error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if errors.Is(fault, errSessionOver) {
		fault = nil
	}
	r := t.replicas[p.ID()]
	r.owned, r.current = false, r.shown == p
	kept := t.keep(r, fault)
	if t.pass != nil {
		t.pass.stop(errChanged)
	}
	return kept
}

// keep keeps the partition of a replica that nobody uses any more, or else drops it; mu is held.
func (t *Table) keep(r *replica, fault error) bool {
	if r.partition == nil {
		return false
	}
	if !t.stores.Keep(r.partition, fault) {
		t.drop(r)
		return false
	}
	r.partition = nil
	return true
}

// fill gives a replica the partition that was kept, or an empty one; mu is held.
func (t *Table) fill(id int32, r *replica) (err error) {
	if r.partition = t.stores.Take(id); r.partition != nil {
		return nil
	}
	c := store.Config{ID: id, Partitions: int32(len(t.replicas)), Scorer: t.config.Scorer, Top: t.config.Top, Boards: t.config.Boards}
	if t.config.Disk == nil {
		r.partition = store.New(c)
		return nil
	}
	r.partition, err = t.config.Disk.New(c)
	return err
}

// show lets a partition that was read answer from now on; mu is held.
func (t *Table) show(r *replica) {
	before := r.shown
	r.shown = r.partition
	if before != nil && before != r.shown {
		t.discard(before)
	}
}

// drop gives up a partition; mu is held. If the table is followed it answers until another has
// been read.
func (t *Table) drop(r *replica) {
	p := r.partition
	r.partition, r.current = nil, false
	if !t.config.Follow && r.shown == p {
		r.shown = nil
	}
	if p != nil && p != r.shown {
		t.discard(p)
	}
}

func (t *Table) discard(p *store.Partition) {
	if err := p.Discard(); err != nil {
		t.config.Logger.Warn("the files of a released heat partition were not deleted", "partition", p.ID(), "error", err)
	}
}

// Run follows all partitions that no session owns until ctx is done, and then returns nil. It
// returns an error if they cannot be read; called again, it goes on where it was.
func (t *Table) Run(ctx context.Context) error {
	err := t.run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = err
	for _, r := range t.replicas {
		r.current = false // it is compared with the log again
	}
	return err
}

func (t *Table) run(ctx context.Context) error {
	table, err := t.config.Cluster.Topic(ctx, t.config.Topology.HeatTable)
	if err != nil {
		return kafka.Missing(t.config.Topology.HeatTable, err)
	}
	if err := t.sized(len(table.Leaders)); err != nil {
		return err
	}
	for {
		select {
		case <-time.After(passPause):
		case <-ctx.Done():
		}
		if err := t.once(ctx); !errors.Is(err, errChanged) {
			return err
		}
	}
}

// once is one pass. It returns errChanged when there is to be another.
func (t *Table) once(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	under := &pass{stop: stop, ended: make(chan struct{})}
	defer close(under.ended)
	unread, current, err := t.begin(under)
	if err != nil {
		return err
	}
	parts, reading := errgroup.WithContext(ctx)
	if len(unread) > 0 {
		parts.Go(func() error {
			if err := t.catchUp(reading, unread); err != nil {
				return err
			}
			return errChanged // they are read on with the others
		})
	}
	parts.Go(func() error { return t.tail(reading, current) })
	err = parts.Wait()
	t.end(under)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// begin begins a pass with the partitions that are not owned.
func (t *Table) begin(under *pass) (unread, current map[int32]*store.Partition, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	unread, current = make(map[int32]*store.Partition), make(map[int32]*store.Partition)
	for i, r := range t.replicas {
		id := int32(i)
		if r.owned || r.err != nil {
			continue
		}
		if err := t.fill(id, r); err != nil {
			t.release(under)
			return nil, nil, err
		}
		under.ids = append(under.ids, id)
		r.partition.Resume()
		if r.current {
			current[id] = r.partition
		} else {
			unread[id] = r.partition
		}
	}
	if len(unread) == 0 {
		t.failed = nil
		t.first.Do(func() { close(t.caughtUp) })
	}
	t.pass = under
	return unread, current, nil
}

// end ends a pass.
func (t *Table) end(under *pass) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass = nil
	t.release(under)
}

// release keeps the partitions of a pass; mu is held.
func (t *Table) release(under *pass) {
	for _, id := range under.ids {
		t.keep(t.replicas[id], nil)
	}
}

// catchUp reads each partition up to what is committed now.
func (t *Table) catchUp(ctx context.Context, unread map[int32]*store.Partition) error {
	parts, ctx := errgroup.WithContext(ctx)
	for id, p := range unread {
		parts.Go(func() error {
			bounds, err := t.config.Cluster.Bounds(ctx, t.config.Topology.HeatTable, id)
			if at, _ := p.GetOffset(-1); err == nil && at >= bounds.End {
				err = fmt.Errorf("reading topic %s partition %d at offset %d: %w", t.config.Topology.HeatTable, id, at+1, kafka.ErrEndsBefore)
			}
			if err == nil {
				err = restoreTable(ctx, t.config.Settings, p, bounds.Stable, nil)
			}
			if err != nil {
				return t.unfit(ctx, id, err)
			}
			t.mu.Lock()
			defer t.mu.Unlock()
			r := t.replicas[id]
			r.current = true
			t.show(r)
			return nil
		})
	}
	return parts.Wait()
}

// tail reads partitions on as records come.
func (t *Table) tail(ctx context.Context, current map[int32]*store.Partition) error {
	if len(current) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	table := t.config.Topology.HeatTable
	from, positions := make(map[int32]int64), make(map[int32]*Position)
	for id, p := range current {
		from[id] = kafka.Beginning
		if at, _ := p.GetOffset(-1); at >= 0 {
			from[id] = at + 1
		}
		positions[id] = t.config.Progress.Begin(processors.Work{Role: RolePages, Topic: table, Partition: id})
		defer positions[id].End()
		positions[id].Reached(max(from[id], 0))
	}
	records, err := t.config.Cluster.Follow(ctx, "table", table, from)
	if err != nil {
		return err
	}
	defer records.Close()
	for r := range records.Records() {
		p := current[r.Partition]
		if err := restoreRecord(p, table, r.Partition, r.Offset, string(r.Key), r.Value, removed(r)); err != nil {
			if err := t.unfit(ctx, r.Partition, err); err != nil {
				return err
			}
			return errChanged
		}
		if err := p.SetOffset(r.Offset); err != nil {
			return err
		}
		positions[r.Partition].Reached(r.Offset + 1)
	}
	return records.Err()
}

// unfit returns an error of following a partition if the next try may succeed, see
// processors.AfterFollowing.
func (t *Table) unfit(ctx context.Context, id int32, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.replicas[id]
	gone := errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kafka.ErrEndsBefore)
	switch processors.AfterFollowing(err, gone, r.partition.Failed() != nil) {
	case processors.FollowOn:
		return err
	case processors.FollowAnew:
		t.drop(r)
		return err
	case processors.FollowNoMore:
	}
	r.err = err
	if r.shown != nil && r.shown != r.partition {
		t.discard(r.shown)
	}
	r.shown = nil
	t.drop(r)
	t.config.Logger.With("topic", t.config.Topology.HeatTable, "partition", id).Warn("stopped following a partition of the table", failure.Attrs(err)...)
	return nil
}
