package audit

import (
	"context"
	"fmt"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/topology"
)

// Snapshot describes the state that was read of a table partition.
type Snapshot struct {
	// Partition of the table.
	Partition int32
	// End is the last stable offset at which the state was read.
	End int64
	// Known is false if the partition has no progress: nothing was counted in it yet.
	Known bool
	// Progress is the partition's progress; the zero value if it is not Known.
	Progress codec.Progress
	// Kept is the number of its behaviours that are not of the present input, see [codec.Kept].
	Kept uint64
}

// covers returns the highest offset of an input partition that the partition has counted, -1
// for none.
func (s *Snapshot) covers(input int) int64 {
	if !s.Known || input >= len(s.Progress.To) {
		return -1
	}
	return max(-1, s.Progress.To[input]) // it may be lower if the partition is unknown
}

// begins returns the offset of an input partition at which the partition started to count.
func (s *Snapshot) begins(input int) int64 {
	if input >= len(s.Progress.Begin) {
		return 0
	}
	return s.Progress.Begin[input]
}

// lost returns the maximum number of messages of an input partition that the partition missed.
func (s *Snapshot) lost(input int) uint64 {
	if input >= len(s.Progress.Lost) {
		return 0
	}
	return s.Progress.Lost[input]
}

// readPartition reads a partition of a heat table as committed, up to the last stable offset
// when the topic was looked up. It calls page for every record of a page, in offset order, so the
// last call for a page is the valid one; totals are nil if the page was removed. name is only
// valid during the call; the callee owns totals. It reports finished offsets to read.
//
// The final totals are exact at the Snapshot's progress, regardless of concurrent writes. An
// error names topic, partition and offset.
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

// take handles one record of the table.
func (s *Snapshot) take(r *kafka.Record, page func(name []byte, totals *heat.Totals)) error {
	if len(r.Key) > 0 && r.Key[0] == '|' { // not a page, see codec.InternalKey
		kind, of, _ := codec.InternalKey(string(r.Key))
		if kind != codec.KindProgress && kind != codec.KindKept {
			return nil
		}
		if of != s.Partition {
			return fmt.Errorf("this is the %s of partition %d: another program writes to the table", kind, of)
		}
		if kind == codec.KindKept {
			kept, err := codec.DecodeKept(r.Value)
			if err != nil {
				return fmt.Errorf("decoding the kept totals: %w", err)
			}
			s.Kept = kept.Behaviours
			return nil
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

// ReadPage reads one page's totals from the table as committed; known is false if the table
// does not have the page. It reads only the page's partition and retains nothing of other
// pages.
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
