package forget

import (
	"context"
	"errors"
	"slices"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/snapshot"
)

// lookEvery is the time between two looks at the progress.
const lookEvery = 100 * time.Millisecond

// ErrNotTaken says that requests were not taken in for a while.
var ErrNotTaken = errors.New("requests are not taken in")

// Wait waits until the owners of the pages have committed the requests. It ends with ErrNotTaken if none of them
// is for some time, and with the error of ctx when that is done. The requests stay then, and Pending says how
// many of them have not been taken in.
func (r *Requests) Wait(ctx context.Context, patience time.Duration) error {
	if len(r.All) == 0 {
		return nil
	}
	w, err := r.waiter(ctx)
	if err != nil {
		return err
	}
	taken, done := r.cfg.Progress.Step("waiting until the pages are forgotten", int64(len(r.All)))
	defer done()
	r.pending = len(r.All)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	last := time.NewTimer(patience)
	defer last.Stop()
	for {
		n, err := w.look(ctx)
		if err != nil {
			return err
		}
		taken(n)
		if r.pending -= n; r.pending == 0 {
			return nil
		}
		if n > 0 {
			last.Reset(patience)
		}
		select {
		case <-ticker.C:
		case <-last.C:
			return ErrNotTaken
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Pending is how many requests were not taken in when Wait returned.
func (r *Requests) Pending() int { return r.pending }

// waiter looks for requests in the committed progress.
type waiter struct {
	cluster *kafka.Cluster
	topic   codec.TopicID // of the requests
	table   snapshot.Topic
	offsets map[int32][]int64 // of requests that are not known to be committed, ascending, by partition
}

func (r *Requests) waiter(ctx context.Context) (*waiter, error) {
	t := r.cfg.Topology
	topic, err := r.cfg.Cluster.Topic(ctx, t.Forget)
	if err != nil {
		return nil, kafka.Missing(t.Forget, err)
	}
	table, err := snapshot.LookAt(ctx, r.cfg.Cluster, t.HeatTable)
	if err != nil {
		return nil, err
	}
	table.End = slices.Clone(table.Start) // nothing was looked at
	w := &waiter{cluster: r.cfg.Cluster, topic: topic.ID, table: table, offsets: map[int32][]int64{}}
	for _, one := range r.All {
		w.offsets[one.Partition] = append(w.offsets[one.Partition], one.Offset)
	}
	for _, offsets := range w.offsets {
		slices.Sort(offsets)
	}
	return w, nil
}

// look reads what was committed since it looked last, and returns how many requests are in that.
func (w *waiter) look(ctx context.Context) (taken int, err error) {
	bounds, err := w.cluster.AllBounds(ctx, w.table.Name)
	if err != nil {
		return 0, err
	}
	for partition, offsets := range w.offsets {
		b := bounds[partition]
		if b.Stable <= w.table.End[partition] {
			continue
		}
		w.table.Start[partition], w.table.End[partition] = max(b.Start, w.table.End[partition]), b.Stable
		state, err := snapshot.ReadProgress(ctx, w.cluster, w.table, partition)
		if err != nil {
			return taken, err
		}
		if state.Progress.Forget.Topic != w.topic {
			continue
		}
		n, _ := slices.BinarySearch(offsets, state.Progress.Forget.Next)
		taken += n
		if w.offsets[partition] = offsets[n:]; n == len(offsets) {
			delete(w.offsets, partition)
		}
	}
	return taken, nil
}
