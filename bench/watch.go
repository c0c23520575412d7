package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
)

// boards follows an output topic as any other program would: what it has seen, a
// consumer has in hand.
type boards struct {
	client *kgo.Client
	done   chan struct{}
	stop   context.CancelFunc

	mu      sync.Mutex
	seen    []*harness.Board // in order, with the time they came
	failed  error
	changed chan struct{}
}

// shortFetch is the longest that a broker waits for records, which only matters
// where it is full of idle readers.
const shortFetch = 500 * time.Millisecond

// reader returns a client that reads topics from their beginning.
func (c *cluster) reader(topics ...string) (*kgo.Client, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(shortFetch),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("connecting to %v: %w", c.brokers, err)
	}
	return client, nil
}

// followBoards begins to follow. close must be called.
func followBoards(c *cluster, topic string) (*boards, error) {
	client, err := c.reader(topic)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &boards{client: client, done: make(chan struct{}), stop: stop, changed: make(chan struct{})}
	go func() {
		defer close(b.done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			at := time.Now()
			fetches.EachRecord(func(r *kgo.Record) { b.take(r, at) })
		}
	}()
	return b, nil
}

func (b *boards) take(r *kgo.Record, at time.Time) {
	next := &harness.Board{Came: at}
	err := json.Unmarshal(r.Value, next)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.failed = errors.Join(b.failed, fmt.Errorf("offset %d of %s is no board: %w", r.Offset, r.Topic, err))
	} else {
		b.seen = append(b.seen, next)
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *boards) close() {
	b.stop()
	<-b.done
	b.client.Close()
}

// all are the boards until now, in order.
func (b *boards) all() []*harness.Board {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.seen)
}

// wait returns the first board that counts so many behaviours.
func (b *boards) wait(ctx context.Context, counted int64) (*harness.Board, error) {
	return b.await(ctx, fmt.Sprintf("of %d behaviours", counted), func(next *harness.Board) bool { return next.Counted >= counted })
}

// await returns the first board that is wanted; what says which that is.
func (b *boards) await(ctx context.Context, what string, wanted func(*harness.Board) bool) (*harness.Board, error) {
	looked := 0
	for {
		b.mu.Lock()
		seen, failed, changed := b.seen, b.failed, b.changed
		b.mu.Unlock()
		if failed != nil {
			return nil, failed
		}
		for ; looked < len(seen); looked++ {
			if wanted(seen[looked]) {
				return seen[looked], nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			last := int64(-1)
			if len(seen) > 0 {
				last = seen[len(seen)-1].Counted
			}
			return nil, fmt.Errorf("waiting for a board %s: %w; the newest of %d boards counts %d",
				what, context.Cause(ctx), len(seen), last)
		}
	}
}

// firstRecord returns when the first record of a topic was made, by its own
// timestamp, as soon as there is one.
func firstRecord(ctx context.Context, c *cluster, topic string) (time.Time, error) {
	client, err := c.reader(topic)
	if err != nil {
		return time.Time{}, err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		var first time.Time
		fetches.EachRecord(func(r *kgo.Record) {
			if first.IsZero() || r.Timestamp.Before(first) {
				first = r.Timestamp
			}
		})
		switch {
		case !first.IsZero():
			return first, nil
		case ctx.Err() != nil:
			return time.Time{}, fmt.Errorf("waiting for the first record of %s: %w", topic, context.Cause(ctx))
		}
	}
}

// records is a bare consumer: it notes when each record came, by partition and
// offset, of a topic whose offsets have no holes.
type records struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   chan struct{}
	came   [][]time.Time // to be read when wait has returned
	count  chan int64    // of records, after each fetch
}

// followRecords begins to follow. close must be called.
func followRecords(c *cluster, topic string, partitions int32) (*records, error) {
	client, err := c.reader(topic)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &records{client: client, stop: stop, done: make(chan struct{}), came: make([][]time.Time, partitions),
		count: make(chan int64, 1)}
	go func() {
		defer close(r.done)
		var count int64
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			at := time.Now()
			fetches.EachRecord(func(record *kgo.Record) {
				r.came[record.Partition] = append(r.came[record.Partition], at)
				count++
			})
			select {
			case <-r.count: // nobody has looked
			default:
			}
			r.count <- count
		}
	}()
	return r, nil
}

// wait waits for so many records.
func (r *records) wait(ctx context.Context, records int64) error {
	for {
		select {
		case n := <-r.count:
			if n >= records {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d records: %w", records, context.Cause(ctx))
		}
	}
}

func (r *records) close() {
	r.stop()
	<-r.done
	r.client.Close()
}
