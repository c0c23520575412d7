package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/process"
	"pageheat/topology"
)

// measured is what a process of bench reports about itself.
type measured struct {
	// Began is when it started to read, Done when all was read or counted.
	Began time.Time `json:"began"`
	Done  time.Time `json:"done"`
	// Counted is the number of messages; Digest represents all pages.
	Counted int64  `json:"counted"`
	Digest  uint64 `json:"digest"`
	// CPU is the CPU time from Began to Done, Peak the peak memory until then.
	CPU  time.Duration `json:"cpu"`
	Peak uint64        `json:"peak"`
}

// begin records the start of reading.
func (m *measured) begin() { m.Began, m.CPU = time.Now(), -known(process.CPU(os.Getpid())) }

// end records that all was read.
func (m *measured) end() {
	m.Done = time.Now()
	m.CPU += known(process.CPU(os.Getpid()))
	_, m.Peak, _ = process.Memory(os.Getpid()) // 0 if not available
}

// print writes the result; the process exits after it.
func (m *measured) print(o out) error {
	if err := json.NewEncoder(o.results).Encode(m); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// readerCmd is the process of a plain consumer: it reads each partition of a topic up to an end,
// with a sarama consumer and a goroutine for each, and nothing else. With Sum it parses each message
// and sums it in a Go map, the best that this client can do. Without Sum it uses the settings for
// restoring tables, and keeps nothing.
type readerCmd struct {
	Brokers []string
	Topic   string
	// Ends are the offsets after the last record of each partition.
	Ends []int64
	Sum  bool
}

// Run reads.
func (c *readerCmd) Run(ctx context.Context, o out) error {
	consumer, err := sarama.NewConsumer(c.Brokers, c.config())
	if err != nil {
		return fmt.Errorf("connecting to %v: %w", c.Brokers, err)
	}
	var m measured
	m.begin()
	counters := make([]*counter, len(c.Ends))
	readers, ctx := errgroup.WithContext(ctx)
	for p, end := range c.Ends {
		counters[p] = newCounter(c.Sum)
		readers.Go(func() error { return c.read(ctx, consumer, int32(p), end, counters[p]) })
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	m.end()
	sums := make([]map[string]*heat.Totals, len(counters))
	for p, counter := range counters {
		m.Counted += counter.n
		sums[p] = counter.sums
	}
	m.Digest = digest(recountOf(sums...))
	return errors.Join(m.print(o), consumer.Close())
}

// config returns the settings of a fast sarama consumer.
func (c *readerCmd) config() *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = "bench"
	config.Version = sarama.V3_6_0_0
	config.Consumer.Return.Errors = true
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.MaxProcessingTime = time.Second
	config.Consumer.Fetch.Default = 4 << 20
	config.Consumer.Fetch.Max = topology.MaxMessageBytes + 1<<20
	if !c.Sum {
		config.Consumer.MaxWaitTime = 50 * time.Millisecond
		config.Consumer.Fetch.Default = 8 << 20
		config.ChannelBufferSize = 4096
	}
	return config
}

// read reads one partition up to the record before end.
func (c *readerCmd) read(ctx context.Context, consumer sarama.Consumer, partition int32, end int64, count *counter) error {
	if end == 0 {
		return nil
	}
	reader, err := consumer.ConsumePartition(c.Topic, partition, sarama.OffsetOldest)
	if err != nil {
		return fmt.Errorf("reading %s partition %d: %w", c.Topic, partition, err)
	}
	defer reader.AsyncClose()
	for {
		var m *sarama.ConsumerMessage
		var open bool
		select {
		case m, open = <-reader.Messages(): // the usual case, and cheaper on its own
		default:
			select {
			case m, open = <-reader.Messages():
			case err, ok := <-reader.Errors():
				if ok {
					return err
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if !open { // sarama closes it if the offset no longer exists
			return fmt.Errorf("reading %s partition %d: the reader was closed: %w", c.Topic, partition, sarama.ErrOffsetOutOfRange)
		}
		if err := count.count(m.Value); err != nil {
			return fmt.Errorf("%s partition %d, offset %d: %w", c.Topic, partition, m.Offset, err)
		}
		if m.Offset >= end-1 {
			return nil
		}
	}
}

// counter counts the messages of one partition.
type counter struct {
	limits heat.Limits
	n      int64
	sums   map[string]*heat.Totals // nil: do not sum
}

func newCounter(sum bool) *counter {
	c := &counter{limits: heat.DefaultLimits()}
	if sum {
		c.sums = make(map[string]*heat.Totals)
	}
	return c
}

func (c *counter) count(message []byte) error {
	c.n++
	if c.sums == nil {
		return nil
	}
	b, refusal := codec.ParseBehaviour(message, c.limits)
	if refusal != nil {
		return refusal
	}
	t := c.sums[string(b.Page)]
	if t == nil {
		t = &heat.Totals{}
		c.sums[string(b.Page)] = t
	}
	t.Count(b)
	return nil
}

// recountOf returns a recount of the sums of several maps.
func recountOf(parts ...map[string]*heat.Totals) *harness.Recount {
	r := harness.NewRecount()
	for _, sums := range parts {
		for name, t := range sums {
			s := r.Pages[name]
			if s == nil {
				s = &harness.Sum{}
				r.Pages[name] = s
			}
			s.Clicks += int64(t.Clicks.Lo)
			s.Minutes += int64(t.Minutes.Lo)
			s.Likes += t.Likes
			s.Behaviours += int64(t.Behaviours)
		}
	}
	return r
}

// digest returns a number that represents the sums of all pages, in any order: two recounts with
// the same digest are equal. It shows that a process that counts in memory counts correctly.
func digest(r *harness.Recount) uint64 {
	var all uint64
	var buf []byte
	for name, s := range r.Pages {
		buf = append(buf[:0], name...)
		for _, n := range []int64{s.Clicks, s.Minutes, s.Likes, s.Behaviours} {
			buf = strconv.AppendInt(append(buf, '|'), n, 10)
		}
		h := fnv.New64a()
		_, _ = h.Write(buf) // a hash never fails
		all += h.Sum64()
	}
	return all
}

// readBare runs a process that reads a topic up to its ends.
func readBare(ctx context.Context, c *cluster, topic string, ends []int64, flags ...string) (*child, *measured, error) {
	list := make([]string, len(ends))
	for p, end := range ends {
		list[p] = strconv.FormatInt(end, 10)
	}
	p, err := self(append([]string{"reader", "--brokers", c.bootstrap(), "--topic", topic, "--ends", strings.Join(list, ",")}, flags...)...)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = p.Kill() }() // it has ended
	m := &measured{}
	return p, m, p.result(ctx, m)
}
