package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// measured is what a process of bench says about itself.
type measured struct {
	// Began is when it began to read, Half and Done when half and all of the
	// messages were counted, HalfCounted how many Half means exactly.
	Began       time.Time `json:"began"`
	Half        time.Time `json:"half"`
	HalfCounted int64     `json:"half_counted"`
	Done        time.Time `json:"done"`
	// Counted is how many there were, and Digest stands for all pages.
	Counted int64  `json:"counted"`
	Digest  uint64 `json:"digest"`
	// CPU and Peak are what it took until Done.
	CPU  time.Duration `json:"cpu"`
	Peak uint64        `json:"peak"`
}

// took fills in CPU and Peak of this process.
func (m *measured) took() {
	m.CPU, m.Peak = cpuOf(os.Getpid()), memoryOf(os.Getpid()).peak
}

// print is the last thing that a process does.
func (m *measured) print(o out) error {
	if err := json.NewEncoder(o.results).Encode(m); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// tally knows when half and all of the messages were counted. Several goroutines
// may add.
type tally struct {
	messages int64
	counted  atomic.Int64
	once     sync.Once
	half     time.Time
	atHalf   int64
	done     chan struct{}
	doneAt   time.Time
}

func newTally(messages int64) *tally { return &tally{messages: messages, done: make(chan struct{})} }

// add counts n more.
func (t *tally) add(n int64) {
	now := t.counted.Add(n)
	if now >= t.messages/2 && now-n < t.messages {
		t.once.Do(func() { t.half, t.atHalf = time.Now(), now })
	}
	if now >= t.messages && now-n < t.messages {
		t.doneAt = time.Now()
		close(t.done)
	}
}

// ceilingCmd is the process of the ceiling: what this client can do at most. A
// consumer per partition with the settings of ingest, which parses each message
// and sums it in a Go map, and nothing else.
type ceilingCmd struct {
	Brokers  []string
	Topic    string
	Messages int64
}

// readerConfig are the settings that ingest reads its input with.
func readerConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = "bench"
	c.Version = sarama.V3_6_0_0
	c.Consumer.Return.Errors = true
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	c.Consumer.MaxProcessingTime = time.Second
	c.Consumer.Fetch.Default = 4 << 20
	c.Consumer.Fetch.Max = topology.MaxMessageBytes + 1<<20
	return c
}

// Run counts the messages of the topic.
func (c *ceilingCmd) Run(ctx context.Context, o out) error {
	consumer, err := sarama.NewConsumer(c.Brokers, readerConfig())
	if err != nil {
		return fmt.Errorf("connecting to %v: %w", c.Brokers, err)
	}
	partitions, err := consumer.Partitions(c.Topic)
	if err != nil {
		return fmt.Errorf("looking up topic %s: %w", c.Topic, err)
	}
	sums := make([]map[string]*heat.Totals, len(partitions))
	all := newTally(c.Messages)
	m := measured{Began: time.Now()}
	readers, ctx := errgroup.WithContext(ctx)
	for i, p := range partitions {
		sums[i] = make(map[string]*heat.Totals)
		reader, err := consumer.ConsumePartition(c.Topic, p, sarama.OffsetOldest)
		if err != nil {
			return fmt.Errorf("reading %s partition %d: %w", c.Topic, p, err)
		}
		readers.Go(func() error { return countAll(ctx, reader, sums[i], all) })
	}
	if err := readers.Wait(); err != nil {
		return fmt.Errorf("reading %s: %w", c.Topic, err)
	}
	m.Half, m.HalfCounted, m.Done = all.half, all.atHalf, all.doneAt
	m.took()
	m.Counted, m.Digest = all.counted.Load(), digestOf(sums...)
	return errors.Join(m.print(o), consumer.Close())
}

// countAll sums one partition until all partitions together are done.
func countAll(ctx context.Context, reader sarama.PartitionConsumer, sums map[string]*heat.Totals, all *tally) error {
	defer reader.AsyncClose()
	limits := heat.DefaultLimits()
	const often = 1024 // messages between two looks at the other partitions
	n := int64(0)
	for {
		var m *sarama.ConsumerMessage
		select {
		case m = <-reader.Messages():
		default:
			all.add(n)
			n = 0
			select {
			case m = <-reader.Messages():
			case err := <-reader.Errors():
				return err
			case <-all.done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		b, refusal := codec.ParseBehaviour(m.Value, limits)
		if refusal != nil {
			return refusal
		}
		t := sums[string(b.Page)]
		if t == nil {
			t = &heat.Totals{}
			sums[string(b.Page)] = t
		}
		t.Count(b)
		if n++; n == often {
			all.add(n)
			n = 0
		}
	}
}

// digestOf is the digest of sums in several maps together.
func digestOf(parts ...map[string]*heat.Totals) uint64 {
	r := newRecount()
	for _, sums := range parts {
		for name, t := range sums {
			s := r.pages[name]
			if s == nil {
				s = &sum{}
				r.pages[name] = s
			}
			s.clicks += int64(t.Clicks.Lo)
			s.minutes += int64(t.Minutes.Lo)
			s.likes += t.Likes
			s.behaviours += int64(t.Behaviours)
		}
	}
	return r.digest()
}
