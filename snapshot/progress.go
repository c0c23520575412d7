package snapshot

import (
	"context"

	"pageheat/kafka"
)

// ReadProgress reads the newest progress of a partition that is committed at offsets from table.Start up to
// table.End. It reads backwards, so it is quick: a commit writes the progress last. The State is not Known if there is
// none, and does not say what was Kept.
func ReadProgress(ctx context.Context, cluster *kafka.Cluster, table Topic, partition int32) (State, error) {
	return readProgress(ctx, cluster, table, partition)
}
