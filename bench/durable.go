package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// durableEvery is the interval for checking the ends of the changelog.
const durableEvery = 5 * time.Millisecond

// awaitDurable returns when the given number of behaviours is committed in the changelog of the
// heat table. It reads the ends of its partitions: a transaction's last record is the
// partition's progress, which has the count.
func awaitDurable(ctx context.Context, c *cluster, table string, counted int64) (time.Time, error) {
	var seen, by []int64 // ends and counts, by partition
	ticker := time.NewTicker(durableEvery)
	defer ticker.Stop()
	for {
		ends, err := c.ends(ctx, table)
		now := time.Now()
		if err != nil {
			return now, err
		}
		if seen == nil {
			seen, by = make([]int64, len(ends)), make([]int64, len(ends))
		}
		var sum int64
		for p, end := range ends {
			if end != seen[p] {
				seen[p] = end
				progress, err := lastProgress(ctx, c, table, int32(p), end)
				if err != nil {
					return now, err
				}
				if progress != nil {
					by[p] = int64(progress.Counted)
				}
			}
			sum += by[p]
		}
		if sum == counted {
			return now, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return now, fmt.Errorf("waiting until %d behaviours are committed in %s: %w; there are %d", counted, table, context.Cause(ctx), sum)
		}
	}
}

// lastProgress reads the progress at the end of a partition, nil if there is none.
func lastProgress(ctx context.Context, c *cluster, topic string, partition int32, end int64) (*codec.Progress, error) {
	// The last record of a transaction is followed by one control record.
	const back = 2
	if end < back {
		return nil, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(shortFetch),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(end - back)}}))
	if err != nil {
		return nil, fmt.Errorf("connecting to %v: %w", c.brokers, err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("reading the end of %s partition %d: %w", topic, partition, err)
		}
		for _, r := range fetches.Records() {
			if kind, _, ok := codec.InternalKey(string(r.Key)); !ok || kind != codec.KindProgress {
				continue
			}
			p, err := codec.DecodeProgress(r.Value)
			if err != nil {
				return nil, fmt.Errorf("reading the end of %s partition %d, offset %d: %w", topic, partition, r.Offset, err)
			}
			return &p, nil
		}
		if fetches.NumRecords() > 0 {
			return nil, nil // a fence
		}
	}
}
