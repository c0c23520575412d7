package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// The brokers that can be started.
const (
	brokerEmbedded = "embedded" // kfake, in a separate process
	brokerKafka    = "kafka"    // Apache Kafka, or the cluster that KAFKA_BROKERS names
)

// cluster is a broker to measure on. It is not safe for concurrent use.
type cluster struct {
	kind    string
	brokers []string
	client  *kgo.Client
	admin   *kadm.Client
	cpu     func() (time.Duration, error) // of the broker
	close   func()
}

// startCluster starts a broker, embedded or Apache Kafka. For the latter, it uses the cluster
// in KAFKA_BROKERS if set.
func startCluster(ctx context.Context, kind string) (*cluster, error) {
	c := &cluster{kind: kind}
	var err error
	if kind == brokerEmbedded {
		err = c.startEmbedded(ctx)
	} else {
		err = c.startKafka(ctx)
	}
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...))
	if err != nil {
		c.close()
		return nil, fmt.Errorf("connecting to %v: %w", c.brokers, err)
	}
	c.client, c.admin = client, kadm.NewClient(client)
	end := c.close
	c.close = func() {
		client.Close()
		end()
	}
	return c, nil
}

// onEach starts one cluster after the other, and measures on it.
func onEach(ctx context.Context, kinds []string, measure func(*cluster) error) error {
	for _, kind := range kinds {
		c, err := startCluster(ctx, kind)
		if err != nil {
			return err
		}
		err = measure(c)
		c.close()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// startEmbedded starts kfake as a separate process, so that its cost is not mixed with that of
// bench.
func (c *cluster) startEmbedded(ctx context.Context) error {
	p, err := self("broker")
	if err != nil {
		return err
	}
	c.cpu, c.close = p.CPU, func() { _ = p.Kill() } // nothing to preserve
	ctx, cancel := context.WithTimeout(ctx, harness.Within)
	defer cancel()
	address, _, err := p.stdout.Wait(ctx, 0, func(harness.Entry) bool { return true })
	if err != nil {
		c.close()
		return fmt.Errorf("starting the embedded broker: %w\n%s", err, p.log.Tail(1))
	}
	c.brokers = []string{address.Raw}
	return nil
}

// brokerCmd is the process of an embedded broker.
type brokerCmd struct{}

// Run serves until its process is killed or its standard input ends.
func (brokerCmd) Run(ctx context.Context, o out) error {
	broker, err := kafkatest.Start(ctx, kafkatest.Config{Embedded: true})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o.results, broker.Bootstrap()); err != nil {
		return errors.Join(err, broker.Close())
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // nothing is ever sent
	return broker.Close()
}

func (c *cluster) startKafka(ctx context.Context) error {
	cfg := kafkatest.Config{Measured: true}
	if list := os.Getenv("KAFKA_BROKERS"); list != "" {
		cfg.External = strings.Split(list, ",")
	}
	broker, err := kafkatest.Start(ctx, cfg)
	if err != nil {
		return err
	}
	c.brokers, c.cpu = broker.Brokers(), broker.CPU
	c.close = func() { _ = broker.Close() } // leftovers are in the temporary directory
	return nil
}

// bootstrap is the value of --brokers.
func (c *cluster) bootstrap() string { return strings.Join(c.brokers, ",") }

// createTopic creates a topic with one replica.
func (c *cluster) createTopic(ctx context.Context, topic string, partitions int32) error {
	if _, err := c.admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return fmt.Errorf("creating topic %s: %w", topic, err)
	}
	return nil
}

// deleteTopics deletes every topic with the given prefix.
func (c *cluster) deleteTopics(ctx context.Context, prefix string) error {
	// kadm would answer from metadata that is some seconds old.
	topics, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.client)
	if err != nil {
		return fmt.Errorf("listing topics: %w", err)
	}
	var names []string
	for _, t := range topics.Topics {
		if t.Topic != nil && strings.HasPrefix(*t.Topic, prefix) {
			names = append(names, *t.Topic)
		}
	}
	if len(names) == 0 {
		return nil
	}
	deleted, err := c.admin.DeleteTopics(ctx, names...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("deleting topics %v: %w", names, err)
	}
	return nil
}

// ends returns the offset after the last committed record of each partition of a topic,
// including the control record that ends a transaction.
func (c *cluster) ends(ctx context.Context, topic string) ([]int64, error) {
	listed, err := c.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the committed ends of %s: %w", topic, err)
	}
	ends := make([]int64, len(listed[topic]))
	for p, o := range listed[topic] {
		ends[p] = o.Offset
	}
	return ends, nil
}

// read yields the committed records of a topic from its start, with their arrival times, until
// take is done or fails.
func (c *cluster) read(ctx context.Context, topic string, take func(records []*kgo.Record, at time.Time) (done bool, err error)) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(shortFetch),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return fmt.Errorf("connecting to %v: %w", c.brokers, err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		at := time.Now()
		if ctx.Err() != nil {
			return fmt.Errorf("reading %s: %w", topic, context.Cause(ctx))
		}
		done, err := take(fetches.Records(), at)
		if err != nil {
			return fmt.Errorf("reading %s: %w", topic, err)
		}
		if done {
			return nil
		}
	}
}

// shortFetch is the broker's maximum wait for records. It matters only if many idle readers are
// connected.
const shortFetch = 500 * time.Millisecond

// readAll yields every current record of a topic without transactions.
func (c *cluster) readAll(ctx context.Context, topic string, take func(*kgo.Record) error) error {
	ends, err := c.ends(ctx, topic)
	if err != nil {
		return err
	}
	left := int64(0)
	for _, end := range ends {
		left += end
	}
	if left == 0 {
		return nil
	}
	return c.read(ctx, topic, func(records []*kgo.Record, _ time.Time) (bool, error) {
		left -= int64(len(records))
		for _, r := range records {
			if err := take(r); err != nil {
				return false, fmt.Errorf("partition %d, offset %d: %w", r.Partition, r.Offset, err)
			}
		}
		return left <= 0, nil
	})
}

// firstRecord returns the timestamp of the first record of a topic, as soon as there is one.
func (c *cluster) firstRecord(ctx context.Context, topic string) (first time.Time, err error) {
	err = c.read(ctx, topic, func(records []*kgo.Record, _ time.Time) (bool, error) {
		for _, r := range records {
			if first.IsZero() || r.Timestamp.Before(first) {
				first = r.Timestamp
			}
		}
		return len(records) > 0, nil
	})
	return first, err
}

// arrivals records the arrival of the given number of records, by partition and offset, of a
// topic without gaps in its offsets.
func (c *cluster) arrivals(ctx context.Context, topic string, partitions int32, total int64) ([][]time.Time, error) {
	came := make([][]time.Time, partitions)
	return came, c.read(ctx, topic, func(records []*kgo.Record, at time.Time) (bool, error) {
		for _, r := range records {
			came[r.Partition] = append(came[r.Partition], at)
		}
		total -= int64(len(records))
		return total <= 0, nil
	})
}

// followBoards starts to follow an output topic. The caller closes the follower.
func (c *cluster) followBoards(topic string) (*harness.Boards, error) {
	return harness.FollowBoards(topic, kgo.SeedBrokers(c.brokers...))
}
