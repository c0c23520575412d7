package adapter

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// sumInput sums, per page, the valid behaviours of one input partition at
// offsets in (from, to], for the pages of the heat partition that a range with the
// header is for. Both offsets are of records that were read before.
func sumInput(ctx context.Context, s Settings, h codec.RangeHeader, from, to int64) (map[string]heat.Totals, error) {
	consumer, err := sarama.NewConsumer(s.Brokers, s.rereadConfig())
	if err != nil {
		return nil, fmt.Errorf("connecting a consumer: %w", err)
	}
	defer func() { _ = consumer.Close() }()
	claim, err := consumer.ConsumePartition(s.Topology.Input, h.Partition, from+1)
	if errors.Is(err, sarama.ErrOffsetOutOfRange) {
		return nil, permanent(`see "A range is missing" in docs/operations.md`,
			"%s partition %d does not have offset %d any more, which is needed to tell what of a range is counted; everything above offset %d is not counted yet: %w",
			s.Topology.Input, h.Partition, from+1, to, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s partition %d from offset %d: %w", s.Topology.Input, h.Partition, from+1, err)
	}
	defer func() { _ = claim.Close() }()
	sums := make(map[string]heat.Totals)
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil, readerClosed(s.Topology.Input, h.Partition)
			}
			if m.Offset <= to {
				b, refusal := codec.ParseBehaviour(m.Value, h.Limits)
				if refusal == nil && topology.Partition(b.Page, int(h.Targets)) == h.Target {
					t := sums[string(b.Page)]
					t.Count(b)
					sums[string(b.Page)] = t
				}
			}
			if m.Offset >= to {
				return sums, nil
			}
		case err, ok := <-claim.Errors():
			if !ok {
				return nil, readerClosed(s.Topology.Input, h.Partition)
			}
			return nil, fmt.Errorf("reading %s partition %d again: %w", s.Topology.Input, h.Partition,
				needs(err, "Read", topicResource, s.Topology.Input))
		case <-ctx.Done():
			return nil, errSessionOver
		}
	}
}

// readerClosed is the error of a reader that sarama has closed by itself, which it does
// after an offset that is gone. The error that says so is not always received before.
func readerClosed(topic string, partition int32) error {
	return fmt.Errorf("reading %s partition %d: the reader was closed: %w", topic, partition, sarama.ErrOffsetOutOfRange)
}
