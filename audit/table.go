package audit

import (
	"context"
	"fmt"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/topology"
)

// Snapshot says what state of a table partition was read.
type Snapshot struct {
	// Partition of the table.
	Partition int32
	// End is the last stable offset that the state was read at.
	End int64
	// Known is false where the partition holds no progress: nothing has been
	// counted into it yet.
	Known bool
	// Progress is how far the partition had counted; where it is not Known,
	// the zero value.
	Progress codec.Progress
}

// covers is the highest offset of an input partition that the partition has
// counted, -1 for none.
func (s *Snapshot) covers(input int) int64 {
	if !s.Known || input >= len(s.Progress.To) {
		return -1
	}
	return max(-1, s.Progress.To[input]) // it may be less where nothing was heard of it
}

// begins is the offset of an input partition that the partition began to count at.
func (s *Snapshot) begins(input int) int64 {
	if input >= len(s.Progress.Begin) {
		return 0
	}
	return s.Progress.Begin[input]
}

// lost is how many messages of an input partition the partition has not seen, at
// most.
func (s *Snapshot) lost(input int) uint64 {
	if input >= len(s.Progress.Lost) {
		return 0
	}
	return s.Progress.Lost[input]
}

// ReadPartition reads a partition of a heat table as committed, up to the last
// stable offset at the call. It calls page for every record of a page, in the
// order of their offsets, so the last call for a page holds; totals are nil where
// the page was removed. name is only valid during the call, totals stay the
// callee's. Nothing is kept here: what page does not keep costs no memory.
//
// What page has seen by the end is the exact totals at the Snapshot's progress,
// whatever is written meanwhile. An error names topic, partition and offset.
func ReadPartition(ctx context.Context, cluster *kafka.Cluster, table string, partition int32,
	page func(name []byte, totals *heat.Totals),
) (Snapshot, error) {
	t, err := lookAt(ctx, cluster, table)
	if err != nil {
		return Snapshot{}, err
	}
	return readPartition(ctx, cluster, t, partition, page, func(int) {})
}

// readPartition is ReadPartition of a table that was looked at; it tells read of
// the offsets that are done.
func readPartition(ctx context.Context, cluster *kafka.Cluster, table topic, partition int32,
	page func(name []byte, totals *heat.Totals), read func(offsets int),
) (Snapshot, error) {
	if int(partition) >= len(table.end) {
		return Snapshot{}, fmt.Errorf("topic %s has no partition %d", table.Name, partition)
	}
	s := Snapshot{Partition: partition, End: table.end[partition]}
	at := table.start[partition]
	err := table.read(ctx, cluster, partition, at, s.End, func(records []*kafka.Record, next int64) error {
		for _, r := range records {
			if err := s.take(r, page); err != nil {
				return fmt.Errorf("topic %s partition %d offset %d: %w", table.Name, partition, r.Offset, err)
			}
		}
		read(int(next - at))
		at = next
		return nil
	})
	return s, err
}

// take reads one record of the table.
func (s *Snapshot) take(r *kafka.Record, page func(name []byte, totals *heat.Totals)) error {
	if len(r.Key) > 0 && r.Key[0] == '|' { // no page's, see codec.InternalKey
		kind, of, _ := codec.InternalKey(string(r.Key))
		if kind != codec.KindProgress {
			return nil
		}
		if of != s.Partition {
			return fmt.Errorf("this is the progress of partition %d: the table was not written by pageheat alone", of)
		}
		progress, err := codec.DecodeProgress(r.Value)
		if err != nil {
			return fmt.Errorf("decoding the progress: %w", err)
		}
		s.Known, s.Progress = true, progress
		return nil
	}
	if r.Value == nil {
		page(r.Key, nil)
		return nil
	}
	totals, err := codec.DecodePageState(r.Value)
	if err != nil {
		return fmt.Errorf("decoding the totals of page %q: %w", r.Key, err)
	}
	page(r.Key, &totals)
	return nil
}

// ReadPage reads one page's totals from the table as committed; known is false
// where the table does not hold the page. It reads the page's partition only, and
// keeps nothing of the others' pages.
func ReadPage(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, page string) (totals heat.Totals, known bool, err error) {
	table, err := lookAt(ctx, cluster, topo.HeatTable)
	if err != nil {
		return heat.Totals{}, false, err
	}
	partition := topology.Partition(page, len(table.end))
	_, err = readPartition(ctx, cluster, table, partition, func(name []byte, t *heat.Totals) {
		if string(name) != page {
			return
		}
		if known = t != nil; known {
			totals = *t
		}
	}, func(int) {})
	if err != nil || !known {
		return heat.Totals{}, false, err
	}
	return totals, true, nil
}
