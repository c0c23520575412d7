package audit

import (
	"context"

	"pageheat/kafka"
)

// fetchBytes is the maximum size of a fetch from a partition.
const fetchBytes = 4 << 20

// topic has the data of a topic before its partitions are read.
type topic struct {
	kafka.Topic
	// start and end are, by partition, the log start offset and the last stable offset: all
	// committed records are from start up to, but not including, end.
	start, end []int64
}

// lookAt looks up the current state of a topic.
func lookAt(ctx context.Context, cluster *kafka.Cluster, name string) (topic, error) {
	found, err := cluster.Topic(ctx, name)
	if err != nil {
		return topic{}, kafka.Missing(name, err)
	}
	t := topic{Topic: found}
	for partition := range int32(len(found.Leaders)) {
		bounds, err := cluster.Bounds(ctx, name, partition)
		if err != nil {
			return topic{}, err
		}
		t.start, t.end = append(t.start, bounds.Start), append(t.end, bounds.Stable)
	}
	return t, nil
}

// read passes the committed records of a partition with offsets in [from, to) to each. next is
// the offset up to which it has read.
func (t *topic) read(ctx context.Context, cluster *kafka.Cluster, partition int32, from, to int64,
	each func(records []*kafka.Record, next int64) error,
) error {
	return cluster.Read(ctx, kafka.Span{Topic: t.Topic, Partition: partition, From: from, To: to, Bytes: fetchBytes}, each)
}
