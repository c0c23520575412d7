package adapter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"pageheat/store"
)

// standby follows the table partitions that other instances own, so that a
// take-over has little left to restore. goka has a standby of its own, but with
// it a take-over waits for all partitions.
type standby struct {
	settings Settings
	discard  func(*store.Partition)
	cancel   context.CancelFunc
	readers  sync.WaitGroup

	mu         sync.Mutex
	partitions map[int32]*store.Partition
	behind     sync.WaitGroup // readers that have not reached their target
}

// standbyPause is how long a reader waits after an error.
const standbyPause = time.Second

// startStandby begins to follow the given partitions from where they are. The
// targets are the changelog offsets, by partition, from which on await lets go. What can not
// be followed any more is given to discard.
func startStandby(s Settings, partitions map[int32]*store.Partition, targets map[int32]int64,
	discard func(*store.Partition)) *standby {
	ctx, cancel := context.WithCancel(context.Background())
	b := &standby{settings: s, discard: discard, cancel: cancel, partitions: maps.Clone(partitions)}
	b.behind.Add(len(partitions))
	for id, p := range partitions {
		p.Resume()
		b.readers.Go(func() {
			reached := sync.OnceFunc(b.behind.Done)
			defer reached()
			b.keepFollowing(ctx, id, p, targets[id], reached)
		})
	}
	return b
}

// await returns when every reader has reached its target, or with the
// context's error.
func (b *standby) await(ctx context.Context) error {
	reached := make(chan struct{})
	go func() { b.behind.Wait(); close(reached) }()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends all readers and gives their partitions back: each holds all
// records up to its changelog offset, and no other.
func (b *standby) stop() map[int32]*store.Partition {
	b.cancel()
	b.readers.Wait()
	return b.partitions
}

func (b *standby) keepFollowing(ctx context.Context, id int32, p *store.Partition, target int64, reached func()) {
	for ctx.Err() == nil {
		err := b.follow(ctx, id, p, target, reached)
		if err == nil {
			return
		}
		b.settings.Logger.Warn("a standby can not read the table and tries again",
			"topic", b.settings.Topology.HeatTable, "partition", id, "error", err)
		if errors.Is(err, sarama.ErrOffsetOutOfRange) || p.Failed() != nil {
			b.mu.Lock()
			delete(b.partitions, id) // a take-over restores it from the beginning
			b.mu.Unlock()
			b.discard(p)
			return
		}
		select {
		case <-time.After(standbyPause):
		case <-ctx.Done():
		}
	}
}

func (b *standby) follow(ctx context.Context, id int32, p *store.Partition, target int64, reached func()) error {
	consumer, err := b.settings.Cluster.Consumer("standby")
	if err != nil {
		return err
	}
	defer func() { _ = consumer.Close() }()
	from := sarama.OffsetOldest
	at, _ := p.GetOffset(-1)
	if at >= 0 {
		from = at + 1
	}
	if at >= target {
		reached()
	}
	claim, err := consumer.ConsumePartition(b.settings.Topology.HeatTable, id, from)
	if err != nil {
		return fmt.Errorf("reading from offset %d: %w", from, err)
	}
	defer func() { _ = claim.Close() }()
	return b.apply(ctx, claim, id, p, target, reached)
}

// apply takes the records of a table partition as they come, until ctx ends.
func (b *standby) apply(ctx context.Context, claim sarama.PartitionConsumer, id int32, p *store.Partition, target int64, reached func()) error {
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return readerClosed(b.settings.Topology.HeatTable, id)
			}
			if err := p.Set(string(m.Key), m.Value); err != nil {
				return fmt.Errorf("offset %d: %w", m.Offset, err)
			}
			if err := p.SetOffset(m.Offset); err != nil {
				return err
			}
			if m.Offset >= target {
				reached()
			}
		case err, ok := <-claim.Errors():
			if !ok {
				return readerClosed(b.settings.Topology.HeatTable, id)
			}
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// stopStandby ends the standby, if there is one, and keeps its partitions.
func (h *Heat) stopStandby() {
	if h.standby == nil {
		return
	}
	followed := h.standby.stop()
	h.standby = nil
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.kept, followed)
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
	targets := make(map[int32]int64, all)
	for p := range int32(all) {
		end, err := h.config.Cluster.CommittedEnd(ctx, table, p)
		if err != nil {
			return err
		}
		first, _, err := h.topics.bounds(ctx, table, p)
		if err != nil {
			return err
		}
		if targets[p] = end - 1; end == first {
			targets[p] = -1 // there is no record
		}
	}
	if err := h.startStandby(nil, targets); err != nil {
		return err
	}
	return h.standby.await(ctx)
}

// startStandby follows all partitions that are not owned.
func (h *Heat) startStandby(owned []int32, targets map[int32]int64) error {
	if !h.config.Standby {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	follow := make(map[int32]*store.Partition)
	for p := range h.partitions.Load() {
		if slices.Contains(owned, p) || h.kept[p] != nil {
			continue
		}
		var err error
		if follow[p], err = h.empty(p); err != nil {
			for _, partition := range follow {
				if partition != nil {
					h.discard(partition)
				}
			}
			return err
		}
	}
	for p := range h.partitions.Load() {
		if !slices.Contains(owned, p) && h.kept[p] != nil {
			follow[p] = h.kept[p]
			delete(h.kept, p)
		}
	}
	h.standby = startStandby(h.config.Settings, follow, targets, h.discard)
	return nil
}
