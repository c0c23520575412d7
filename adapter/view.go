package adapter

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// ViewConsumer builds the consumer of a goka view: it reads what is committed.
func ViewConsumer(s Settings) goka.SaramaConsumerBuilder {
	return func(brokers []string, _ string) (sarama.Consumer, error) {
		return sarama.NewConsumer(brokers, s.tableConfig("view"))
	}
}

// ViewTopicManager builds the topic manager of a goka view: a partition is
// caught up at its last committed record.
func ViewTopicManager(s Settings) goka.TopicManagerBuilder {
	return TopicManagerBuilder(func() *sarama.Config { return s.config("view") }, nil)
}
