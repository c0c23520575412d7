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

// InputFrom is where counting goes on after the input was replaced by another topic.
type InputFrom string

// The choices. Only an operator knows which is right: offsets of another topic say nothing about
// what was counted.
const (
	// FromProgress goes on where the table stands. The input must be the topic that it counted.
	FromProgress InputFrom = ""
	// FromEarliest counts everything in the input: nothing of it was counted before.
	FromEarliest InputFrom = "earliest"
	// FromLatest counts what comes next: everything in the input was counted before.
	FromLatest InputFrom = "latest"
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
	k := keeper{from: from, now: time.Now()}
	if err := k.lookAt(ctx, cluster, topo.Input); err != nil {
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
		records, err := k.keep(partition, &p)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			r.Topic, r.Partition = topo.HeatTable, partition
		}
		t.records = append(t.records, records...)
		t.Behaviours += p.Counted
		progress[partition] = p
	}
	t.next = k.next(progress)
	t.OtherOutput, err = otherOutput(ctx, cluster, topo)
	return t, err
}

// keeper decides where the heat partitions go on.
type keeper struct {
	input kafka.Topic
	from  InputFrom
	ends  []int64 // of the input, by partition
	now   time.Time
}

// lookAt looks the input up. It need not exist if everything in it will be counted.
func (k *keeper) lookAt(ctx context.Context, cluster *kafka.Cluster, input string) error {
	found, err := cluster.Topic(ctx, input)
	if k.from == FromEarliest && kafka.Is(err, kerr.UnknownTopicOrPartition) {
		return nil
	}
	if err != nil {
		return kafka.Missing(input, err)
	}
	bounds, err := cluster.AllBounds(ctx, input)
	if err != nil {
		return err
	}
	k.input, k.ends = found, make([]int64, len(found.Leaders))
	for partition, b := range bounds {
		if int(partition) < len(k.ends) {
			k.ends[partition] = b.End
		}
	}
	return nil
}

// keep sets where a heat partition goes on and returns the records that say so.
func (k *keeper) keep(partition int32, p *codec.Progress) ([]*kafka.Record, error) {
	same := p.Input == k.input.ID
	kept := p.Behavior.IsZero() // by an earlier call, which may have ended too early for the others
	replaced := false
	switch {
	case same && k.from != FromProgress && !kept:
		return nil, &failure.Setting{Name: "input-from", Err: fmt.Errorf(
			"topic %s is the input that was counted: leave it out, so that counting goes on where the table stands", k.input.Name)}
	case same, kept && k.from == FromProgress:
	case k.from == FromProgress:
		return nil, &failure.Setting{Name: "input-from", Err: fmt.Errorf(
			"the totals are of an input with the topic id %s, and topic %s has the id %s, so its offsets do not tell what was counted: "+
				"say earliest if nothing in it was counted, latest if everything was, and if some of it was, start over instead: `pageheat reset`",
			p.Input, k.input.Name, codec.TopicID(k.input.ID))}
	default:
		replaced = true
		p.Input, p.To, p.Begin, p.Lost = codec.TopicID{}, nil, nil, nil
	}
	if replaced && k.from == FromLatest {
		p.Input = k.input.ID
		for _, end := range k.ends {
			p.To, p.Begin, p.Lost = append(p.To, end-1), append(p.Begin, end), append(p.Lost, 0)
		}
	}
	p.Behavior, p.Next = codec.TopicID{}, 0
	records := []*kafka.Record{{Key: []byte(codec.ProgressKey(partition)), Value: codec.AppendProgress(nil, p)}}
	if replaced {
		records = append(records, &kafka.Record{Key: []byte(codec.KeptKey(partition)),
			Value: codec.AppendKept(nil, codec.Kept{Behaviours: p.Counted, KeptAt: k.now.UnixMilli()})})
	}
	return records, nil
}

// next is where ingest goes on: the lowest offset that a heat partition still needs. An input
// partition that one of them has not heard of is left out, and read from its beginning.
func (k *keeper) next(progress map[int32]codec.Progress) map[int32]int64 {
	next := map[int32]int64{}
	for q := range k.ends {
		lowest := k.ends[q]
		for _, p := range progress {
			if p.Input != k.input.ID || q >= len(p.To) {
				lowest = 0
				break
			}
			lowest = min(lowest, max(p.To[q]+1, 0))
		}
		if lowest > 0 {
			next[int32(q)] = lowest
		}
	}
	return next
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
	found, err := cluster.Topics(ctx, topo.RankTable)
	if err != nil {
		return "", err
	}
	if kafka.Is(found[topo.RankTable].Err, kerr.UnknownTopicOrPartition) {
		return "", nil
	}
	other := ""
	err = readCommitted(ctx, cluster, topo.RankTable, func(r *kafka.Record) error {
		if string(r.Key) != codec.EpochKey() || r.Value == nil {
			return nil
		}
		e, err := codec.DecodeEpoch(r.Value)
		if err != nil {
			return err
		}
		if other = e.Output; other == topo.Output {
			other = ""
		}
		return nil
	})
	return other, err
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
