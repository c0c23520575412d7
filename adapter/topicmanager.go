package adapter

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/kafka"
)

// EndFunc says where the reader of a table partition is caught up: the offset
// after the last record it will be handed. goka calls it whenever it loads a
// partition; it must be safe for concurrent use.
type EndFunc func(topic string, partition int32) (int64, error)

// TopicManager is the goka.TopicManager of every goka part here. It differs
// from goka's own in two things. The newest offset of a partition is where a
// reader of committed records has caught up, so that tables written by
// transactions recover (see CommittedEnd). And it never creates or changes a
// topic: a missing one, or one with other partitions than needed, is an error
// that says how to create it. Safe for concurrent use.
type TopicManager struct {
	client sarama.Client
	end    EndFunc
}

var _ goka.TopicManager = (*TopicManager)(nil)

// NewTopicManager returns a TopicManager that asks through client, which it
// closes with Close. A nil end stands for CommittedEnd through the same
// client, which is right for every topic, written by transactions or not; the
// owner of a table partition gives the offset after its fence instead.
func NewTopicManager(client sarama.Client, end EndFunc) *TopicManager {
	if end == nil {
		end = func(topic string, partition int32) (int64, error) {
			return CommittedEnd(client, topic, partition)
		}
	}
	return &TopicManager{client: client, end: end}
}

// TopicManagerBuilder returns what goka's WithTopicManagerBuilder and
// WithViewTopicManagerBuilder take: each goka part gets a client and a
// TopicManager of its own. For end see NewTopicManager.
func TopicManagerBuilder(cluster *kafka.Cluster, purpose string, end EndFunc) goka.TopicManagerBuilder {
	return func([]string) (goka.TopicManager, error) {
		client, err := cluster.SaramaClient(cluster.Config(purpose))
		if err != nil {
			return nil, err
		}
		return NewTopicManager(client, end), nil
	}
}

// Partitions returns the ids of all partitions of a topic, as the brokers
// know it now.
func (m *TopicManager) Partitions(topic string) ([]int32, error) {
	err := m.client.RefreshMetadata(topic)
	if err == nil {
		var partitions []int32
		if partitions, err = m.client.Partitions(topic); err == nil && len(partitions) > 0 {
			return partitions, nil
		}
	}
	if err == nil || errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return nil, fmt.Errorf(`topic %s does not exist: run "pageheat topics create": %w`,
			topic, sarama.ErrUnknownTopicOrPartition)
	}
	return nil, fmt.Errorf("asking for the partitions of topic %s: %w", topic, err)
}

// GetOffset returns an offset of a partition: for sarama.OffsetNewest where a
// reader is caught up (the manager's EndFunc), otherwise what the broker
// answers for sarama.OffsetOldest or a time in milliseconds.
func (m *TopicManager) GetOffset(topic string, partition int32, at int64) (int64, error) {
	if at == sarama.OffsetNewest {
		return m.end(topic, partition)
	}
	offset, err := m.client.GetOffset(topic, partition, at)
	for try := 1; err != nil && try < committedAttempts && passing(err); try++ {
		time.Sleep(committedBackoff)
		if err = m.client.RefreshMetadata(topic); err == nil {
			offset, err = m.client.GetOffset(topic, partition, at)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("asking for an offset of topic %s partition %d: %w", topic, partition, needs(err, "Describe", topicResource, topic))
	}
	return offset, nil
}

// EnsureTableExists returns an error unless the topic exists with npar
// partitions. Policy and replication are compared by "pageheat topics check".
func (m *TopicManager) EnsureTableExists(topic string, npar int) error {
	return m.ensure(topic, npar)
}

// EnsureStreamExists is EnsureTableExists: a stream is a topic like any other.
func (m *TopicManager) EnsureStreamExists(topic string, npar int) error {
	return m.ensure(topic, npar)
}

// EnsureTopicExists is EnsureTableExists; replication and config are not
// compared.
func (m *TopicManager) EnsureTopicExists(topic string, npar, _ int, _ map[string]string) error {
	return m.ensure(topic, npar)
}

func (m *TopicManager) ensure(topic string, npar int) error {
	partitions, err := m.Partitions(topic)
	if err != nil {
		return err
	}
	if len(partitions) != npar {
		return fmt.Errorf(`topic %s has %d partitions and needs %d: run "pageheat topics check" to see what differs; "pageheat topics create" creates it right where it does not exist`,
			topic, len(partitions), npar)
	}
	return nil
}

// Close closes the client.
func (m *TopicManager) Close() error {
	if err := m.client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("closing the client that looks at topics: %w", err)
	}
	return nil
}
