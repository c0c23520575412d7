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
	// DropTitles says that labels of pages are not counted.
	DropTitles bool
	// Progress, if not nil, is told how far each step is.
	Progress Progress
}

// Snapshot is the totals of all pages at one cut. It belongs to one goroutine.
type Snapshot struct {
	cluster    *kafka.Cluster
	unlabelled bool
	progress   Progress
	table      Topic
	states     []State
	cut        Cut
	numbers    []numbers                 // by heat partition
	others     []string                  // see Others
	lacks      []map[string]*sum         // by heat partition: what it has not counted up to the cut
	counts     []map[string]*heat.Totals // by heat partition: what it has counted, that others lack
	kept       uint64
	dropped    []uint64 // by heat partition: behaviours of pages that are dropped, and not removed yet
	above      string   // see Exceeding

	forgotten *Forgotten // known when Pages has ended
}

// Take finds the cut of a table and counts what partitions lack up to it. The pages themselves are
// read by Pages. The error wraps [ErrNothing] if there are none. It is a [failure.Permanent] if the
// input no longer has what they lack.
func Take(ctx context.Context, cfg Config) (*Snapshot, error) {
	table, err := LookAt(ctx, cfg.Cluster, cfg.Topology.HeatTable)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{cluster: cfg.Cluster, unlabelled: cfg.DropTitles, progress: cfg.Progress, table: table, states: make([]State, len(table.End)), dropped: make([]uint64, len(table.End))}
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
	if s.cut.Boards, s.numbers, s.others, err = findBoards(s.states); err != nil {
		return nil, fmt.Errorf("topic %s: %w", table.Name, err)
	}
	if err := s.count(ctx); err != nil {
		return nil, err
	}
	for partition := range s.states {
		s.cut.Behaviours += s.counted(partition)
	}
	return s, nil
}

// Others are the names of boards that are not in the snapshot: those that not all partitions count for, or
// whose definition is not known because an earlier version of pageheat counts.
func (s *Snapshot) Others() []string { return s.others }

// Cut is where the totals were taken.
func (s *Snapshot) Cut() Cut { return s.cut }

// Kept is how many behaviours are not of the present input, at most. It is known when Pages has
// ended.
func (s *Snapshot) Kept() uint64 { return s.kept }

// Exceeding is a page whose totals are not possible within the limits of the snapshot, empty if there is none: instances
// count with others, or have done so before. It is known when Pages has ended.
func (s *Snapshot) Exceeding() string { return s.above }

// Forgotten is what the table keeps of forgotten pages. It is known when Pages has ended.
func (s *Snapshot) Forgotten() *Forgotten { return s.forgotten }

// readProgress reads the progress of all partitions.
func (s *Snapshot) readProgress(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for partition := range s.states {
		group.Go(func() (err error) {
			if s.states[partition], err = readProgress(ctx, s.cluster, s.table, int32(partition)); err == nil {
				s.dropped[partition], err = s.unswept(ctx, partition)
			}
			return err
		})
	}
	return group.Wait()
}

// unswept counts the behaviours of pages of a partition that are dropped, and not removed from the table yet. There are
// none but for some time after a day's turn, and where an instance was stopped then.
func (s *Snapshot) unswept(ctx context.Context, partition int) (uint64, error) {
	state := &s.states[partition]
	if days := state.Progress.Days; days == nil || days.Swept {
		return 0, nil
	}
	dropped := map[string]uint64{}
	_, err := ReadPartition(ctx, s.cluster, s.table, int32(partition), func(name []byte, p *codec.PageState) {
		if p != nil && state.Dropped(p) {
			dropped[string(name)] = p.Totals.Behaviours
		} else {
			delete(dropped, string(name))
		}
	}, func(int) {})
	sum := uint64(0)
	for _, n := range dropped {
		sum += n
	}
	return sum, err
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
func (s *Snapshot) counted(partition int) uint64 {
	n := s.states[partition].Progress.Counted - s.dropped[partition]
	for _, t := range s.lacks[partition] {
		n += t.totals.Behaviours
	}
	return n
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
		s.kept, s.above, s.forgotten = 0, "", newForgotten(len(s.states))
		for partition := range s.states {
			pages, err := s.pages(ctx, partition, read)
			if err != nil {
				yield(Page{}, err)
				return
			}
			for _, name := range slices.Sorted(maps.Keys(pages)) {
				page, err := s.page(partition, name, pages[name])
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

// read is a page as the table has it.
type read struct {
	totals heat.Totals
	label  *codec.StampedLabel
	states codec.BoardStates
	// dropped says that it is not removed yet, see State.Dropped.
	dropped bool
}

// pages reads the pages of a partition.
func (s *Snapshot) pages(ctx context.Context, partition int, done func(offsets int)) (map[string]*read, error) {
	pages := map[string]*read{}
	state, err := ReadPartition(ctx, s.cluster, s.table, int32(partition), func(name []byte, p *codec.PageState) {
		if p == nil {
			delete(pages, string(name))
			return
		}
		pages[string(name)] = &read{totals: p.Totals, label: p.Label, states: p.Boards.Clone(), dropped: s.states[partition].Dropped(p)}
	}, done)
	if err != nil {
		return nil, err
	}
	s.kept += state.Kept
	s.forgotten.merge(state.Forgotten)
	sum := uint64(0)
	for name, p := range pages {
		sum += p.totals.Behaviours
		if !p.totals.Within(s.cut.Limits) && (s.above == "" || name < s.above) {
			s.above = name
		}
	}
	if want := s.states[partition].Progress.Counted; sum != want {
		return nil, failure.New(failure.Damaged, "the pages of topic %s partition %d hold %d behaviours, its progress says %d",
			s.table.Name, partition, sum, want)
	}
	for name, counted := range s.counts[partition] {
		if state.Forgotten.HasSweeps() {
			break // a page may have been dropped since
		}
		p := pages[name]
		if p == nil {
			return nil, s.differs(partition, name)
		}
		rest := p.totals
		if rest.Sub(counted) != nil {
			return nil, s.differs(partition, name)
		}
	}
	maps.DeleteFunc(pages, func(_ string, p *read) bool { return p.dropped })
	for name := range s.lacks[partition] {
		if pages[name] == nil {
			pages[name] = &read{}
		}
	}
	return pages, nil
}

// differs is the error of a partition that has not counted what the input has of a page.
func (s *Snapshot) differs(partition int, page string) error {
	return failure.New("--max-clicks and --max-minutes must be those of the instances; `pageheat audit` says what differs",
		"topic %s partition %d has not counted what topic %s has of page %q", s.table.Name, partition, s.cut.Topic, page)
}

// page is a page at the cut: what the table has, and what its partition lacks.
func (s *Snapshot) page(partition int, name string, has *read) (Page, error) {
	p := Page{Name: name, Totals: has.totals, Label: has.label}
	for states := has.states; states.Len > 0; {
		number, state, err := states.Next()
		if err != nil {
			return p, fmt.Errorf("topic %s partition %d: page %q: %w", s.table.Name, partition, name, err)
		}
		board, known := s.numbers[partition][number]
		if !known { // of a board that was removed
			continue
		}
		if err := p.restore(s.cut.Boards, board, state); err != nil {
			return p, fmt.Errorf("topic %s partition %d: page %q: %w", s.table.Name, partition, name, err)
		}
	}
	if more := s.lacks[partition][name]; more != nil {
		more.addTo(&p, s.cut.Boards)
	}
	return p, nil
}
