package pipeline

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/failure"
)

// ViewConsumer builds the consumer of a goka view: it reads what is committed.
func ViewConsumer(s Settings) goka.SaramaConsumerBuilder {
	return func([]string, string) (sarama.Consumer, error) { return s.Cluster.Consumer("view"), nil }
}

// ViewTopicManager builds the topic manager of a goka view: a partition is
// caught up at its last committed record. A view tries again forever whatever the
// error; failed is told of those that no second try mends.
func ViewTopicManager(s Settings, failed func(error)) goka.TopicManagerBuilder {
	return TopicManagerBuilder(s.Cluster, nil, func(err error) {
		if p := failure.As(err); p != nil {
			failed(p)
		}
	})
}
