package pipeline

import (
	"context"
	"fmt"
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// setup determines where each claim begins: above what the group has committed, what is
// known to have been sent, and what is gone.
func (in *Ingest) setup(ctx context.Context, s *session) error {
	topic, partitions := s.claims()
	in.producer.begin(s, nil)
	in.starts, in.ends = make(map[int32]codec.IngestStart), make(map[int32][]int64)
	in.commits = nil
	if len(partitions) == 0 {
		return nil
	}
	var err error
	if in.input, err = in.topics.id(ctx, topic); err != nil {
		return err
	}
	committed, err := in.topics.committed(ctx, in.config.Topology.IngestGroup, topic, partitions)
	if err != nil {
		return err
	}
	found := make(map[int32]processors.IngestFound)
	unread := make(map[int32]int64) // the ends of the partitions
	for _, p := range partitions {
		f := processors.IngestFound{Input: in.input, Committed: committed[p]}
		if f.First, f.End, err = in.topics.boundsFrom(ctx, topic, processors.NewEndLookup(p, f.Committed, time.Now())); err != nil {
			return err
		}
		if err := f.Check(); err != nil {
			return fmt.Errorf("%s partition %d: %w", topic, p, err)
		}
		found[p] = f
		if f.Unread() {
			unread[p] = f.End
		}
	}
	known := in.lookUpSent(ctx, unread)
	for p, f := range found {
		start := f.Begin(known[p])
		if from := start.From + 1; from > max(f.Committed, f.First) {
			in.config.Logger.Info("starting above the committed offset: the records between were sent before",
				"topic", topic, "partition", p, "committed", f.Committed, "offset", from)
		}
		in.starts[p], in.ends[p] = start, known[p].Ends
	}
	return nil
}
