package main

import (
	"context"
	"maps"
	"slices"

	"pageheat/kafka"
)

// readSpans gives the committed records of a topic at these offsets to each, one partition
// after the other, and returns when all have been read. An error of each ends it and
// is returned; where ctx is done it is errInterrupted.
func readSpans(ctx context.Context, p *program, name string, at map[int32]offsetSpan, each func(*kafka.Record) error) error {
	topic, err := p.kafka.Topic(ctx, name)
	for _, partition := range slices.Sorted(maps.Keys(at)) {
		if err != nil {
			break
		}
		span := kafka.Span{Topic: topic, Partition: partition, From: at[partition].start, To: at[partition].end}
		err = p.kafka.Read(ctx, span, func(records []*kafka.Record, _ int64) error {
			for _, r := range records {
				if err := each(r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return interrupted(ctx, withHint(name, err))
}
