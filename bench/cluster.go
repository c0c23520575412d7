package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
)

// cluster is a broker to measure on. It is used by one goroutine after the other.
type cluster struct {
	kind    string
	brokers []string
	client  *kgo.Client
	admin   *kadm.Client
	// cpu is the processor time of the broker, 0 where it cannot be had.
	cpu   func() time.Duration
	close func()
}

// startCluster starts a broker, embedded or Apache Kafka; or, for the latter,
// takes the cluster that KAFKA_BROKERS names.
func startCluster(ctx context.Context, kind string) (*cluster, error) {
	c := &cluster{kind: kind}
	var err error
	if kind == brokerEmbedded {
		err = c.startEmbedded()
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

// startEmbedded starts kfake as a process of its own, so that what it costs is not
// mixed with what bench does.
func (c *cluster) startEmbedded() error {
	p, err := self(nil, "broker")
	if err != nil {
		return err
	}
	address, err := bufio.NewReader(p.stdout).ReadString('\n')
	if err != nil {
		p.kill()
		return fmt.Errorf("starting the embedded broker: %w\n%s", err, p.log.tail())
	}
	c.brokers, c.cpu, c.close = []string{strings.TrimSpace(address)}, p.cpu, p.kill
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
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // nothing is ever sent
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
	c.brokers = broker.Brokers()
	c.cpu = func() time.Duration {
		d, err := broker.CPU()
		if err != nil {
			return 0 // an external one
		}
		return d
	}
	c.close = func() { _ = broker.Close() } // what is left is in the temporary directory
	return nil
}

// bootstrap is what a program is given as --brokers.
func (c *cluster) bootstrap() string { return strings.Join(c.brokers, ",") }

// createTopic creates a topic with one replica.
func (c *cluster) createTopic(ctx context.Context, topic string, partitions int32) error {
	if _, err := c.admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return fmt.Errorf("creating topic %s: %w", topic, err)
	}
	return nil
}

// deleteTopics deletes every topic whose name begins so.
func (c *cluster) deleteTopics(ctx context.Context, prefix string) error {
	// kadm would answer from what it knew some seconds ago.
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

// written adds up what is appended to the logs of the topics that begin with a
// prefix. It looks at the logs' sizes again and again, since old segments are
// deleted meanwhile.
type written struct {
	cluster *cluster
	prefix  string
	sizes   map[string]int64 // by topic and partition
	bytes   map[string]int64 // by topic, without the prefix
}

func newWritten(c *cluster, prefix string) *written {
	return &written{cluster: c, prefix: prefix, sizes: make(map[string]int64), bytes: make(map[string]int64)}
}

// look takes note of the sizes now.
func (w *written) look(ctx context.Context) error {
	dirs, err := w.cluster.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return fmt.Errorf("asking for the sizes of logs: %w", err)
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			name, ok := strings.CutPrefix(p.Topic, w.prefix)
			if !ok {
				return
			}
			key := fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Broker)
			w.bytes[name] += max(0, p.Size-w.sizes[key])
			w.sizes[key] = p.Size
		})
	})
	return nil
}

// per is what was written to each topic for each of so many messages, in bytes.
func (w *written) per(messages int64) map[string]float64 {
	per := make(map[string]float64)
	for topic, n := range w.bytes {
		per[topic] = float64(n) / float64(messages)
	}
	return per
}
