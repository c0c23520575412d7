package kafka

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Consumer returns a consumer for goka that reads tables as they are committed. It
// connects when a partition is read for the first time: goka asks for one for each
// processor, even without a table or with one that is restored already.
func (c *Cluster) Consumer(purpose string) sarama.Consumer {
	return &tableConsumer{cluster: c, purpose: purpose}
}

// tableConsumer is a sarama.Consumer that goka reads tables with and asks for high
// watermarks once a minute, connected or not. The methods that goka does not use do
// nothing.
type tableConsumer struct {
	cluster *Cluster
	purpose string

	mu     sync.Mutex
	inner  sarama.Consumer // nil until it is connected
	closed bool
}

var _ sarama.Consumer = (*tableConsumer)(nil)

// ConsumePartition implements sarama.Consumer.
func (t *tableConsumer) ConsumePartition(topic string, partition int32, offset int64) (sarama.PartitionConsumer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, sarama.ErrClosedClient
	}
	if t.inner == nil {
		inner, err := t.cluster.connectConsumer(t.purpose)
		if err != nil {
			return nil, err
		}
		t.inner = inner
	}
	claim, err := t.inner.ConsumePartition(topic, partition, offset)
	if err != nil {
		return nil, Explain(fmt.Errorf("reading topic %s partition %d: %w", topic, partition, err), OnTopic(Read, topic))
	}
	return claim, nil
}

// HighWaterMarks implements sarama.Consumer: there are none before it is connected.
func (t *tableConsumer) HighWaterMarks() map[string]map[int32]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inner == nil {
		return nil
	}
	return t.inner.HighWaterMarks()
}

// Close implements sarama.Consumer.
func (t *tableConsumer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.inner == nil {
		return nil
	}
	if err := t.inner.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("closing the consumer of %s: %w", t.purpose, err)
	}
	return nil
}

// Topics implements sarama.Consumer.
func (*tableConsumer) Topics() ([]string, error) { return nil, nil }

// Partitions implements sarama.Consumer.
func (*tableConsumer) Partitions(string) ([]int32, error) { return nil, nil }

// Pause implements sarama.Consumer.
func (*tableConsumer) Pause(map[string][]int32) {}

// Resume implements sarama.Consumer.
func (*tableConsumer) Resume(map[string][]int32) {}

// PauseAll implements sarama.Consumer.
func (*tableConsumer) PauseAll() {}

// ResumeAll implements sarama.Consumer.
func (*tableConsumer) ResumeAll() {}

func (c *Cluster) connectConsumer(purpose string) (sarama.Consumer, error) {
	config := c.saramaConfig(purpose)
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.Return.Errors = true
	config.Consumer.MaxProcessingTime = time.Second
	// No longer: the consumer is closed after the answer, which ends the instance.
	config.Consumer.MaxWaitTime = time.Second
	config.Consumer.Fetch.Default = 8 << 20
	config.ChannelBufferSize = waitingOfTable
	consumer, err := sarama.NewConsumer(c.config.Brokers, config)
	if err != nil {
		return nil, Explain(fmt.Errorf("connecting a consumer to %v: %w", c.config.Brokers, err))
	}
	return consumer, nil
}
