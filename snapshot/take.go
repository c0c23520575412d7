package snapshot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/topology"
)

// ErrNothing says that there is nothing to take: the table has no totals.
var ErrNothing = errors.New("nothing was counted yet")

// drained is the hint of errors that a pipeline does not have that is stopped.
const drained = "stop all instances with SIGTERM, so that all partitions of the table end at the same offsets, and repeat `pageheat export`"

// Config says what to take a snapshot of.
type Config struct {
	// Cluster reaches the brokers. It is not closed.
	Cluster *kafka.Cluster
	// Topology names the topics.
	Topology *topology.Topology
	// Limits must be those that the input was counted with.
	Limits heat.Limits
	// Progress, if not nil, is told how far each step is.
	Progress Progress
}

// Snapshot is the totals of all pages at one cut. It belongs to one goroutine.
type Snapshot struct {
	cluster  *kafka.Cluster
	progress Progress
	table    Topic
	states   []State
	cut      Cut
	beyond   []map[string]*heat.Totals // by heat partition: what it has counted beyond the cut
	kept     uint64
}

// Take finds the cut of a table and recounts what was counted beyond it. The pages themselves are
// read by Pages. The error wraps [ErrNothing] if there are none. It is a [failure.Permanent] if the
// input no longer has what was counted beyond the cut.
func Take(ctx context.Context, cfg Config) (*Snapshot, error) {
	table, err := LookAt(ctx, cfg.Cluster, cfg.Topology.HeatTable)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{cluster: cfg.Cluster, progress: cfg.Progress, table: table, states: make([]State, len(table.End))}
	if err := s.readProgress(ctx); err != nil {
		return nil, err
	}
	if s.cut, err = findCut(s.states); err != nil {
		return nil, fmt.Errorf("topic %s: %w", table.Name, err)
	}
	if !slices.ContainsFunc(s.states, func(s State) bool { return s.Known }) {
		return nil, fmt.Errorf("topic %s: %w", table.Name, ErrNothing)
	}
	s.cut.Topic, s.cut.Limits = cfg.Topology.Input, cfg.Limits
	if err := s.recount(ctx); err != nil {
		return nil, err
	}
	for partition := range s.states {
		n, err := s.counted(partition)
		if err != nil {
			return nil, err
		}
		s.cut.Behaviours += n
	}
	return s, nil
}

// Cut is where the totals were taken.
func (s *Snapshot) Cut() Cut { return s.cut }

// Kept is how many behaviours are not of the present input, at most. It is known when Pages has
// ended.
func (s *Snapshot) Kept() uint64 { return s.kept }

// readProgress reads the progress of all partitions.
func (s *Snapshot) readProgress(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for partition := range s.states {
		group.Go(func() (err error) {
			s.states[partition], err = readProgress(ctx, s.cluster, s.table, int32(partition))
			return err
		})
	}
	return group.Wait()
}

// recount counts what partitions have counted beyond the cut. If all are at the cut, the input is not
// read.
func (s *Snapshot) recount(ctx context.Context) error {
	s.beyond = make([]map[string]*heat.Totals, len(s.states))
	total := int64(0)
	for q := range s.cut.To {
		from, to := s.cut.beyond(s.states, q)
		total += to - from
	}
	if total == 0 {
		return nil
	}
	input, err := s.input(ctx)
	if err != nil {
		return err
	}
	read, done := s.progress.Step("recounting what was counted beyond the cut", total)
	defer done()
	for q := range s.cut.To {
		from, to := s.cut.beyond(s.states, q)
		if from >= to {
			continue
		}
		if q >= len(input.End) || to > input.End[q] {
			return failure.New(failure.Recreated, "topic %s partition %d does not reach offset %d, up to which the table has counted it", input.Name, q, to-1)
		}
		if s.cut.gone(s.states, q, input.Start[q]) {
			return failure.New(drained, "partitions of topic %s have counted different parts of topic %s partition %d, which does not have offset %d any more",
				s.table.Name, input.Name, q, from)
		}
		err := EachMessage(ctx, s.cluster, input, int32(q), max(from, input.Start[q]), to, s.cut.Limits, func(r *kafka.Record, b heat.Behaviour, refusal *codec.Refusal) {
			if refusal != nil {
				return
			}
			p := topology.Partition(b.Page, len(s.states))
			if at := &s.states[p]; r.Offset > at.Covers(q) || r.Offset < at.Begins(q) {
				return
			}
			if s.beyond[p] == nil {
				s.beyond[p] = map[string]*heat.Totals{}
			}
			t := s.beyond[p][string(b.Page)]
			if t == nil {
				t = new(heat.Totals)
				s.beyond[p][string(b.Page)] = t
			}
			t.Count(b)
		}, read)
		if err != nil {
			return err
		}
	}
	return nil
}

// input looks up the input that was counted.
func (s *Snapshot) input(ctx context.Context) (Topic, error) {
	input, err := LookAt(ctx, s.cluster, s.cut.Topic)
	if err != nil {
		return input, fmt.Errorf("partitions of topic %s have counted different parts of the input: %w", s.table.Name, err)
	}
	if codec.TopicID(input.ID) != s.cut.Input {
		return input, failure.New(drained, "partitions of topic %s have counted different parts of an input with the topic id %s, and topic %s has the id %s",
			s.table.Name, s.cut.Input, input.Name, codec.TopicID(input.ID))
	}
	return input, nil
}

// counted is how many behaviours a partition holds at the cut.
func (s *Snapshot) counted(partition int) (uint64, error) {
	n := s.states[partition].Progress.Counted
	for _, t := range s.beyond[partition] {
		if t.Behaviours > n {
			return 0, s.differs(partition)
		}
		n -= t.Behaviours
	}
	return n, nil
}

// differs is the error of a partition that has not counted what was recounted.
func (s *Snapshot) differs(partition int) error {
	return failure.New("`pageheat audit` says what differs; --max-clicks and --max-minutes must be those of the instances",
		"topic %s partition %d has not counted what was recounted of topic %s", s.table.Name, partition, s.cut.Topic)
}

// Pages reads the table and yields all pages with their totals at the cut: by heat partition, and by
// name within one. It holds the pages of one partition in memory. It ends with an error if the pages
// do not add up to what was counted. It may be called again, within the table's min.compaction.lag.ms.
func (s *Snapshot) Pages(ctx context.Context) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		total := int64(0)
		for partition := range s.table.End {
			total += s.table.End[partition] - s.table.Start[partition]
		}
		read, done := s.progress.Step("reading the table", total)
		defer done()
		s.kept = 0
		for partition := range s.states {
			pages, err := s.pages(ctx, partition, read)
			if err != nil {
				yield(Page{}, err)
				return
			}
			for _, name := range slices.Sorted(maps.Keys(pages)) {
				if !yield(Page{Name: name, Totals: pages[name]}, nil) {
					return
				}
			}
		}
	}
}

// pages reads the pages of a partition.
func (s *Snapshot) pages(ctx context.Context, partition int, read func(offsets int)) (map[string]heat.Totals, error) {
	pages := map[string]heat.Totals{}
	state, err := ReadPartition(ctx, s.cluster, s.table, int32(partition), func(name []byte, totals *heat.Totals) {
		if totals == nil {
			delete(pages, string(name))
			return
		}
		pages[string(name)] = *totals
	}, read)
	if err != nil {
		return nil, err
	}
	s.kept += state.Kept
	for name, t := range s.beyond[partition] {
		page, ok := pages[name]
		if !ok || page.Sub(t) != nil {
			return nil, s.differs(partition)
		}
		if pages[name] = page; page.Behaviours == 0 {
			delete(pages, name)
		}
	}
	want, err := s.counted(partition)
	if err != nil {
		return nil, err
	}
	sum := uint64(0)
	for _, t := range pages {
		sum += t.Behaviours
	}
	if sum != want {
		return nil, failure.New(failure.Damaged, "the pages of topic %s partition %d hold %d behaviours, its progress says %d",
			s.table.Name, partition, sum, want)
	}
	return pages, nil
}
