package snapshot

import (
	"context"

	"pageheat/kafka"
)

// fetchBytes is the maximum size of a fetch from a partition.
const fetchBytes = 4 << 20

// Topic has the data of a topic before its partitions are read.
type Topic struct {
	kafka.Topic
	// Start and End are, by partition, the log start offset and the last stable offset: all
	// committed records are from Start up to, but not including, End.
	Start, End []int64
}

// LookAt looks up the current state of a topic. The error is a [kafka.NoTopicError] if it does not
// exist.
func LookAt(ctx context.Context, cluster *kafka.Cluster, name string) (Topic, error) {
	found, err := cluster.Topic(ctx, name)
	if err != nil {
		return Topic{}, kafka.Missing(name, err)
	}
	t := Topic{Topic: found}
	for partition := range int32(len(found.Leaders)) {
		bounds, err := cluster.Bounds(ctx, name, partition)
		if err != nil {
			return Topic{}, err
		}
		t.Start, t.End = append(t.Start, bounds.Start), append(t.End, bounds.Stable)
	}
	return t, nil
}

// Read passes the committed records of a partition with offsets in [from, to) to each, in offset
// order. next is the offset up to which it has read.
func (t *Topic) Read(ctx context.Context, cluster *kafka.Cluster, partition int32, from, to int64,
	each func(records []*kafka.Record, next int64) error,
) error {
	return cluster.Read(ctx, kafka.Span{Topic: t.Topic, Partition: partition, From: from, To: to, Bytes: fetchBytes}, each)
}
