package topics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topology"
)

// Totals are the totals in the heat table, with where counting goes on: what stays when everything
// else is deleted.
type Totals struct {
	// Behaviours is how many there are in all.
	Behaviours uint64
	// Partitions is the number of heat partitions that have counted something.
	Partitions int
	// OtherOutput is the output that the ranking has published to so far, if it is another one
	// than now; its table must be deleted then.
	OtherOutput string

	topo    *topology.Topology
	records []*kafka.Record
	next    map[int32]int64 // what the ingest group has read, by input partition
}

// FindTotals reads the table and decides where counting goes on. It changes nothing. The error is
// permanent if there are no totals, or if from does not fit: with FromProgress the input must be
// the one that was counted, otherwise it must be another.
func FindTotals(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, from InputFrom) (*Totals, error) {
	c, err := FindContinuation(ctx, cluster, topo.Input, from)
	if err != nil {
		return nil, err
	}
	progress, err := readProgress(ctx, cluster, topo.HeatTable)
	if err != nil {
		return nil, err
	}
	if len(progress) == 0 {
		return nil, failure.New(failure.StartOver, "topic %s has no totals to keep", topo.HeatTable)
	}
	t := &Totals{topo: topo, Partitions: len(progress)}
	for _, partition := range slices.Sorted(maps.Keys(progress)) {
		p := progress[partition]
		// An earlier call may have ended too early for the other partitions.
		replaced, err := c.Apply(&p, p.Behavior.IsZero())
		if err != nil {
			return nil, err
		}
		t.add(partition, codec.ProgressKey(partition), codec.AppendProgress(nil, &p))
		if replaced {
			t.add(partition, codec.KeptKey(partition), codec.AppendKept(nil, codec.Kept{Behaviours: p.Counted, KeptAt: time.Now().UnixMilli()}))
		}
		t.Behaviours += p.Counted
		progress[partition] = p
	}
	t.next = c.Next(progress)
	t.OtherOutput, err = otherOutput(ctx, cluster, topo)
	return t, err
}

// add adds a record of the table.
func (t *Totals) add(partition int32, key string, value []byte) {
	t.records = append(t.records, &kafka.Record{Topic: t.topo.HeatTable, Partition: partition, Key: []byte(key), Value: value})
}

// readProgress reads the committed progress of all partitions of the heat table.
func readProgress(ctx context.Context, cluster *kafka.Cluster, table string) (map[int32]codec.Progress, error) {
	progress := map[int32]codec.Progress{}
	err := readCommitted(ctx, cluster, table, func(r *kafka.Record) error {
		kind, _, internal := codec.InternalKey(string(r.Key))
		switch {
		case internal && kind == codec.KindProgress:
			p, err := codec.DecodeProgress(r.Value)
			if err != nil {
				return err
			}
			progress[r.Partition] = p
		case internal && kind == codec.KindUnknown:
			return fmt.Errorf("a record with the key %q: %w", r.Key, codec.ErrVersion)
		}
		return nil
	})
	return progress, err
}

// otherOutput is the output of the ranking's table, if it is another one; empty if there is no table.
func otherOutput(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology) (string, error) {
	e, err := storedEpoch(ctx, cluster, topo)
	if err != nil || e.Output == topo.Output {
		return "", err
	}
	return e.Output, nil
}

// storedEpoch is the epoch in the ranking's table, zero if there is none.
func storedEpoch(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology) (e codec.Epoch, err error) {
	found, err := cluster.Topics(ctx, topo.RankTable)
	if err != nil {
		return e, err
	}
	if kafka.Is(found[topo.RankTable].Err, kerr.UnknownTopicOrPartition) {
		return e, nil
	}
	err = readCommitted(ctx, cluster, topo.RankTable, func(r *kafka.Record) error {
		if string(r.Key) != codec.EpochKey() || r.Value == nil {
			return nil
		}
		e, err = codec.DecodeEpoch(r.Value)
		return err
	})
	return e, err
}

// readCommitted reads a topic up to its last stable offset.
func readCommitted(ctx context.Context, cluster *kafka.Cluster, topic string, each func(*kafka.Record) error) error {
	bounds, err := cluster.AllBounds(ctx, topic)
	if err != nil {
		return err
	}
	for partition, b := range bounds {
		b.End = b.Stable
		bounds[partition] = b
	}
	return cluster.ReadBounds(ctx, topic, bounds, func(r *kafka.Record) error {
		if err := each(r); err != nil {
			return fmt.Errorf("topic %s partition %d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		return nil
	})
}

// Keep writes where counting goes on. It comes after Kept.Delete: with the old behaviour topic, its
// ranges would be counted again. If it fails, everything may be repeated.
func (t *Totals) Keep(ctx context.Context, cluster *kafka.Cluster) error {
	sender, err := cluster.Sender("reset", t.topo.HeatTable, kafka.Sending{Placed: true, Within: time.Minute})
	if err != nil {
		return err
	}
	defer sender.Close()
	for _, r := range t.records {
		if err := sender.Queue(r); err != nil {
			return err
		}
	}
	if err := sender.Drain(); err != nil {
		return err
	}
	if len(t.next) == 0 {
		return nil
	}
	err = cluster.Commit(ctx, t.topo.IngestGroup, t.topo.Input, t.next)
	if kafka.Is(err, kerr.GroupAuthorizationFailed) {
		return nil // instances have the right. Ingest reads more, and heat drops what it has counted.
	}
	return err
}
