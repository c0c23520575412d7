package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DownBrokers asks for the brokers that belong to the cluster and are not up: those
// that the controllers know (Kafka 4.0 and later), and those that replicas of any
// topic that may be seen are on.
func (c *Cluster) DownBrokers(ctx context.Context) ([]int32, error) {
	client, err := c.shared()
	if err != nil {
		return nil, err
	}
	request := kmsg.NewPtrMetadataRequest() // of all topics
	known, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up the brokers of the cluster: %w", err))
	}
	down := map[int32]bool{}
	for _, topic := range known.Topics {
		for _, partition := range topic.Partitions {
			for _, replica := range partition.Replicas {
				down[replica] = true
			}
		}
	}
	describe := kmsg.NewPtrDescribeClusterRequest()
	describe.IncludeFencedBrokers = true
	// Older brokers do not know it, and it takes a right: then the replicas have to tell.
	if cluster, err := describe.RequestWith(ctx, client); err == nil && cluster.ErrorCode == 0 {
		for _, broker := range cluster.Brokers {
			if broker.IsFenced {
				down[broker.NodeID] = true
			}
		}
	}
	for _, broker := range known.Brokers {
		delete(down, broker.NodeID)
	}
	return slices.Sorted(maps.Keys(down)), nil
}
