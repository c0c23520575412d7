package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
)

// topics looks up what a role must know of topics and groups before it begins.
// It may be used by several goroutines.
type topics struct {
	client  sarama.Client
	admin   sarama.ClusterAdmin
	logger  *slog.Logger
	metrics *Metrics

	trims  atomic.Int32 // on their way
	untrim atomic.Int32 // trims that failed one after the other
}

func newTopics(s Settings, purpose string) (*topics, error) {
	client, err := s.Cluster.SaramaClient(s.Cluster.Config(purpose + "-lookup"))
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("connecting to the controller of %v: %w", s.Cluster.Brokers(), err)
	}
	return &topics{client: client, admin: admin, logger: s.Logger, metrics: s.Metrics}, nil
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
		return codec.TopicID{}, fmt.Errorf("looking up the topic id of %s: %w", topic, needs(err, "Describe", topicResource, topic))
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
		return 0, 0, fmt.Errorf("looking up the offsets of %s partition %d: %w", topic, partition,
			needs(err, "Describe", topicResource, topic))
	}
	return first, end, nil
}

// end is the offset after the last one of a partition.
func (t *topics) end(topic string, partition int32) (int64, error) {
	end, err := t.client.GetOffset(topic, partition, sarama.OffsetNewest)
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		// It may be new.
		if err = t.client.RefreshMetadata(topic); err == nil {
			end, err = t.client.GetOffset(topic, partition, sarama.OffsetNewest)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("looking up the end of %s partition %d: %w", topic, partition, needs(err, "Describe", topicResource, topic))
	}
	return end, nil
}

// staleAnswers is for how long an end below what is known is asked for again: a broker
// that is cut off from the controller may not have heard that others lead now.
const staleAnswers = 30 * time.Second

// endFrom is the offset after the last one of a partition. Where it is below an offset
// that was there already, it is asked for again for a while, from whoever leads then.
func (t *topics) endFrom(ctx context.Context, topic string, partition int32, least int64) (int64, error) {
	for began := time.Now(); ; {
		_, end, err := t.bounds(topic, partition)
		if err != nil || end >= least || time.Since(began) > staleAnswers {
			return end, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return 0, errSessionOver
		}
		if err := t.client.RefreshMetadata(topic); err != nil {
			return 0, fmt.Errorf("looking up who leads %s: %w", topic, needs(err, "Describe", topicResource, topic))
		}
	}
}

// committed are the offsets that the group has committed, -1 where none.
func (t *topics) committed(group, topic string, partitions []int32) (map[int32]int64, error) {
	response, err := t.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	if err == nil && response.Err != sarama.ErrNoError {
		err = response.Err
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the offsets of group %s: %w", group,
			needs(err, "Describe", groupResource, group))
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
// the next one makes up for it; a row of failures is logged once, since the
// topic grows until one succeeds.
func (t *topics) trim(topic string, partition int32, below int64) {
	if t.trims.Add(1) > mostTrims {
		t.trims.Add(-1)
		return
	}
	go func() {
		defer t.trims.Add(-1)
		t.trimmed(topic, partition, t.admin.DeleteRecords(topic, map[int32]int64{partition: below}))
	}()
}

// trimsInVain is how many trims must have failed one after the other to be worth a
// warning, where the error is one that may pass: a broker that went away is none.
const trimsInVain = 5

// mostTrims is how many trims may be on their way: of the partitions of an instance,
// while brokers take long to answer.
const mostTrims = 64

// trimmed takes note of how a trim ended.
func (t *topics) trimmed(topic string, partition int32, err error) {
	if errors.Is(err, sarama.ErrClosedClient) {
		return
	}
	if err == nil {
		if t.untrim.Swap(0) >= trimsInVain {
			t.logger.Info("applied ranges are deleted again", "topic", topic)
		}
		return
	}
	t.metrics.trimFailed(topic)
	failed := t.untrim.Add(1)
	if failed < trimsInVain && AsPermanent(err) != nil {
		failed = trimsInVain
		t.untrim.Store(failed)
	}
	if failed == trimsInVain {
		t.logger.Warn("applied ranges can not be deleted, and their topic grows: does pageheat's user have the right Delete on it?",
			"topic", topic, "partition", partition, "error", err)
	}
}

// partitions is the number of partitions of a topic.
func (t *topics) partitions(topic string) (int, error) {
	all, err := t.client.Partitions(topic)
	if err != nil {
		return 0, fmt.Errorf("looking up the partitions of %s: %w", topic, needs(err, "Describe", topicResource, topic))
	}
	return len(all), nil
}

// expect makes sure that a topic has as many partitions as when the process began; 0
// stands for any number.
func (t *topics) expect(topic string, partitions int) error {
	if partitions == 0 {
		return nil
	}
	if err := t.client.RefreshMetadata(topic); err != nil {
		return fmt.Errorf("looking up the partitions of %s: %w", topic, needs(err, "Describe", topicResource, topic))
	}
	have, err := t.partitions(topic)
	if err != nil {
		return err
	}
	return samePartitions(topic, partitions, have)
}

// samePartitions is a permanent error where the number of a topic's partitions, which
// decides where each page is, has changed.
func samePartitions(topic string, was, is int) error {
	if was == is {
		return nil
	}
	return permanent(hintPartitions, "%s had %d partitions and has %d", topic, was, is)
}
