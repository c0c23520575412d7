package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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
	// CPU is what it took from Began to Done, Peak the most memory until then.
	CPU  time.Duration `json:"cpu"`
	Peak uint64        `json:"peak"`
}

// begin takes note that this process begins to read.
func (m *measured) begin() { m.Began, m.CPU = time.Now(), -cpuOf(os.Getpid()) }

// end takes note that all was counted.
func (m *measured) end(all *tally) {
	m.Half, m.HalfCounted, m.Done = all.half, all.atHalf, all.doneAt
	m.CPU += cpuOf(os.Getpid())
	m.Peak = memoryOf(os.Getpid()).peak
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

// ceilingCmd is the process of the ceilings: what a client can do at most. It
// parses each message and sums it in a Go map, a map and a goroutine for each
// partition, and nothing else.
type ceilingCmd struct {
	Brokers  []string
	Topic    string
	Messages int64
	Franz    bool // franz-go instead of sarama
}

// Run counts the messages of the topic.
func (c *ceilingCmd) Run(ctx context.Context, o out) error {
	all := newTally(c.Messages)
	var m measured
	read := c.readSarama
	if c.Franz {
		read = c.readFranz
	}
	counters, err := read(ctx, all, &m)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.Topic, err)
	}
	m.end(all)
	m.Counted = all.counted.Load()
	sums := make([]map[string]*heat.Totals, len(counters))
	for i, counter := range counters {
		sums[i] = counter.sums
	}
	m.Digest = digestOf(sums...)
	return m.print(o)
}

// counter sums the messages of one partition.
type counter struct {
	limits heat.Limits
	sums   map[string]*heat.Totals
}

func newCounter() *counter {
	return &counter{limits: heat.DefaultLimits(), sums: make(map[string]*heat.Totals)}
}

func (c *counter) count(message []byte) error {
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

// readSarama reads with a sarama consumer for each partition.
func (c *ceilingCmd) readSarama(ctx context.Context, all *tally, m *measured) ([]*counter, error) {
	consumer, err := sarama.NewConsumer(c.Brokers, readerConfig())
	if err != nil {
		return nil, err
	}
	partitions, err := consumer.Partitions(c.Topic)
	if err != nil {
		return nil, err
	}
	m.begin()
	readers, ctx := errgroup.WithContext(ctx)
	var counters []*counter
	for _, p := range partitions {
		reader, err := consumer.ConsumePartition(c.Topic, p, sarama.OffsetOldest)
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w", p, err)
		}
		counter := newCounter()
		counters = append(counters, counter)
		readers.Go(func() error { return countAll(ctx, c.Topic, p, reader, counter, all) })
	}
	return counters, readers.Wait()
}

// readerConfig are the settings of a fast sarama consumer.
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

// countAll sums one partition until all partitions together are done.
func countAll(ctx context.Context, topic string, partition int32, reader sarama.PartitionConsumer, c *counter, all *tally) error {
	defer reader.AsyncClose()
	const often = 1024 // messages between two looks at the other partitions
	n := int64(0)
	for {
		var m *sarama.ConsumerMessage
		open := true
		select {
		case m, open = <-reader.Messages():
		default:
			all.add(n)
			n = 0
			select {
			case m, open = <-reader.Messages():
			case err, ok := <-reader.Errors():
				if ok {
					return err
				}
				open = false
			case <-all.done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !open {
			return readerClosed(topic, partition)
		}
		if err := c.count(m.Value); err != nil {
			return err
		}
		if n++; n == often {
			all.add(n)
			n = 0
		}
	}
}

// readFranz reads with a franz-go client that hands a slice of records at a time to
// the goroutine of their partition.
func (c *ceilingCmd) readFranz(ctx context.Context, all *tally, m *measured) ([]*counter, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics(c.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxPartitionBytes(4<<20))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	metadata, err := kadm.NewClient(client).Metadata(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	counters := make([]*counter, len(metadata.Topics[c.Topic].Partitions))
	batches := make([]chan []*kgo.Record, len(counters))
	readers, ctx := errgroup.WithContext(ctx)
	for p := range counters {
		counter, batch := newCounter(), make(chan []*kgo.Record, 1)
		counters[p], batches[p] = counter, batch
		readers.Go(func() error {
			for records := range batch {
				for _, r := range records {
					if err := counter.count(r.Value); err != nil {
						return err
					}
				}
				all.add(int64(len(records)))
			}
			return nil
		})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-all.done
		cancel()
	}()
	m.begin()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) == 0 {
				return
			}
			select {
			case batches[p.Partition] <- p.Records:
			case <-ctx.Done():
			}
		})
	}
	for _, b := range batches {
		close(b)
	}
	return counters, readers.Wait()
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
