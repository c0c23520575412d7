package adapter

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// ViewConsumer builds the consumer of a goka view: it reads what is committed.
func ViewConsumer(s Settings) goka.SaramaConsumerBuilder {
	return func([]string, string) (sarama.Consumer, error) { return s.Cluster.Consumer("view") }
}

// ViewTopicManager builds the topic manager of a goka view: a partition is
// caught up at its last committed record. A view tries again for ever whatever the
// error; failed is told of those that no second try mends.
func ViewTopicManager(s Settings, failed func(error)) goka.TopicManagerBuilder {
	build := TopicManagerBuilder(s.Cluster, "view", nil)
	return func(brokers []string) (goka.TopicManager, error) {
		m, err := build(brokers)
		if err != nil {
			return nil, err
		}
		return toldTopicManager{m, failed}, nil
	}
}

// toldTopicManager tells of errors that no second try mends.
type toldTopicManager struct {
	goka.TopicManager
	failed func(error)
}

// GetOffset implements goka.TopicManager.
func (m toldTopicManager) GetOffset(topic string, partition int32, at int64) (int64, error) {
	offset, err := m.TopicManager.GetOffset(topic, partition, at)
	if p := AsPermanent(needs(err, "Read", topicResource, topic)); p != nil {
		m.failed(p)
	}
	return offset, err
}
