package snapshot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topics"
	"pageheat/topology"
)

// Source is where totals come from: a [Snapshot], or a file.
type Source interface {
	// Cut is where the totals were taken.
	Cut() Cut
	// Pages yields every page once. It ends with an error if not all are there.
	Pages(ctx context.Context) iter.Seq2[Page, error]
	// Kept is how many behaviours are not of the input of the cut, at most. It is known when
	// Pages has ended.
	Kept() uint64
	// Forgotten is what is kept of forgotten pages. It is known when Pages has ended.
	Forgotten() *Forgotten
}

// SeedConfig says what to seed.
type SeedConfig struct {
	// Cluster reaches the brokers. It is not closed.
	Cluster *kafka.Cluster
	// Topology names the topics. They must exist.
	Topology *topology.Topology
	// From is where counting goes on if the input is not the one that was counted.
	From topics.InputFrom
	// Progress, if not nil, is told how far each step is.
	Progress Progress
}

// Seeded is the result of [Seed].
type Seeded struct {
	// Pages and Behaviours are how many were written, to a number of Partitions.
	Pages, Behaviours uint64
	Partitions        int
	// Gone is how many offsets of the input are not counted and not there any more.
	Gone int64
}

// CountedError says that a deployment cannot be seeded, since it holds something.
type CountedError struct {
	// Detail says what it holds.
	Detail string
	// Same is whether it holds what a Seed of the same source has left, and no instance has
	// counted since.
	Same bool
}

// Error says what it holds.
func (e *CountedError) Error() string { return "the deployment is not empty: " + e.Detail }

// notEmpty is the error of a deployment that holds something.
func notEmpty(format string, args ...any) error {
	return &failure.Permanent{Hint: "to give up what it holds, run `pageheat reset` and `pageheat topics create`", Err: &CountedError{Detail: fmt.Sprintf(format, args...)}}
}

// Seed writes totals into a deployment that has counted nothing. It then continues at the cut of the
// source, or where From says. All or nothing is written: it is one transaction. So a Seed that was
// interrupted may be repeated, and one that was done is refused with a [CountedError].
//
// Instances must be stopped. One that starts meanwhile makes the Seed fail, or restores what it has
// written.
func Seed(ctx context.Context, cfg SeedConfig, source Source) (Seeded, error) {
	s := &seeder{SeedConfig: cfg, source: source, cut: source.Cut()}
	var err error
	if s.continuation, err = topics.FindContinuation(ctx, cfg.Cluster, cfg.Topology.Input, cfg.From); err != nil {
		return Seeded{}, err
	}
	if err := s.check(ctx); err != nil {
		return Seeded{}, err
	}
	if s.tx, err = cfg.Cluster.Transaction(ctx, "import", cfg.Topology.HeatTable, cfg.Topology.ImportTransactionalID()); err != nil {
		return Seeded{}, err
	}
	defer s.tx.Close()
	if err := s.empty(ctx); err != nil {
		return Seeded{}, err
	}
	if err := s.write(ctx); err != nil {
		return Seeded{}, err
	}
	if err := s.tx.Commit(ctx); err != nil {
		return Seeded{}, err
	}
	return s.seeded, s.finish(ctx)
}

// seeder is a running Seed.
type seeder struct {
	SeedConfig
	source       Source
	cut          Cut
	continuation *topics.Continuation

	tx     *kafka.Transaction
	ends   []int64 // of the table, before anything is written
	seeded Seeded
	next   map[int32]int64 // where ingest goes on
}

// check looks at all but the table.
func (s *seeder) check(ctx context.Context) error {
	p, _, err := s.continued(0, 1, 1)
	if err != nil {
		return err
	}
	s.seeded.Gone = s.continuation.Gone(&p)
	t := s.Topology
	if _, err := topics.Stopped(ctx, s.Cluster, t.IngestGroup, t.HeatGroup, t.RankGroup); err != nil {
		return err
	}
	behavior, err := s.Cluster.Topic(ctx, t.Behavior)
	if err != nil {
		return kafka.Missing(t.Behavior, err)
	}
	table, err := s.Cluster.Topic(ctx, t.HeatTable)
	if err != nil {
		return kafka.Missing(t.HeatTable, err)
	}
	if len(behavior.Leaders) != len(table.Leaders) {
		return failure.New(failure.StartOver, "topic %s has %d partitions, and topic %s has %d", t.Behavior, len(behavior.Leaders), t.HeatTable, len(table.Leaders))
	}
	return nil
}

// continued returns the progress of a heat partition, one of a number of partitions, and whether its behaviours
// are not of the input.
func (s *seeder) continued(partition, partitions int32, behaviours uint64) (p codec.Progress, replaced bool, err error) {
	p = s.cut.progress(partition, partitions, behaviours)
	if s.From == topics.FromProgress && s.cut.beginning() {
		return p, behaviours > 0, nil
	}
	if replaced, err = s.continuation.Apply(&p, false); err == nil {
		err = s.continuation.Reaches(&p)
	}
	return p, replaced, err
}

// empty looks whether the deployment is empty. The transaction is open: an earlier one has ended.
func (s *seeder) empty(ctx context.Context) error {
	if err := s.settled(ctx); err != nil {
		return err
	}
	table, err := LookAt(ctx, s.Cluster, s.Topology.HeatTable)
	if err != nil {
		return err
	}
	s.seeded.Partitions, s.ends = len(table.End), table.End
	for partition := range table.End {
		found := false
		err := table.Read(ctx, s.Cluster, int32(partition), table.Start[partition], table.End[partition], func(records []*kafka.Record, _ int64) error {
			found = found || len(records) > 0
			if len(records) > 0 {
				return errFound
			}
			return nil
		})
		if err != nil && !errors.Is(err, errFound) {
			return err
		}
		if found {
			return s.counted(ctx, table)
		}
	}
	behavior, err := s.Cluster.AllBounds(ctx, s.Topology.Behavior)
	if err != nil {
		return err
	}
	for partition, b := range behavior {
		if b.End > 0 {
			return notEmpty("topic %s partition %d has had ranges", s.Topology.Behavior, partition)
		}
	}
	offsets, err := s.Cluster.Committed(ctx, s.Topology.IngestGroup, s.Topology.Input)
	if err != nil {
		return err
	}
	if len(offsets) > 0 {
		return notEmpty("group %s has committed offsets of topic %s", s.Topology.IngestGroup, s.Topology.Input)
	}
	return nil
}

// errFound ends the reading of a table that holds something.
var errFound = errors.New("a record was found")

// counted is the error of a table that holds something.
func (s *seeder) counted(ctx context.Context, table Topic) error {
	behaviours, seeded := uint64(0), true
	for partition := range table.End {
		state, err := readProgress(ctx, s.Cluster, table, int32(partition))
		if err != nil {
			return err
		}
		behaviours += state.Progress.Counted
		want, _, err := s.continued(int32(partition), int32(len(table.End)), state.Progress.Counted)
		if err != nil {
			return err
		}
		want.Forget = codec.ForgetProgress{Taken: state.Progress.Forget.Taken}
		seeded = seeded && state.Known && slices.Equal(codec.AppendProgress(nil, &want), codec.AppendProgress(nil, &state.Progress))
	}
	if seeded && behaviours == s.cut.Behaviours {
		return &failure.Permanent{Hint: "start instances with `pageheat run`", Err: &CountedError{Same: true,
			Detail: fmt.Sprintf("topic %s holds the same %d behaviours already, and no instance has counted since", table.Name, behaviours)}}
	}
	if behaviours == 0 {
		return notEmpty("an instance has written to topic %s", table.Name)
	}
	return notEmpty("topic %s holds %d behaviours", table.Name, behaviours)
}

// write writes all pages, then the progress of each partition. Only its own records may lie between
// the end of a partition before and the last one: a new owner of the partition writes a fence before
// it restores. So an owner either has written before that end, and the table was not empty, or restores
// all of this.
func (s *seeder) write(ctx context.Context) error {
	partitions := int32(s.seeded.Partitions)
	counted := make([]uint64, partitions)
	add, done := s.Progress.Step("writing pages", 0)
	defer done()
	queue := func(partition int32, key string, value []byte) error {
		return s.tx.Queue(ctx, &kafka.Record{Topic: s.Topology.HeatTable, Partition: partition, Key: []byte(key), Value: value})
	}
	for page, err := range s.source.Pages(ctx) {
		if err != nil {
			return err
		}
		partition := topology.Partition(page.Name, int(partitions))
		if err := queue(partition, page.Name, page.Append(nil)); err != nil {
			return err
		}
		counted[partition] += page.Totals.Behaviours
		s.seeded.Behaviours += page.Totals.Behaviours
		s.seeded.Pages++
		add(1)
	}
	if s.seeded.Behaviours != s.cut.Behaviours {
		return failure.New(failure.Damaged, "the pages hold %d behaviours instead of %d", s.seeded.Behaviours, s.cut.Behaviours)
	}
	now, kept := time.Now(), s.source.Kept()
	forgotten, err := s.forgotten(partitions, queue)
	if err != nil {
		return err
	}
	all := map[int32]codec.Progress{}
	for partition := range partitions {
		p, replaced, err := s.continued(partition, partitions, counted[partition])
		if err != nil {
			return err
		}
		p.Forget.Taken = forgotten[partition]
		all[partition] = p
		if replaced {
			kept = p.Counted
		}
		if replaced || kept > 0 {
			k := codec.Kept{Behaviours: min(kept, p.Counted), KeptAt: now.UnixMilli()}
			if err := queue(partition, codec.KeptKey(partition), codec.AppendKept(nil, k)); err != nil {
				return err
			}
		}
		if err := queue(partition, codec.ProgressKey(partition), codec.AppendProgress(nil, &p)); err != nil {
			return err
		}
	}
	s.next = s.continuation.Next(all)
	written, err := s.tx.Flush(ctx)
	if err != nil {
		return err
	}
	for partition, end := range s.ends {
		if w := written[int32(partition)]; w.First != end || w.Last != end+w.Records-1 {
			return notEmpty("somebody else has written to topic %s partition %d meanwhile: stop all instances", s.Topology.HeatTable, partition)
		}
	}
	return nil
}

// forgotten writes what is kept of forgotten pages, and the sweeps, and returns how many each partition has. They are
// numbered as if the partition had taken in a request for each.
func (s *seeder) forgotten(partitions int32, queue func(partition int32, key string, value []byte) error) (numbers []uint64, err error) {
	numbers = make([]uint64, partitions)
	for hash, kept := range s.source.Forgotten().All() {
		partition := topology.PartitionOf(kept.Placed, int(partitions))
		numbers[partition]++
		one := *kept
		one.Number = numbers[partition]
		if s.From == topics.FromSameOffsets && one.Input == s.cut.Input {
			one.Input = s.continuation.Input()
		}
		if err := queue(partition, codec.ForgottenKey(hash), codec.AppendForgotten(nil, &one)); err != nil {
			return nil, err
		}
	}
	for _, sweep := range s.source.Forgotten().AllSweeps() {
		one := *sweep
		if s.From == topics.FromSameOffsets && one.Input == s.cut.Input {
			one.Input = s.continuation.Input()
		}
		for partition := range partitions {
			if !share(sweep, partition, partitions) {
				continue
			}
			numbers[partition]++
			one.Number = numbers[partition]
			if err := queue(partition, one.Key(), codec.AppendSweep(nil, &one)); err != nil {
				return nil, err
			}
		}
	}
	return numbers, nil
}

// share reports whether a page that a sweep may have dropped can be of a partition, one of a number of partitions.
func share(s *codec.Sweep, partition, partitions int32) bool {
	a, b := s.Partitions, partitions
	for b > 0 {
		a, b = b, a%b
	}
	return s.Partition%a == partition%a
}

// finish tells ingest where to go on, and waits until what was written is visible. Without the
// offsets, which comes to pass if it is interrupted here, ingest reads the whole input, and heat drops
// what is counted.
func (s *seeder) finish(ctx context.Context) error {
	if len(s.next) > 0 {
		err := s.Cluster.Commit(ctx, s.Topology.IngestGroup, s.Topology.Input, s.next)
		if err != nil {
			return fmt.Errorf("the pages were written; ingest will read the whole input, since where it goes on is unknown: %w", err)
		}
	}
	return s.settled(ctx)
}

const (
	// visibleWithin bounds the time until a transaction that was ended has ended on all partitions,
	// and visiblePause is the time between two looks.
	visibleWithin, visiblePause = 30 * time.Second, 50 * time.Millisecond
)

// settled waits until no transaction on the table is open.
func (s *seeder) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, visibleWithin)
	defer cancel()
	for {
		bounds, err := s.Cluster.AllBounds(ctx, s.Topology.HeatTable)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(bounds)), func(b kafka.Bounds) bool { return b.Stable < b.End }) {
			return nil
		}
		select {
		case <-time.After(visiblePause):
		case <-ctx.Done():
			return fmt.Errorf("waiting until no transaction on topic %s is open: %w", s.Topology.HeatTable, ctx.Err())
		}
	}
}
