package audit

import (
	"context"

	"pageheat/kafka"
)

// fetchBytes is how much of a partition is asked for at once.
const fetchBytes = 4 << 20

// topic is what is known of a topic before its partitions are read.
type topic struct {
	kafka.Topic
	// start and end are, by partition, the log start and the last stable
	// offset: everything committed lies from the one to before the other.
	start, end []int64
}

// lookAt reads what there is of a topic now.
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

// read hands each the committed records of a partition with offsets in [from, to); next is
// the offset up to which all is read.
func (t *topic) read(ctx context.Context, cluster *kafka.Cluster, partition int32, from, to int64,
	each func(records []*kafka.Record, next int64) error,
) error {
	return cluster.Read(ctx, kafka.Span{Topic: t.Topic, Partition: partition, From: from, To: to, Bytes: fetchBytes}, each)
}
