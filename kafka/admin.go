package kafka

import "github.com/twmb/franz-go/pkg/kadm"

// What brokers say of topics and groups, as the library has it: it is for what operators
// see, which this package gives no form of its own. An Admin asks for it.
type (
	Admin            = kadm.Client
	Metadata         = kadm.Metadata
	TopicDetails     = kadm.TopicDetails
	PartitionDetails = kadm.PartitionDetails
	ListedOffsets    = kadm.ListedOffsets
	ListedOffset     = kadm.ListedOffset
	Group            = kadm.DescribedGroup
	Groups           = kadm.DescribedGroups
	GroupOffsets     = kadm.FetchOffsetsResponse
	GroupsOffsets    = kadm.FetchOffsetsResponses
)

// Admin asks brokers through the client that all look-ups share. It is not to be closed.
func (c *Cluster) Admin() (*Admin, error) {
	client, err := c.shared()
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}
