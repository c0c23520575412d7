package adapter

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
)

// topics looks up what a role must know of topics and groups before it begins.
// It may be used by several goroutines.
type topics struct {
	client sarama.Client
	admin  sarama.ClusterAdmin
}

func newTopics(s Settings, purpose string) (*topics, error) {
	client, err := sarama.NewClient(s.Brokers, s.config(purpose+"-lookup"))
	if err != nil {
		return nil, fmt.Errorf("connecting to %v: %w", s.Brokers, err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("connecting to the controller of %v: %w", s.Brokers, err)
	}
	return &topics{client, admin}, nil
}

func (t *topics) close() { _ = t.admin.Close() }

const (
	// lookupTries and lookupPause let a question that any broker can answer outlive
	// the one that was asked.
	lookupTries = 15
	lookupPause = 200 * time.Millisecond
)

// id is the topic id, which differs when a topic was deleted and created again.
func (t *topics) id(topic string) (codec.TopicID, error) {
	described, err := t.admin.DescribeTopics([]string{topic})
	for try := 1; err != nil && try < lookupTries && AsPermanent(err) == nil; try++ {
		time.Sleep(lookupPause)
		if _, err = t.client.RefreshController(); err == nil {
			described, err = t.admin.DescribeTopics([]string{topic})
		}
	}
	if err == nil && len(described) == 1 && described[0].Err != sarama.ErrNoError {
		err = described[0].Err
	}
	if err != nil || len(described) != 1 {
		return codec.TopicID{}, fmt.Errorf("looking up the topic id of %s: %w", topic, err)
	}
	return codec.TopicID(described[0].Uuid), nil
}

// bounds are the first offset that the partition still has, and the one after
// its last.
func (t *topics) bounds(topic string, partition int32) (first, end int64, err error) {
	if first, err = t.client.GetOffset(topic, partition, sarama.OffsetOldest); err == nil {
		end, err = t.client.GetOffset(topic, partition, sarama.OffsetNewest)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("looking up the offsets of %s partition %d: %w", topic, partition, err)
	}
	return first, end, nil
}

// committed are the offsets that the group has committed, -1 where none.
func (t *topics) committed(group, topic string, partitions []int32) (map[int32]int64, error) {
	response, err := t.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	if err == nil && response.Err != sarama.ErrNoError {
		err = response.Err
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the offsets of group %s: %w", group, err)
	}
	offsets := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		block := response.GetBlock(topic, p)
		if block == nil {
			offsets[p] = -1
			continue
		}
		if block.Err != sarama.ErrNoError {
			return nil, fmt.Errorf("looking up the offset of group %s for %s partition %d: %w", group, topic, p, block.Err)
		}
		offsets[p] = block.Offset
	}
	return offsets, nil
}

// trim deletes the records of a partition below an offset, as Kafka Streams
// does with its repartition topics. Nobody waits for it, and where it fails
// the next one makes up for it.
func (t *topics) trim(topic string, partition int32, below int64) {
	go func() { _ = t.admin.DeleteRecords(topic, map[int32]int64{partition: below}) }()
}

// partitions is the number of partitions of a topic.
func (t *topics) partitions(topic string) (int, error) {
	all, err := t.client.Partitions(topic)
	if err != nil {
		return 0, fmt.Errorf("looking up the partitions of %s: %w", topic, err)
	}
	return len(all), nil
}
