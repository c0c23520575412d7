package adapter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lovoo/goka/storage"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/store"
)

// restoreWait is how long a fetch of the changelog waits for something to come.
const restoreWait = 50 * time.Millisecond

// restoreTable reads the changelog of a partition of the heat table, from where the
// partition is up to the fence of its take-over. goka's own restore, which hands
// each record on by itself and keeps statistics of it, takes twice as long; it
// finds nothing left to do then. It returns a PermanentError for a record that does
// not decode, and errSessionOver when ctx ends.
func restoreTable(ctx context.Context, s Settings, p *store.Partition, fenceAt int64) error {
	table, id := s.Topology.HeatTable, p.ID()
	from := kgo.NewOffset().AtStart()
	at, err := p.GetOffset(-1)
	if err != nil {
		return fmt.Errorf("restoring %s partition %d: %w", table, id, err)
	}
	if at >= fenceAt {
		return nil
	}
	if at >= 0 {
		from = kgo.NewOffset().At(at + 1)
	}
	client, err := s.Cluster.Client("restore",
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{table: {id: from}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(restoreWait),
		kgo.FetchMaxPartitionBytes(1<<20),
	)
	if err != nil {
		return fmt.Errorf("restoring %s partition %d: %w", table, id, err)
	}
	defer client.Close()
	watch := watchRestore(ctx, s, table, id, at, fenceAt)
	defer watch.end()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return errSessionOver
		}
		if err := fetches.Err(); err != nil {
			return kafka.Explain(fmt.Errorf("restoring %s partition %d: %w", table, id, err), kafka.OnTopic("Read", table))
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			if err := restoreRecord(p, table, id, r.Offset, string(r.Key), r.Value); err != nil {
				return err
			}
			at = r.Offset
		}
		if err := p.SetOffset(at); err != nil {
			return fmt.Errorf("restoring %s partition %d: %w", table, id, err)
		}
		watch.at.Store(at)
		if at >= fenceAt {
			return nil
		}
	}
}

// restoreRecord takes a record of the changelog, or says why the table can not be
// trusted.
func restoreRecord(s storage.Storage, topic string, partition int32, offset int64, key string, value []byte) error {
	var err error
	if value == nil {
		err = s.Delete(key)
	} else {
		err = s.Set(key, value)
	}
	if err == nil {
		return nil
	}
	return tableFailure(fmt.Errorf("restoring %s partition %d, offset %d: %w", topic, partition, offset, err))
}

// tableFailure is the error of a table that is not fit for use, with what to do.
func tableFailure(err error) error {
	if errors.Is(err, store.ErrDisk) {
		return err
	}
	if p := failure.As(err); p != nil && !errors.Is(err, codec.ErrMalformed) {
		return p
	}
	return failure.New(failure.Damaged, "the table can not be trusted: %w", err)
}
