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
	cancel   context.CancelFunc
	readers  sync.WaitGroup

	mu         sync.Mutex
	partitions map[int32]*store.Partition
}

// standbyPause is how long a reader waits after an error.
const standbyPause = time.Second

// startStandby begins to follow the given partitions from where they are.
func startStandby(s Settings, partitions map[int32]*store.Partition) *standby {
	ctx, cancel := context.WithCancel(context.Background())
	b := &standby{settings: s, cancel: cancel, partitions: maps.Clone(partitions)}
	for id, p := range partitions {
		p.Resume()
		b.readers.Go(func() { b.keepFollowing(ctx, id, p) })
	}
	return b
}

// stop ends all readers and gives their partitions back: each holds all
// records up to its changelog offset, and no other.
func (b *standby) stop() map[int32]*store.Partition {
	b.cancel()
	b.readers.Wait()
	return b.partitions
}

func (b *standby) keepFollowing(ctx context.Context, id int32, p *store.Partition) {
	for ctx.Err() == nil {
		err := b.follow(ctx, id, p)
		if err == nil {
			return
		}
		b.settings.Logger.Warn("a standby can not read the table and tries again",
			"topic", b.settings.Topology.HeatTable, "partition", id, "error", err)
		if errors.Is(err, sarama.ErrOffsetOutOfRange) || p.Failed() != nil {
			b.mu.Lock()
			delete(b.partitions, id) // a take-over restores it from the beginning
			b.mu.Unlock()
			return
		}
		select {
		case <-time.After(standbyPause):
		case <-ctx.Done():
		}
	}
}

func (b *standby) follow(ctx context.Context, id int32, p *store.Partition) error {
	consumer, err := sarama.NewConsumer(b.settings.Brokers, b.settings.tableConfig("standby"))
	if err != nil {
		return fmt.Errorf("connecting a consumer: %w", err)
	}
	defer func() { _ = consumer.Close() }()
	from := int64(sarama.OffsetOldest)
	if at, _ := p.GetOffset(-1); at >= 0 {
		from = at + 1
	}
	claim, err := consumer.ConsumePartition(b.settings.Topology.HeatTable, id, from)
	if err != nil {
		return fmt.Errorf("reading from offset %d: %w", from, err)
	}
	defer func() { _ = claim.Close() }()
	for {
		select {
		case m := <-claim.Messages():
			if err := p.Set(string(m.Key), m.Value); err != nil {
				return fmt.Errorf("offset %d: %w", m.Offset, err)
			}
			if err := p.SetOffset(m.Offset); err != nil {
				return err
			}
		case err := <-claim.Errors():
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

// startStandby follows all partitions that are not owned.
func (h *Heat) startStandby(owned []int32) {
	if !h.config.Standby {
		return
	}
	h.mu.Lock()
	follow := make(map[int32]*store.Partition)
	for p := range h.partitions.Load() {
		if !slices.Contains(owned, p) {
			if follow[p] = h.kept[p]; follow[p] == nil {
				follow[p] = store.New(p, h.config.Weights, h.config.Top)
			}
			delete(h.kept, p)
		}
	}
	h.mu.Unlock()
	h.standby = startStandby(h.config.Settings, follow)
}
