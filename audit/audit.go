package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/snapshot"
	"pageheat/topology"
)

// ErrCannotRecount is wrapped by errors of [Run] if the input no longer holds what was counted:
// its start was deleted, or it is a different topic with the same name.
var ErrCannotRecount = errors.New("cannot recount")

// DefaultMaxDifferences is the default number of differences that a report lists.
const DefaultMaxDifferences = 1000

// Config configures an audit.
type Config struct {
	// Cluster reaches the brokers. It is not closed.
	Cluster *kafka.Cluster
	// Topology names the topics.
	Topology *topology.Topology
	// Limits must be those that the input was counted with: a message beyond them is invalid.
	// The zero value means heat.DefaultLimits.
	Limits heat.Limits
	// SkipDeadLetters skips the check that each invalid message is a dead letter.
	SkipDeadLetters bool
	// MaxDifferences is the maximum number of differences that the report lists (all are
	// counted); 0 means DefaultMaxDifferences.
	MaxDifferences int
	// Parallel is the number of partitions read concurrently; 0 means two for each CPU.
	Parallel int
	// Progress, if not nil, is told how many offsets each step has read.
	Progress snapshot.Progress
}

// Run reads the committed table, recounts the input and compares. The report has the findings;
// the error says what could not be done. If the input no longer holds what was counted, the
// error wraps [ErrCannotRecount], and the report still has the contents of the table and the
// losses.
//
// The pipeline may run in the meantime. Memory grows with the number of pages and of invalid
// messages, not with the number of messages.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if cfg.Limits == (heat.Limits{}) {
		cfg.Limits = heat.DefaultLimits()
	}
	if cfg.MaxDifferences <= 0 {
		cfg.MaxDifferences = DefaultMaxDifferences
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	a := &auditor{Config: cfg, differ: &differences{most: cfg.MaxDifferences}}
	a.report.Table, a.report.Input = cfg.Topology.HeatTable, cfg.Topology.Input
	err := a.run(ctx)
	a.report.Differences, a.report.DifferenceCount = a.differ.sorted()
	return a.report, err
}

// auditor is a running audit.
type auditor struct {
	Config
	report  Report
	differ  *differences
	tallies []*tally // by table partition
}

func (a *auditor) run(ctx context.Context) error {
	if err := a.readTable(ctx); err != nil {
		return err
	}
	// The ends are read after the table, so everything that the table has counted is before
	// them, and every message refused so far is already a dead letter.
	input, err := snapshot.LookAt(ctx, a.Cluster, a.Topology.Input)
	if err != nil {
		return err
	}
	behavior, err := snapshot.LookAt(ctx, a.Cluster, a.Topology.Behavior)
	if err != nil {
		return err
	}
	if err := a.checkProgress(input, behavior); err != nil {
		return err
	}
	letters, err := a.readDeadLetters(ctx)
	if err != nil {
		return err
	}
	if err := a.recount(ctx, input, letters); err != nil {
		return err
	}
	a.comparePages()
	return nil
}

// readTable reads all partitions of the table, each at its own progress.
func (a *auditor) readTable(ctx context.Context) error {
	table, err := snapshot.LookAt(ctx, a.Cluster, a.Topology.HeatTable)
	if err != nil {
		return err
	}
	total := int64(0)
	for partition := range table.End {
		total += table.End[partition] - table.Start[partition]
		a.tallies = append(a.tallies, newTally())
	}
	a.report.Partitions = make([]Partition, len(table.End))
	read, done := a.Progress.Step("reading the table", total)
	defer done()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.Parallel)
	for partition := range table.End {
		group.Go(func() error {
			s, err := snapshot.ReadPartition(ctx, a.Cluster, table, int32(partition), a.tallies[partition].hold, read)
			p := Partition{State: s}
			a.tallies[partition].each(func(_ string, page *pair) {
				if !page.inTable {
					return
				}
				if page.inTable = !s.Progress.Days.Dropped(page.day); !page.inTable {
					p.Unswept += page.table.Behaviours
					return
				}
				p.Pages++
				p.Behaviours += page.table.Behaviours
			})
			for _, lost := range s.Progress.Lost {
				p.LostMessages += lost
			}
			p.ForgottenPages, p.BlockedPages = s.Forgotten.Count()
			p.Sweeps = len(s.Forgotten.AllSweeps())
			a.tallies[partition].input, a.tallies[partition].forgotten = s.Progress.Input, s.Forgotten
			a.report.Partitions[partition] = p
			return err
		})
	}
	return group.Wait()
}

// checkProgress compares each partition's progress with its pages and with the topics, and
// checks that the input still has everything that was counted.
func (a *auditor) checkProgress(input, behavior snapshot.Topic) error {
	var errs []error
	for i := range a.report.Partitions {
		p := &a.report.Partitions[i]
		differs := func(kind Kind, format string, args ...any) {
			a.differ.add(Difference{Kind: kind, Topic: a.report.Table, Partition: p.Partition, Detail: fmt.Sprintf(format, args...)})
		}
		if sum := p.Behaviours + p.Unswept; p.Progress.Counted != sum {
			differs(KindCounted, "the progress says %d behaviours, the sum over the pages is %d", p.Progress.Counted, sum)
		}
		if !p.Known {
			continue
		}
		if p.Kept > 0 {
			errs = append(errs, fmt.Errorf("%w: %d behaviours in partition %d of topic %s are of an earlier input: they were kept by `pageheat reset --keep-totals`",
				ErrCannotRecount, p.Kept, p.Partition, a.report.Table))
			continue
		}
		if p.Progress.Behavior.IsZero() { // kept, and no instance has run since
			p.Progress.Behavior = behavior.ID
		}
		if p.Progress.Input.IsZero() && len(p.Progress.To) == 0 { // it has boards, and nothing of any input
			p.Progress.Input = input.ID
		}
		if p.Progress.Input != input.ID {
			errs = append(errs, fmt.Errorf("%w: partition %d of topic %s counted topic id %s, and topic %s now has id %s: it was deleted and recreated",
				ErrCannotRecount, p.Partition, a.report.Table, p.Progress.Input, input.Name, codec.TopicID(input.ID)))
			continue
		}
		if p.Progress.Behavior != behavior.ID {
			differs(KindProgress, "the progress is about topic id %s, and topic %s now has id %s: it was deleted and recreated",
				p.Progress.Behavior, behavior.Name, codec.TopicID(behavior.ID))
		}
		for q, to := range p.Progress.To {
			if q >= len(input.End) {
				differs(KindProgress, "the progress covers input partition %d, but topic %s has only %d", q, input.Name, len(input.End))
				break
			}
			if to >= input.End[q] {
				differs(KindProgress, "the progress covers input partition %d up to offset %d, but topic %s is only committed up to offset %d",
					q, to, input.Name, input.End[q]-1)
			}
		}
		for q := range input.Start {
			// Messages missing from the input are those before its start. Neither the ones
			// before the table's start nor the lost ones were counted; if the progress covers
			// more of them, those were.
			if gone := min(input.Start[q], p.Covers(q)+1) - p.Begins(q); gone > 0 && uint64(gone) > p.Lost(q) {
				errs = append(errs, fmt.Errorf("%w: topic %s partition %d starts at offset %d, but partition %d of topic %s has counted messages before it",
					ErrCannotRecount, input.Name, q, input.Start[q], p.Partition, a.report.Table))
			}
		}
	}
	return errors.Join(errs...)
}

// readDeadLetters reads which messages are dead letters; nil if they are not to be checked, or
// cannot be.
func (a *auditor) readDeadLetters(ctx context.Context) (*deadLetters, error) {
	if a.SkipDeadLetters {
		a.report.DeadLettersWhyNot = "they were left out"
		return nil, nil
	}
	topic, err := snapshot.LookAt(ctx, a.Cluster, a.Topology.DeadLetter)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for partition := range topic.End {
		if topic.Start[partition] > 0 {
			a.report.DeadLettersWhyNot = fmt.Sprintf("topic %s no longer starts at the beginning", topic.Name)
			return nil, nil
		}
		total += topic.End[partition]
	}
	a.report.DeadLettersChecked = true
	read, done := a.Progress.Step("reading the dead letters", total)
	defer done()
	l := newDeadLetters()
	if err := l.read(ctx, a.Cluster, topic, a.report.Input, read); err != nil {
		return nil, err
	}
	return l, nil
}

// recount counts the input as far as any progress covers it, and the number of messages beyond
// that.
func (a *auditor) recount(ctx context.Context, input snapshot.Topic, l *deadLetters) error {
	c := recount{
		cluster: a.Cluster, input: input, limits: a.Limits,
		tallies: a.tallies, letters: l, differ: a.differ,
	}
	for _, p := range a.report.Partitions {
		c.states = append(c.states, p.State)
	}
	total := int64(0)
	for q := range input.End {
		total += max(0, input.End[q]-input.Start[q])
	}
	a.report.Behind = make([]uint64, len(input.End))
	var done func()
	c.read, done = a.Progress.Step("recounting the input", total)
	defer done()
	var mu sync.Mutex // guards the report
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.Parallel)
	for q := range input.End {
		group.Go(func() error {
			got, err := c.partition(ctx, q, input.Start[q], input.End[q])
			if errors.Is(err, kerr.OffsetOutOfRange) {
				err = fmt.Errorf("%w: the input was deleted while it was read: %w", ErrCannotRecount, err)
			}
			mu.Lock()
			defer mu.Unlock()
			a.report.Messages += got.messages
			a.report.Invalid += got.invalid
			a.report.Behind[q] = got.behind
			a.report.Forgotten += got.forgotten
			for p, n := range got.counted {
				a.report.Partitions[p].Recounted += n
			}
			return err
		})
	}
	err := group.Wait()
	for p, t := range a.tallies {
		dropped := t.settle()
		a.report.Partitions[p].Recounted -= dropped
		a.report.Dropped += dropped
	}
	return err
}

// comparePages compares every page.
func (a *auditor) comparePages() {
	for partition, t := range a.tallies {
		t.each(func(page string, p *pair) {
			if p.inTable == p.inInput && (!p.inTable || p.table == p.recount) {
				return
			}
			d := Difference{
				Kind: KindPage, Topic: a.report.Table, Partition: int32(partition), Page: page,
				InTable: p.inTable, InInput: p.inInput, Recount: p.recount,
			}
			if p.inTable {
				d.Table = p.table
			}
			a.differ.add(d)
		})
	}
}

// differences collects differences up to a maximum number. Its methods are safe for concurrent
// use.
type differences struct {
	most int

	mu    sync.Mutex
	list  []Difference // guarded by mu
	count int          // guarded by mu
}

// add adds a difference; beyond the maximum it is only counted. Differences of the progress
// come first, so that a million different pages do not hide the reason.
func (d *differences) add(one Difference) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	if len(d.list) < d.most {
		d.list = append(d.list, one)
	}
}

func (d *differences) sorted() ([]Difference, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.SortFunc(d.list, Difference.compare)
	return d.list, d.count
}
