package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// durableEvery is how often the ends of the changelog are looked at.
const durableEvery = 5 * time.Millisecond

// awaitDurable returns when so many behaviours were committed in the changelog of
// the heat table. It reads the ends of its partitions: a transaction's last record
// is the partition's progress, which says how many are counted.
func awaitDurable(ctx context.Context, c *cluster, table string, counted int64) (time.Time, error) {
	ends := make(map[int32]int64)
	by := make(map[int32]int64)
	ticker := time.NewTicker(durableEvery)
	defer ticker.Stop()
	for {
		listed, err := c.admin.ListCommittedOffsets(ctx, table)
		now := time.Now()
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return now, fmt.Errorf("looking up the committed ends of %s: %w", table, err)
		}
		var sum int64
		listed.Each(func(o kadm.ListedOffset) {
			if o.Offset != ends[o.Partition] {
				ends[o.Partition] = o.Offset
				if p, e := lastProgress(ctx, c, table, o.Partition, o.Offset); e != nil {
					err = e
				} else if p != nil {
					by[o.Partition] = int64(p.Counted)
				}
			}
			sum += by[o.Partition]
		})
		if err != nil {
			return now, err
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
