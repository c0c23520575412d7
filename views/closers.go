package views

import (
	"errors"
	"io"
	"sync"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// closers tracks what was opened for a view, to close it once.
type closers struct {
	mu   sync.Mutex
	open []io.Closer
}

func (c *closers) consumer(build goka.SaramaConsumerBuilder) goka.SaramaConsumerBuilder {
	return func(brokers []string, clientID string) (sarama.Consumer, error) {
		consumer, err := build(brokers, clientID)
		if err == nil {
			c.add(consumer)
		}
		return consumer, err
	}
}

func (c *closers) topicManager(build goka.TopicManagerBuilder) goka.TopicManagerBuilder {
	return func(brokers []string) (goka.TopicManager, error) {
		manager, err := build(brokers)
		if err != nil {
			return nil, err
		}
		once := &closedOnce{TopicManager: manager}
		c.add(once)
		return once, nil
	}
}

func (c *closers) add(closer io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, closer)
}

func (c *closers) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, closer := range c.open {
		errs = append(errs, closer.Close())
	}
	c.open = nil
	return errors.Join(errs...)
}

// closedOnce makes Close idempotent: goka closes the topic manager that it used for the
// partitions, and we close all of them.
type closedOnce struct {
	goka.TopicManager
	once sync.Once
	err  error
}

func (c *closedOnce) Close() error {
	c.once.Do(func() { c.err = c.TopicManager.Close() })
	return c.err
}
