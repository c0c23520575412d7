package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readSpans gives the records of a topic at these offsets to each, in the order of
// each partition, and returns when all have been read. An error of each ends it and
// is returned; where ctx is done it is errInterrupted.
func readSpans(ctx context.Context, p *program, topic string, at map[int32]offsetSpan, each func(*kgo.Record) error) error {
	next := map[int32]kgo.Offset{}
	left := map[int32]int64{} // partition -> the last offset to read
	for partition, span := range at {
		if span.end > span.start {
			next[partition] = kgo.NewOffset().At(span.start)
			left[partition] = span.end - 1
		}
	}
	if len(left) == 0 {
		return nil
	}
	client, err := p.connect(ctx,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: next}),
		// A marker of a transaction may be the last record.
		kgo.KeepControlRecords(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for len(left) > 0 {
		records, err := poll(ctx, client, topic)
		if err != nil {
			return err
		}
		for _, r := range records {
			last, wanted := left[r.Partition]
			if wanted && r.Offset <= last && !r.Attrs.IsControl() {
				if err := each(r); err != nil {
					return err
				}
			}
			if wanted && r.Offset >= last {
				delete(left, r.Partition)
			}
		}
	}
	return nil
}

// poll waits for records. Where ctx is done it fails with errInterrupted.
func poll(ctx context.Context, client *kgo.Client, topic string) ([]*kgo.Record, error) {
	fetches := client.PollFetches(ctx)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err := fetches.Err(); err != nil {
		return nil, fmt.Errorf("read topic %s: %w", topic, withHint(err))
	}
	return fetches.Records(), nil
}
