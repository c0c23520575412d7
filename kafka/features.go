package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Feature is something that brokers may not support.
type Feature string

// The features that are looked for.
const (
	CommittedReads      Feature = "reading committed records"
	IdempotentProducers Feature = "idempotent producers"
	Transactions        Feature = "transactions"
	StaticMembership    Feature = "static membership"
	TopicIDs            Feature = "topic IDs"
	RecordDeletion      Feature = "deletion of records"
	NearReplicas        Feature = "fetching from replicas"
)

// requests are the requests that a feature needs, and their lowest versions.
func (f Feature) requests() map[kmsg.Key]int16 {
	switch f {
	case CommittedReads:
		return map[kmsg.Key]int16{kmsg.Fetch: 4, kmsg.ListOffsets: 2}
	case IdempotentProducers:
		return map[kmsg.Key]int16{kmsg.Produce: 3, kmsg.InitProducerID: 0}
	case Transactions:
		return map[kmsg.Key]int16{kmsg.Produce: 3, kmsg.InitProducerID: 0, kmsg.AddPartitionsToTxn: 0, kmsg.EndTxn: 0}
	case StaticMembership:
		return map[kmsg.Key]int16{kmsg.JoinGroup: 5}
	case TopicIDs:
		return map[kmsg.Key]int16{kmsg.Metadata: 10}
	case RecordDeletion:
		return map[kmsg.Key]int16{kmsg.DeleteRecords: 0}
	case NearReplicas:
		return map[kmsg.Key]int16{kmsg.Fetch: 11}
	}
	return nil
}

// Unsupported returns which of some features any broker that answers does not support.
func (c *Cluster) Unsupported(ctx context.Context, features ...Feature) ([]Feature, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	brokers, err := admin.ApiVersions(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up what the brokers support: %w", err))
	}
	supported := func(f Feature) bool {
		for key, least := range f.requests() {
			for _, b := range brokers {
				if most, exists := b.KeyMaxVersion(int16(key)); b.Err == nil && (!exists || most < least) {
					return false
				}
			}
		}
		return true
	}
	var lacking []Feature
	for _, f := range features {
		if !supported(f) {
			lacking = append(lacking, f)
		}
	}
	return lacking, nil
}
