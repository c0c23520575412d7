package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// NoTopicError is the error of a missing topic, with a hint.
type NoTopicError struct {
	// Topic is its name.
	Topic string
	err   error
}

// Error says what to do.
func (e *NoTopicError) Error() string {
	return fmt.Sprintf("topic %s does not exist: run `pageheat topics create`, or check --prefix, --input and --output", e.Topic)
}

// Unwrap is Kafka's error.
func (e *NoTopicError) Unwrap() error { return e.err }

// Missing returns an error about a topic as a [NoTopicError] if it says that the topic does
// not exist, any other unchanged. It is for callers that do not wait for the topic.
func Missing(topic string, err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return &NoTopicError{topic, err}
	}
	return err
}

// AllBounds looks up the bounds of all partitions of a topic. The error is a [NoTopicError] if
// the topic does not exist.
func (c *Cluster) AllBounds(ctx context.Context, topic string) (map[int32]Bounds, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	all := make(map[int32]Bounds)
	for _, which := range []struct {
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
		set  func(*Bounds, int64)
	}{
		{admin.ListStartOffsets, func(b *Bounds, at int64) { b.Start = at }},
		{admin.ListCommittedOffsets, func(b *Bounds, at int64) { b.Stable = at }},
		{admin.ListEndOffsets, func(b *Bounds, at int64) { b.End = at }},
	} {
		listed, err := which.list(ctx, topic)
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return nil, Missing(topic, Explain(fmt.Errorf("looking up the offsets of topic %s: %w", topic, err), OnTopic(Describe, topic)))
		}
		listed.Each(func(o kadm.ListedOffset) {
			b := all[o.Partition]
			which.set(&b, o.Offset)
			all[o.Partition] = b
		})
	}
	return all, nil
}

// ReadBounds hands each the committed records of a topic within bounds, one partition
// after the other, and returns when all were read. An error of each ends it.
func (c *Cluster) ReadBounds(ctx context.Context, topic string, bounds map[int32]Bounds, each func(*Record) error) error {
	found, err := c.Topic(ctx, topic)
	if err != nil {
		return Missing(topic, err)
	}
	for _, partition := range slices.Sorted(maps.Keys(bounds)) {
		b := bounds[partition]
		err := c.Read(ctx, Span{Topic: found, Partition: partition, From: b.Start, To: b.End}, func(records []*Record, _ int64) error {
			for _, r := range records {
				if err := each(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Missing(topic, err)
		}
	}
	return nil
}
