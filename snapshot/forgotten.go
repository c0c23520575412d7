package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/topology"
)

// Forgotten is what a heat table, or a partition of it, keeps of forgotten pages: their hashes, and the sweeps that
// dropped others. A nil Forgotten has none. Its methods only read, but for AddSweep, and are safe for concurrent use.
type Forgotten struct {
	// pages has what was kept of each page, in the order in which requests were taken in: the last one
	// counts, and earlier ones did at earlier offsets of the table. Compaction removes these.
	pages map[codec.PageHash][]*codec.Forgotten
	// partitions is the number of partitions of the table.
	partitions int

	// sweeps has those of each partition, in the order of their numbers.
	sweeps map[int32]Sweeps
	shared sync.Map // see SweepsOf
}

func newForgotten(partitions int) *Forgotten {
	return &Forgotten{pages: map[codec.PageHash][]*codec.Forgotten{}, partitions: partitions, sweeps: map[int32]Sweeps{}}
}

// take takes a record of the table with the key of a forgotten page.
func (f *Forgotten) take(r *kafka.Record) error {
	hash, ok := codec.ForgottenHash(string(r.Key))
	if !ok {
		return fmt.Errorf("the key %q is not that of a forgotten page", r.Key)
	}
	one, err := codec.DecodeForgotten(r.Value)
	if err != nil {
		return fmt.Errorf("decoding the forgotten page %s: %w", hash, err)
	}
	f.pages[hash] = append(f.pages[hash], one)
	return nil
}

// NewForgotten returns what is kept of pages, by the hashes of their names.
func NewForgotten(pages map[codec.PageHash]*codec.Forgotten) *Forgotten {
	f := newForgotten(1)
	for hash, one := range pages {
		f.pages[hash] = []*codec.Forgotten{one}
	}
	return f
}

// Of returns what is kept of a page, nil if it was never forgotten.
func (f *Forgotten) Of(page []byte) *codec.Forgotten {
	if f.Empty() {
		return nil
	}
	all := f.pages[codec.HashPage(page)]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// Empty reports whether no page was forgotten on request.
func (f *Forgotten) Empty() bool { return f == nil || len(f.pages) == 0 }

// Count returns how many pages were forgotten, and how many of them are blocked.
func (f *Forgotten) Count() (pages, blocked int) {
	if f == nil {
		return 0, 0
	}
	for _, all := range f.pages {
		if all[len(all)-1].Blocked {
			blocked++
		}
	}
	return len(f.pages), blocked
}

// All yields what is kept of each page with the hash of its name, in order of the hashes.
func (f *Forgotten) All() iter.Seq2[codec.PageHash, *codec.Forgotten] {
	return func(yield func(codec.PageHash, *codec.Forgotten) bool) {
		if f.Empty() {
			return
		}
		hashes := slices.SortedFunc(maps.Keys(f.pages), func(a, b codec.PageHash) int { return bytes.Compare(a[:], b[:]) })
		for _, hash := range hashes {
			all := f.pages[hash]
			if !yield(hash, all[len(all)-1]) {
				return
			}
		}
	}
}

// Taken are the numbers of the newest requests that are known, by partition of the table: those of a board that leaves
// out what they forget. It is nil if there are none.
func (f *Forgotten) Taken() codec.Offsets {
	if f.Empty() && !f.HasSweeps() {
		return nil
	}
	newest := make([]uint64, f.partitions)
	for _, all := range f.pages {
		p := topology.PartitionOf(all[0].Placed, f.partitions)
		newest[p] = max(newest[p], all[len(all)-1].Number)
	}
	for p, all := range f.sweeps {
		newest[p] = max(newest[p], all[len(all)-1].Number)
	}
	var taken codec.Offsets
	for p, number := range newest {
		if number > 0 {
			taken = append(taken, codec.PartitionOffset{Partition: int32(p), Offset: int64(number)})
		}
	}
	return taken
}

// At returns what was kept when heat partitions had taken in only some requests: taken has their numbers by
// partition, as a board has, see [codec.Board].
func (f *Forgotten) At(taken codec.Offsets) *Forgotten {
	if f.Empty() && !f.HasSweeps() {
		return nil
	}
	at := newForgotten(f.partitions)
	for hash, all := range f.pages {
		most, _ := taken.Get(topology.PartitionOf(all[0].Placed, f.partitions))
		if n := slices.IndexFunc(all, func(one *codec.Forgotten) bool { return one.Number > uint64(most) }); n >= 0 {
			all = all[:n]
		}
		if len(all) > 0 {
			at.pages[hash] = all
		}
	}
	for p, all := range f.sweeps {
		most, _ := taken.Get(p)
		for _, s := range all {
			if s.Number <= uint64(most) {
				at.AddSweep(p, s)
			}
		}
	}
	return at
}

// merge adds what another one has.
func (f *Forgotten) merge(other *Forgotten) {
	if other != nil {
		maps.Copy(f.pages, other.pages) // a page is in one partition
		maps.Copy(f.sweeps, other.sweeps)
	}
}

// ReadForgotten reads what a heat table keeps of forgotten pages, as committed. It only reads the whole table
// if a partition has taken in a request. A table that does not exist has none.
func ReadForgotten(ctx context.Context, cluster *kafka.Cluster, name string, progress Progress) (*Forgotten, error) {
	table, err := LookAt(ctx, cluster, name)
	if kafka.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	asked := make([]bool, len(table.End))
	err = eachPartition(ctx, table, func(ctx context.Context, partition int32) error {
		state, err := readProgress(ctx, cluster, table, partition)
		asked[partition] = state.Progress.Forget.Taken > 0
		return err
	})
	if err != nil || !slices.Contains(asked, true) {
		return nil, err
	}
	total := int64(0)
	for partition := range asked {
		if asked[partition] {
			total += table.End[partition] - table.Start[partition]
		}
	}
	read, done := progress.Step("reading which pages are forgotten", total)
	defer done()
	var mu sync.Mutex // guards all
	all := newForgotten(len(table.End))
	return all, eachPartition(ctx, table, func(ctx context.Context, partition int32) error {
		if !asked[partition] {
			return nil
		}
		state, err := ReadPartition(ctx, cluster, table, partition, func([]byte, *codec.PageState) {}, read)
		mu.Lock()
		defer mu.Unlock()
		all.merge(state.Forgotten)
		return err
	})
}

// eachPartition calls a function for the partitions of a table, some at once.
func eachPartition(ctx context.Context, table Topic, do func(ctx context.Context, partition int32) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for partition := range table.End {
		group.Go(func() error { return do(ctx, int32(partition)) })
	}
	return group.Wait()
}
