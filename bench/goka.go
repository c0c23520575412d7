package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// gokaCmd is the process of goka as in its examples: a stream of behaviours with any key, sent
// to itself by page (Loopback), and a group table with the totals of each page. It uses goka's
// default settings with safe acknowledgements and offsets: all replicas acknowledge, and it
// reads from the oldest message. Values are compact, and the table's store is goka's own,
// LevelDB.
type gokaCmd struct {
	Brokers  []string
	Topic    string
	Prefix   string
	Messages int64
	Dir      string
}

// gokaGroup returns the group name of a run.
func gokaGroup(prefix string) goka.Group { return goka.Group(prefix + "group") }

// Run counts the messages of the topic, and drains.
func (c *gokaCmd) Run(ctx context.Context, o out) error {
	var counted atomic.Int64
	done := make(chan struct{})
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
		if counted.Add(1) == c.Messages {
			m.end()
			close(done)
		}
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
	case <-done:
	case err := <-ended:
		return errors.Join(errors.New("the goka processor has ended by itself"), err)
	}
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("draining a goka processor: %w", err)
	}
	m.Counted = counted.Load()
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
func (r *runner) runGoka(ctx context.Context, b *backlog, prefix string, res *run) error {
	dir, err := os.MkdirTemp("", "pageheat-bench-goka-")
	if err != nil {
		return fmt.Errorf("making a directory for goka's store: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	broker := known(r.cluster.cpu())
	p, err := self("goka", "--brokers", r.cluster.bootstrap(), "--topic", b.topic, "--messages", strconv.FormatInt(b.messages, 10),
		"--prefix", prefix, "--dir", dir)
	if err != nil {
		return err
	}
	defer func() { _ = p.Kill() }() // it has ended
	var m measured
	if err := p.result(ctx, &m); err != nil {
		return err
	}
	b.figures(res, p, &m, known(r.cluster.cpu())-broker)
	table := make(map[string]*heat.Totals)
	topic := string(goka.GroupTable(gokaGroup(prefix)))
	err = r.cluster.readAll(ctx, topic, func(r *kgo.Record) error {
		t, err := codec.DecodePageState(r.Value)
		if err != nil {
			return fmt.Errorf("page %q: %w", r.Key, err)
		}
		table[string(r.Key)] = &t
		return nil
	})
	if err == nil && digest(recountOf(table)) != digest(b.want) {
		res.fail("the totals in %s are not those of a recount", topic)
	}
	return err
}
