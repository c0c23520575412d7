package audit

import (
	"context"

	"pageheat/heat"
	"pageheat/kafka"
)

// ReadPartition looks the table up and reads one of its partitions.
func ReadPartition(ctx context.Context, cluster *kafka.Cluster, table string, partition int32,
	page func(name []byte, totals *heat.Totals),
) (Snapshot, error) {
	t, err := lookAt(ctx, cluster, table)
	if err != nil {
		return Snapshot{}, err
	}
	return readPartition(ctx, cluster, t, partition, page, func(int) {})
}
