package pipeline

import (
	"context"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/processors"
)

// setup determines where each claim begins: above what the group has committed, what is
// known to have been sent, and what is gone.
func (in *Ingest) setup(ctx context.Context, s *session) error {
	topic, partitions := s.claims()
	in.session.Store(s)
	in.producer.begin(s, nil)
	in.starts, in.ends = make(map[int32]codec.IngestStart), make(map[int32][]int64)
	in.starting.Store(int32(len(partitions)))
	in.committer = nil
	if len(partitions) == 0 {
		return nil
	}
	var err error
	if in.input, err = in.ids(ctx, topic); err != nil {
		return err
	}
	committed, err := in.topics.committed(ctx, in.config.Topology.IngestGroup, topic, partitions)
	if err != nil {
		return err
	}
	firsts := make(map[int32]int64)
	waiting := make(map[int32]int64) // the ends of those that have more than was committed
	for _, p := range partitions {
		first, end, err := in.topics.boundsFrom(ctx, topic, p, committed[p])
		if err != nil {
			return err
		}
		if committed[p] > end {
			return failure.New(failure.Recreated, "the committed offset %d of %s partition %d is above its end %d", committed[p], topic, p, end)
		}
		firsts[p] = first
		if end > max(committed[p], 0) {
			waiting[p] = end
		}
	}
	known := in.lookUpSent(ctx, waiting)
	for _, p := range partitions {
		start := processors.BeginIngest(in.input, committed[p], firsts[p], known[p])
		if from := start.From + 1; from > max(committed[p], firsts[p]) {
			in.config.Logger.Info("starting above the committed offset: the records between were sent before",
				"topic", topic, "partition", p, "committed", committed[p], "offset", from)
		}
		in.starts[p], in.ends[p] = start, known[p].Ends
		s.startAt(topic, p, start.LostTo+1)
	}
	return nil
}
