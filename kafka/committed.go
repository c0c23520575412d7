package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// committedWindow is how many offsets the first look back from the last stable offset
	// covers. A transaction that ends normally leaves its last record two below it, so the
	// first look is nearly always the only one.
	committedWindow = 16
	// committedAttempts bounds the attempts that fail because records are deleted meanwhile.
	committedAttempts = 20
)

// CommittedEnd returns the offset after the last committed record of a partition: a record
// with data, neither a control record nor part of an aborted or still open
// transaction. That is where a reader of committed records is caught up. The high
// watermark does not serve: after a transaction the last offset is a control record, which
// readers never see, and a reader that waits for it waits forever. A partition without any
// committed record gives its log start offset.
//
// The last committed record is looked for from the last stable offset backwards, in
// windows that double. The error says which topic and partition failed.
func (c *Cluster) CommittedEnd(ctx context.Context, topic string, partition int32) (int64, error) {
	var end int64
	t, err := c.Topic(ctx, topic)
	for range committedAttempts {
		if err != nil {
			break
		}
		if end, err = c.committedEnd(ctx, t, partition); err == nil {
			return end, nil
		}
		if errors.Is(err, kerr.OffsetOutOfRange) {
			err = nil // records were deleted meanwhile
		}
	}
	if err == nil {
		err = kerr.OffsetOutOfRange
	}
	return 0, fmt.Errorf("finding the last committed record of topic %s partition %d: %w", topic, partition, err)
}

func (c *Cluster) committedEnd(ctx context.Context, t Topic, partition int32) (int64, error) {
	bounds, err := c.Bounds(ctx, t.Name, partition)
	if err != nil {
		return 0, err
	}
	window := int64(committedWindow)
	for hi := bounds.Stable; hi > bounds.Start; window *= 2 {
		lo := max(bounds.Start, hi-window)
		last := int64(-1)
		err := c.Read(ctx, Span{Topic: t, Partition: partition, From: lo, To: hi}, func(records []*Record, _ int64) error {
			if n := len(records); n > 0 {
				last = records[n-1].Offset
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		if last >= lo {
			return last + 1, nil
		}
		hi = lo
	}
	return bounds.Start, nil
}
