package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/traffic"
)

// sender writes uncompressed messages without keys to the partitions of a topic, round-robin,
// and computes the expected result.
type sender struct {
	ctx        context.Context //nolint:containedctx // it ends with the first error
	fail       context.CancelCauseFunc
	client     *kgo.Client
	topic      string
	partitions int32
	want       *harness.Recount
	arena      []byte
}

// newSender returns a sender. The caller calls end.
func newSender(ctx context.Context, c *cluster, topic string, partitions int32, want *harness.Recount, opts ...kgo.Opt) (*sender, error) {
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		return nil, fmt.Errorf("connecting a producer to %v: %w", c.brokers, err)
	}
	s := &sender{client: client, topic: topic, partitions: partitions, want: want}
	s.ctx, s.fail = context.WithCancelCause(ctx)
	return s, nil
}

// send sends a message, and keeps a copy of it.
func (s *sender) send(message []byte, at time.Time) error {
	partition := int32(s.want.Counted % int64(s.partitions))
	if err := s.want.Add(message, 1); err != nil {
		return err
	}
	if cap(s.arena)-len(s.arena) < len(message) {
		s.arena = make([]byte, 0, 1<<20)
	}
	start := len(s.arena)
	s.arena = append(s.arena, message...)
	s.client.Produce(s.ctx, &kgo.Record{Topic: s.topic, Partition: partition, Value: s.arena[start:len(s.arena):len(s.arena)], Timestamp: at},
		func(_ *kgo.Record, err error) {
			if err != nil {
				s.fail(fmt.Errorf("producing to %s: %w", s.topic, err))
			}
		})
	return context.Cause(s.ctx)
}

// end waits until everything is acknowledged.
func (s *sender) end() error {
	_ = s.client.Flush(s.ctx) // the cause says more
	err := context.Cause(s.ctx)
	s.fail(nil)
	s.client.Close()
	return err
}

// backlog is the backlog in an input topic, with the expected result.
type backlog struct {
	topic    string
	messages int64
	want     *harness.Recount
}

// produceBacklog creates a topic and fills it with the first messages of the scenario's
// traffic. It returns when all are acknowledged.
func produceBacklog(ctx context.Context, c *cluster, topic string, s scenario, messages int64) (*backlog, error) {
	simulator, err := traffic.NewSimulator(s.options())
	if err != nil {
		return nil, err
	}
	if err := c.createTopic(ctx, topic, s.partitions); err != nil {
		return nil, err
	}
	b := &backlog{topic: topic, messages: messages, want: harness.NewRecount()}
	return b, b.produce(ctx, c, s.partitions, simulator.Messages())
}

// produce sends the first messages of a stream.
func (b *backlog) produce(ctx context.Context, c *cluster, partitions int32, stream iter.Seq[[]byte]) error {
	s, err := newSender(ctx, c, b.topic, partitions, b.want, kgo.MaxBufferedRecords(200_000))
	if err != nil {
		return err
	}
	left := b.messages
	for message := range stream {
		if left == 0 || err != nil {
			break
		}
		err = s.send(message, time.Time{})
		left--
	}
	if ended := s.end(); err == nil {
		err = ended
	}
	return err
}

// scenario has the parameters that all contenders of one comparison share.
type scenario struct {
	broker     string
	pages      int
	traffic    string
	partitions int32
	messages   int64 // of the backlog; that of goka is smaller
}

// The kinds of traffic: the distribution of visits over pages.
const (
	trafficUniform = "uniform"
	trafficZipf    = "zipf"
)

// options are the simulator's; every run of a scenario gets the same messages.
func (s scenario) options() traffic.Options {
	const zipfExponent = 1.1
	o := traffic.Options{Pages: s.pages, Seed: 1}
	if s.traffic == trafficZipf {
		o.Zipf = zipfExponent
	}
	return o
}

// run starts a run of a contender.
func (s scenario) run(contender string) *run {
	return newRun("Throughput", "broker", s.broker, "pages", s.pages, "traffic", s.traffic, "partitions", s.partitions, "case", contender)
}

// String names the scenario in topics and in progress lines.
func (s scenario) String() string {
	return fmt.Sprintf("%s-%d-%s-%d", s.broker, s.pages, s.traffic, s.partitions)
}

// figures sets the figures of a bench process that has counted the backlog.
func (b *backlog) figures(res *run, p *child, m *measured, broker time.Duration) {
	millions := float64(b.messages) / 1e6
	res.set(rateUnit, perSecond(b.messages, m.Done.Sub(m.Began)))
	res.set("start-s", m.Began.Sub(p.Began()).Seconds())
	res.set("cpu-s/M", m.CPU.Seconds()/millions)
	res.set("broker-cpu-s/M", broker.Seconds()/millions)
	res.set("peak-MiB", mib(m.Peak))
	if m.Counted != b.messages {
		res.fail("it counts %d messages instead of %d", m.Counted, b.messages)
	}
}

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
