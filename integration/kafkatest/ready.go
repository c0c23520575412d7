package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pollEvery is the interval for polling whether a cluster is ready: Kafka has no signal for it.
const pollEvery = 25 * time.Millisecond

// WaitReady waits until every broker that is started and not frozen serves and knows all the
// others, and the coordinators of groups and transactions answer. The error names what was
// missing when ctx ended, or has the last words of a broker that died.
func (c *Cluster) WaitReady(ctx context.Context) error {
	if c.fake != nil {
		return nil
	}
	return c.poll(ctx, func(ctx context.Context, cl *kgo.Client) error {
		meta, err := c.metadata(ctx, cl)
		if err != nil {
			return err
		}
		for _, m := range meta {
			if err := c.allKnown(m); err != nil {
				return err
			}
		}
		return coordinators(ctx, cl)
	})
}

// WaitInSync waits until every replica of every partition is in sync, so that the next broker
// can be taken down without data loss.
func (c *Cluster) WaitInSync(ctx context.Context) error {
	if c.fake != nil {
		return nil
	}
	return c.poll(ctx, func(ctx context.Context, cl *kgo.Client) error {
		meta, err := c.metadata(ctx, cl)
		if err != nil {
			return err
		}
		for _, m := range meta {
			for _, t := range m.Topics {
				for _, p := range t.Partitions {
					if p.Leader < 0 || len(p.ISR) < len(p.Replicas) {
						return fmt.Errorf("topic %s, partition %d: leader %d, in sync %v of replicas %v", *t.Topic, p.Partition, p.Leader, p.ISR, p.Replicas)
					}
				}
			}
		}
		return nil
	})
}

// waitLed waits until every broker knows a leader for each partition of topic.
func (c *Cluster) waitLed(ctx context.Context, topic string, partitions int32) error {
	return c.poll(ctx, func(ctx context.Context, cl *kgo.Client) error {
		meta, err := c.metadata(ctx, cl)
		if err != nil {
			return err
		}
		for _, m := range meta {
			if n := led(m, topic); n < partitions {
				return fmt.Errorf("topic %s: %d of %d partitions have a leader", topic, n, partitions)
			}
		}
		return nil
	})
}

// led counts the partitions of topic that have a leader.
func led(m *kmsg.MetadataResponse, topic string) int32 {
	var n int32
	for _, t := range m.Topics {
		if *t.Topic != topic {
			continue
		}
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				n++
			}
		}
	}
	return n
}

// poll calls check until it succeeds.
func (c *Cluster) poll(ctx context.Context, check func(context.Context, *kgo.Client) error) error {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.brokers...), kgo.RequestRetries(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return pollEvery }), kgo.DialTimeout(time.Second),
		kgo.RequestTimeoutOverhead(2 * time.Second)}, c.login...)...) // a context does not end the opening of a connection
	if err != nil {
		return fmt.Errorf("kafkatest: making a client for %s: %w", c.Bootstrap(), err)
	}
	defer cl.Close()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if err := c.deaths(); err != nil {
			return err
		}
		asked, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := check(asked, cl)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("kafkatest: waiting for the brokers %s: %w; last: %w", c.Bootstrap(), ctx.Err(), err)
		}
	}
}

// everyBroker polls until check succeeds for every real broker that should serve.
func (c *Cluster) everyBroker(ctx context.Context, check func(context.Context, *kgo.Broker) error) error {
	if c.fake != nil {
		return nil
	}
	return c.poll(ctx, func(ctx context.Context, cl *kgo.Client) error {
		for _, n := range c.nodes {
			if serving, _ := n.state(); !serving {
				continue
			}
			if err := check(ctx, cl.Broker(n.index)); err != nil {
				return fmt.Errorf("broker %d: %w", n.index, err)
			}
		}
		return nil
	})
}

// deaths returns an error if a broker has ended unexpectedly.
func (c *Cluster) deaths() error {
	for _, n := range c.nodes {
		if _, died := n.state(); died {
			words := n.lastWords()
			err := fmt.Errorf("kafkatest: broker %d has ended by itself; its last words:\n%s", n.index, words)
			if strings.Contains(words, "Address already in use") {
				err = fmt.Errorf("%w: %w", errPortTaken, err)
			}
			return err
		}
	}
	return nil
}

// metadata asks every broker that should serve for its view of the cluster. For an external
// cluster these are the brokers in the first answer.
func (c *Cluster) metadata(ctx context.Context, cl *kgo.Client) ([]*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest() // of all topics
	first, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	var ids []int32
	if len(c.nodes) == 0 {
		for _, b := range first.Brokers {
			ids = append(ids, b.NodeID)
		}
	}
	for _, n := range c.nodes {
		if serving, _ := n.state(); serving {
			ids = append(ids, int32(n.index))
		}
	}
	all := make([]*kmsg.MetadataResponse, 0, len(ids))
	for _, id := range ids {
		resp, err := cl.Broker(int(id)).Request(ctx, kmsg.NewPtrMetadataRequest())
		if err != nil {
			return nil, fmt.Errorf("broker %d: %w", id, err)
		}
		m, ok := resp.(*kmsg.MetadataResponse)
		if !ok {
			return nil, fmt.Errorf("broker %d answered a metadata request with a %T", id, resp)
		}
		all = append(all, m)
	}
	return all, nil
}

// allKnown checks that the brokers that should serve are all in m.
func (c *Cluster) allKnown(m *kmsg.MetadataResponse) error {
	if len(m.Brokers) == 0 {
		return errors.New("no broker has registered yet")
	}
	known := make(map[int32]bool)
	for _, b := range m.Brokers {
		known[b.NodeID] = true
	}
	for _, n := range c.nodes {
		if serving, _ := n.state(); serving && !known[int32(n.index)] {
			return fmt.Errorf("broker %d has not registered yet", n.index)
		}
	}
	return nil
}

// coordinators makes Kafka create its internal topics, which it does on the first request, so
// that no test or measurement is delayed later.
func coordinators(ctx context.Context, cl *kgo.Client) error {
	const group, transaction = 0, 1
	for _, kind := range []int8{group, transaction} {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorType = kind
		req.CoordinatorKey = "pageheat-kafkatest"
		req.CoordinatorKeys = []string{req.CoordinatorKey}
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return fmt.Errorf("finding a coordinator: %w", err)
		}
		code := resp.ErrorCode
		if len(resp.Coordinators) > 0 {
			code = resp.Coordinators[0].ErrorCode
		}
		if err := kerr.ErrorForCode(code); err != nil {
			return fmt.Errorf("finding a coordinator: %w", err)
		}
	}
	return nil
}
