package kafka

import "github.com/twmb/franz-go/pkg/kadm"

// Admin asks brokers about topics and groups. Its results, the types below, are for what
// operators see; this package does not convert them.
type Admin = kadm.Client

// Metadata describes brokers and topics.
type Metadata = kadm.Metadata

// TopicDetails are the topics of Metadata, by name.
type TopicDetails = kadm.TopicDetails

// PartitionDetails are the partitions of a topic of Metadata, by number.
type PartitionDetails = kadm.PartitionDetails

// ListedOffsets are offsets of partitions, by topic and partition.
type ListedOffsets = kadm.ListedOffsets

// ListedOffset is the offset of a partition.
type ListedOffset = kadm.ListedOffset

// Group is a consumer group with its members.
type Group = kadm.DescribedGroup

// Groups are consumer groups, by name.
type Groups = kadm.DescribedGroups

// GroupOffsets are the offsets that a group has committed.
type GroupOffsets = kadm.FetchOffsetsResponse

// GroupsOffsets are those of several groups, by name.
type GroupsOffsets = kadm.FetchOffsetsResponses

// Admin asks brokers through the client that all look-ups share. It must not be closed.
func (c *Cluster) Admin() (*Admin, error) {
	client, err := c.shared()
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}
