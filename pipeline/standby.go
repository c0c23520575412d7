package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"pageheat/kafka"
	"pageheat/store"
)

// standby follows the table partitions that other instances own, so that a
// take-over has little left to restore. goka has a standby of its own, but with
// it a take-over waits for all partitions.
type standby struct {
	settings Settings
	discard  func(*store.Partition)
	cancel   context.CancelFunc
	ended    chan struct{}

	partitions map[int32]*store.Partition // used by run alone, until it has ended
	caughtUp   chan struct{}              // closed when all were read up to what was committed then
}

// standbyPause is the pause of a standby after an error.
const standbyPause = time.Second

// startStandby begins to follow the given partitions from where they are. What cannot
// be followed any more is given to discard.
func startStandby(s Settings, partitions map[int32]*store.Partition, discard func(*store.Partition)) *standby {
	ctx, cancel := context.WithCancel(context.Background())
	b := &standby{settings: s, discard: discard, cancel: cancel, ended: make(chan struct{}),
		partitions: partitions, caughtUp: make(chan struct{})}
	for _, p := range partitions {
		p.Resume()
	}
	go b.run(ctx)
	return b
}

// await returns when all partitions were read up to what was committed, or with the
// context's error.
func (b *standby) await(ctx context.Context) error {
	select {
	case <-b.caughtUp:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends the standby and gives its partitions back: each holds all
// records up to its changelog offset, and no other.
func (b *standby) stop() map[int32]*store.Partition {
	b.cancel()
	<-b.ended
	return b.partitions
}

func (b *standby) run(ctx context.Context) {
	defer close(b.ended)
	first := sync.OnceFunc(func() { close(b.caughtUp) })
	for {
		err := b.catchUp(ctx)
		if err == nil {
			first()
			err = b.follow(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		b.settings.Logger.Warn("a standby cannot read the table; retrying", "topic", b.settings.Topology.HeatTable, "error", err)
		select {
		case <-time.After(standbyPause):
		case <-ctx.Done():
			return
		}
	}
}

// catchUp reads each partition up to what is committed now. One that cannot be read on is
// left to a take-over, which restores it from the beginning.
func (b *standby) catchUp(ctx context.Context) error {
	var mu sync.Mutex
	var lost []int32
	parts, ctx := errgroup.WithContext(ctx)
	for id, p := range b.partitions {
		parts.Go(func() error {
			bounds, err := b.settings.Cluster.Bounds(ctx, b.settings.Topology.HeatTable, id)
			if at, _ := p.GetOffset(-1); err == nil && at >= bounds.End {
				err = kafka.ErrEndsBefore
			}
			if err == nil {
				err = restoreTable(ctx, b.settings, p, bounds.Stable, nil)
			}
			if errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kafka.ErrEndsBefore) || p.Failed() != nil {
				b.settings.Logger.Warn("a standby stopped following a partition of the table", "topic", b.settings.Topology.HeatTable, "partition", id, "error", err)
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, id)
				return nil
			}
			return err
		})
	}
	err := parts.Wait()
	for _, id := range lost {
		b.discard(b.partitions[id])
		delete(b.partitions, id)
	}
	return err
}

// follow reads on as records come.
func (b *standby) follow(ctx context.Context) error {
	table := b.settings.Topology.HeatTable
	from := make(map[int32]int64, len(b.partitions))
	for id, p := range b.partitions {
		from[id] = kafka.Beginning
		if at, _ := p.GetOffset(-1); at >= 0 {
			from[id] = at + 1
		}
	}
	if len(from) == 0 {
		<-ctx.Done()
		return nil
	}
	records, err := b.settings.Cluster.Follow(ctx, "standby", table, from)
	if err != nil {
		return err
	}
	defer records.Close()
	for r := range records.Records() {
		p := b.partitions[r.Partition]
		if err := restoreRecord(p, table, r.Partition, r.Offset, string(r.Key), r.Value); err != nil {
			return err
		}
		if err := p.SetOffset(r.Offset); err != nil {
			return err
		}
	}
	return records.Err()
}

// stopStandby ends the standby, if there is one, and keeps its partitions.
func (h *Heat) stopStandby() {
	if h.standby == nil {
		return
	}
	for _, p := range h.standby.stop() {
		h.keep(p, nil)
	}
	h.standby = nil
}

// catchUp reads the whole table before this instance joins the group: until it
// can take over at once, the owners go on.
func (h *Heat) catchUp(ctx context.Context) error {
	if !h.config.Standby {
		return nil
	}
	table := h.config.Topology.HeatTable
	all, err := h.topics.partitions(ctx, table)
	if err != nil {
		return err
	}
	h.partitions.Store(int32(all))
	if err := h.startStandby(nil); err != nil {
		return err
	}
	return h.standby.await(ctx)
}

// startStandby follows all partitions that are not owned.
func (h *Heat) startStandby(owned []int32) error {
	if !h.config.Standby {
		return nil
	}
	follow := make(map[int32]*store.Partition)
	for p := range h.partitions.Load() {
		if slices.Contains(owned, p) {
			continue
		}
		partition, err := h.take(p)
		if err != nil {
			for _, partition := range follow {
				h.keep(partition, nil)
			}
			return err
		}
		follow[p] = partition
	}
	h.standby = startStandby(h.config.Settings, follow, h.discard)
	return nil
}
