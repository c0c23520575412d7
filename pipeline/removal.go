package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
)

// takenIn is what leaders say of requests to forget pages: the goka processor writes it, and the driver reads it.
type takenIn struct {
	mu      sync.Mutex
	known   map[int32]uint64 // the number of requests, by heat partition
	news    map[int32]uint64 // what of it the driver has not read
	changed chan struct{}    // has a value after a change
}

func newTakenIn() *takenIn {
	return &takenIn{changed: make(chan struct{}, 1)}
}

// begin begins a session, which knows nothing.
func (t *takenIn) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.news = map[int32]uint64{}, map[int32]uint64{}
}

// heard takes what leaders say.
func (t *takenIn) heard(l *codec.Leaders) {
	if l.Forget.Taken == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[l.Partition] >= l.Forget.Taken {
		return
	}
	t.known[l.Partition], t.news[l.Partition] = l.Forget.Taken, l.Forget.Taken
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// next returns what is new.
func (t *takenIn) next() map[int32]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	news := t.news
	t.news = map[int32]uint64{}
	return news
}

// foundRemoved is the result of a search for forgotten pages in the output.
type foundRemoved struct {
	processors.Removed
	err error
}

// removals searches the output for forgotten pages, in the background of a session.
type removals struct {
	*Ranking
	found  chan foundRemoved
	ctx    context.Context
	cancel context.CancelFunc
	ended  sync.WaitGroup
	told   string // the last error that was logged
}

func (r *Ranking) newRemovals(ctx context.Context) *removals {
	f := &removals{Ranking: r, found: make(chan foundRemoved, 1)}
	f.ctx, f.cancel = context.WithCancel(ctx)
	return f
}

// close ends a search that is under way.
func (f *removals) close() {
	f.cancel()
	f.ended.Wait()
}

// begin begins a search; one at a time.
func (f *removals) begin() {
	f.ended.Go(func() {
		removal := processors.NewRemoval(f.config.Topology.RankGroup, f.config.Board, f.config.Boards)
		result := foundRemoved{err: f.read(f.ctx, removal)}
		if result.err == nil {
			result.Removed, result.err = removal.Result()
		}
		f.found <- result
	})
}

// log logs what a search has found. Its error does not end the ranking: without it everything but forgetting works.
func (f *removals) log(found foundRemoved) {
	switch {
	case found.err == nil && len(found.Boards) > 0:
		f.config.Logger.Info("publishes boards again without forgotten pages", "boards", len(found.Boards), "removed", found.Pages)
		f.told = ""
	case found.err == nil:
		f.told = ""
	case found.err.Error() != f.told:
		f.told = found.err.Error()
		f.config.Logger.Warn("forgotten pages stay on final boards until the output can be searched for them", failure.Attrs(found.err)...)
	}
}

// read gives a Removal the requests that were taken in, and the output once for every few of them.
func (f *removals) read(ctx context.Context, removal *processors.Removal) error {
	name := f.config.Topology.Forget
	topic, err := f.config.Cluster.Topic(ctx, name)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil // the table was imported, and nothing was forgotten since
	}
	if err != nil {
		return err
	}
	bounds, err := f.config.Cluster.AllBounds(ctx, name)
	if err != nil {
		return err
	}
	for partition := range bounds {
		// Up to the end, waiting for it: leaders that say that a request was taken in may be quicker than the marker of
		// the transaction.
		span := kafka.Span{Topic: topic, Partition: partition, From: kafka.Beginning, To: bounds[partition].End, Wait: true}
		err := f.config.Cluster.Read(ctx, span, func(records []*kafka.Record, _ int64) error {
			for _, r := range records {
				if err := f.request(ctx, removal, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !removal.Wants() {
		return nil
	}
	return f.pass(ctx, removal)
}

// request gives a Removal a record of the forget topic. Heat partitions complain of one that is malformed.
func (f *removals) request(ctx context.Context, removal *processors.Removal, r *kafka.Record) error {
	full, err := removal.Request(r.Partition, r.Key, r.Value)
	switch {
	case errors.Is(err, codec.ErrVersion):
		return fmt.Errorf("%s partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	case full:
		return f.pass(ctx, removal)
	default:
		return nil
	}
}

// pass gives a Removal all boards of the output.
func (f *removals) pass(ctx context.Context, removal *processors.Removal) error {
	output, err := f.config.Cluster.Topic(ctx, f.config.Topology.Output)
	if err != nil {
		return err
	}
	end, err := f.config.Cluster.CommittedEnd(ctx, output.Name, 0)
	if err != nil {
		return err
	}
	defer removal.Pass()
	return f.config.Cluster.Read(ctx, kafka.Span{Topic: output, From: kafka.Beginning, To: end}, func(records []*kafka.Record, _ int64) error {
		for _, r := range records {
			removal.Board(string(r.Key), r.Value, positionsOf(r))
		}
		return nil
	})
}

// positionsOf is the header of a board's record with what it was made from; nil if it has none.
func positionsOf(r *kafka.Record) (positions []byte) {
	for name, value := range kafka.Headers(r) {
		if name == codec.HeaderPositions {
			positions = value
		}
	}
	return positions
}
