package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
)

// EndFunc says where the reader of a table partition is caught up: the offset
// after the last record it will be handed. goka calls it whenever it loads a
// partition; it must be safe for concurrent use.
type EndFunc func(topic string, partition int32) (int64, error)

// managerTimeout bounds a question of goka's.
const managerTimeout = 5 * time.Second

// topicManager is the goka.TopicManager of every goka part here. It differs
// from goka's own in two things. The newest offset of a partition is where a
// reader of committed records has caught up, so that tables written by
// transactions recover (see kafka.Cluster.CommittedEnd). And it never creates or changes a
// topic: a missing one, or one with other partitions than needed, is an error
// that says how to create it. Safe for concurrent use.
type topicManager struct {
	cluster *kafka.Cluster
	end     EndFunc
	failed  func(error)
	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
}

// TopicManagerBuilder returns what goka's WithTopicManagerBuilder and
// WithViewTopicManagerBuilder take. A nil end stands for the cluster's CommittedEnd, which
// is right for every topic, written by transactions or not; the owner of a table partition
// gives the offset after its fence instead. failed, if it is not nil, is told each error of
// a look-up, whose type goka loses.
func TopicManagerBuilder(cluster *kafka.Cluster, end EndFunc, failed func(error)) goka.TopicManagerBuilder {
	return func([]string) (goka.TopicManager, error) {
		ctx, cancel := context.WithCancel(context.Background())
		m := &topicManager{cluster: cluster, end: end, failed: failed, ctx: ctx, cancel: cancel}
		if end == nil {
			m.end = func(topic string, partition int32) (int64, error) {
				ctx, cancel := m.within()
				defer cancel()
				return cluster.CommittedEnd(ctx, topic, partition)
			}
		}
		return m, nil
	}
}

// within bounds a question of goka's, which cannot be called off.
func (m *topicManager) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(m.ctx, managerTimeout)
}

// told tells of an error, if it is one, and returns it.
func (m *topicManager) told(err error) error {
	if err != nil && m.failed != nil {
		m.failed(err)
	}
	return err
}

// Partitions returns the ids of all partitions of a topic, as the brokers
// know it now.
func (m *topicManager) Partitions(topic string) ([]int32, error) {
	ctx, cancel := m.within()
	defer cancel()
	found, err := m.cluster.Topic(ctx, topic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, m.told(fmt.Errorf(`topic %s does not exist: run "pageheat topics create": %w`, topic, err))
	}
	if err != nil {
		return nil, m.told(err)
	}
	partitions := make([]int32, len(found.Leaders))
	for i := range partitions {
		partitions[i] = int32(i)
	}
	return partitions, nil
}

// GetOffset returns an offset of a partition: for sarama.OffsetNewest where a
// reader is caught up (the manager's EndFunc), and for sarama.OffsetOldest that of the
// first record. goka asks for no others.
func (m *topicManager) GetOffset(topic string, partition int32, at int64) (int64, error) {
	switch at {
	case sarama.OffsetNewest:
		offset, err := m.end(topic, partition)
		return offset, m.told(err)
	case sarama.OffsetOldest:
		ctx, cancel := m.within()
		defer cancel()
		bounds, err := m.cluster.Bounds(ctx, topic, partition)
		return bounds.Start, m.told(err)
	}
	return 0, fmt.Errorf("looking up the offset at %d of topic %s partition %d: unsupported look-up", at, topic, partition)
}

// EnsureTableExists returns an error unless the topic exists with npar
// partitions. Policy and replication are compared by "pageheat topics check".
func (m *topicManager) EnsureTableExists(topic string, npar int) error {
	return m.ensure(topic, npar)
}

// EnsureStreamExists is EnsureTableExists: a stream is a topic like any other.
func (m *topicManager) EnsureStreamExists(topic string, npar int) error {
	return m.ensure(topic, npar)
}

// EnsureTopicExists is EnsureTableExists; replication and config are not
// compared.
func (m *topicManager) EnsureTopicExists(topic string, npar, _ int, _ map[string]string) error {
	return m.ensure(topic, npar)
}

func (m *topicManager) ensure(topic string, npar int) error {
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

// Close ends the look-ups under way.
func (m *topicManager) Close() error {
	m.cancel()
	return nil
}
