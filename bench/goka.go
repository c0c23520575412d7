package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// gokaCmd is the process of goka as its examples write it: a stream of behaviours
// with any key, sent to itself by page (Loopback), and a group table of the totals
// of each page. Its settings are goka's, made safe: all replicas acknowledge, and
// it reads from the oldest message. Values are compact, and the table's store is
// goka's own, LevelDB.
type gokaCmd struct {
	Brokers  []string
	Topic    string
	Prefix   string
	Messages int64
	Dir      string
}

// gokaGroup names the group of a run.
func gokaGroup(prefix string) goka.Group { return goka.Group(prefix + "group") }

// Run counts the messages of the topic, and drains.
func (c *gokaCmd) Run(ctx context.Context, o out) error {
	all := newTally(c.Messages)
	var m measured
	var begin sync.Once
	limits := heat.DefaultLimits()
	rekey := func(ctx goka.Context, message any) {
		begin.Do(m.begin)
		b, refusal := codec.ParseBehaviour(message.([]byte), limits)
		if refusal != nil {
			ctx.Fail(refusal)
		}
		ctx.Loopback(string(b.Page), message)
	}
	count := func(ctx goka.Context, message any) {
		b, refusal := codec.ParseBehaviour(message.([]byte), limits)
		if refusal != nil {
			ctx.Fail(refusal)
		}
		totals := &heat.Totals{}
		if stored, ok := ctx.Value().(*heat.Totals); ok {
			totals = stored
		}
		totals.Count(b)
		ctx.SetValue(totals)
		all.add(1)
	}
	graph := goka.DefineGroup(gokaGroup(c.Prefix),
		goka.Input(goka.Stream(c.Topic), codec.Raw{}, rekey),
		goka.Loop(codec.Raw{}, count),
		goka.Persist(codec.PageStateCodec{}),
	)
	processor, err := goka.NewProcessor(c.Brokers, graph, c.options()...)
	if err != nil {
		return fmt.Errorf("making a goka processor: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- processor.Run(ctx) }()
	select {
	case <-all.done:
	case err := <-ended:
		return errors.Join(errors.New("the goka processor has ended by itself"), err)
	}
	m.end(all)
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("draining a goka processor: %w", err)
	}
	m.Counted = all.counted.Load()
	return m.print(o)
}

func (c *gokaCmd) options() []goka.ProcessorOption {
	config := func() *sarama.Config {
		config := goka.DefaultConfig()
		config.Version = sarama.V3_6_0_0 // Kafka 4 refuses goka's
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Consumer.Offsets.Initial = sarama.OffsetOldest
		return config
	}
	topics := goka.NewTopicManagerConfig()
	topics.Table.Replication, topics.Stream.Replication = 1, 1
	return []goka.ProcessorOption{
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(config(), topics)),
		goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(config())),
		goka.WithConsumerSaramaBuilder(goka.SaramaConsumerBuilderWithConfig(config())),
		goka.WithProducerBuilder(goka.ProducerBuilderWithConfig(config())),
		goka.WithStorageBuilder(storage.DefaultBuilder(c.Dir)),
		goka.WithHasher(topology.Hasher()),
		goka.WithLogger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)),
	}
}

// runGoka measures goka alone on a backlog.
func (r *runner) runGoka(ctx context.Context, b *backlog, prefix string) (*result, error) {
	dir, err := os.MkdirTemp("", "pageheat-bench-goka-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for goka's store: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	res, err := r.runSelf(ctx, b, prefix, "goka", "--prefix", prefix, "--dir", dir)
	if err != nil {
		return nil, err
	}
	table := string(goka.GroupTable(gokaGroup(prefix)))
	digest, err := tableDigest(ctx, r.cluster, table)
	if err != nil {
		return nil, err
	}
	if want := b.want.digest(); digest != want {
		res.wrong("the totals in %s are not those of a recount", table)
	}
	return res, nil
}

// tableDigest reads a table of totals from its changelog.
func tableDigest(ctx context.Context, c *cluster, topic string) (uint64, error) {
	table := make(map[string]*heat.Totals)
	err := readAll(ctx, c, topic, func(r *kgo.Record) error {
		t, err := codec.DecodePageState(r.Value)
		if err != nil {
			return fmt.Errorf("page %q: %w", r.Key, err)
		}
		table[string(r.Key)] = &t
		return nil
	})
	return digestOf(table), err
}

// readAll hands on every record that a topic holds now.
func readAll(ctx context.Context, c *cluster, topic string, take func(*kgo.Record) error) error {
	ends, err := c.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("looking up the end of %s: %w", topic, err)
	}
	left := int64(0)
	for _, o := range ends[topic] {
		left += o.Offset
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return fmt.Errorf("connecting to %v: %w", c.brokers, err)
	}
	defer client.Close()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", topic, err)
		}
		for _, r := range fetches.Records() {
			left--
			if err := take(r); err != nil {
				return fmt.Errorf("reading %s partition %d, offset %d: %w", topic, r.Partition, r.Offset, err)
			}
		}
	}
	return nil
}
