package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DownBrokers asks for the brokers of the cluster that are down: those that the controllers
// know (Kafka 4.0 and later), and those that hold replicas of a visible topic.
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
	// Older brokers do not know this request, and it needs a right: the replicas tell then.
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
