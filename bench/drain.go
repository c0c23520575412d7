package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
)

// drainCmd is the process of a bare consumer: it reads all partitions of a topic
// to their committed ends, with the settings that tables are restored with, and
// keeps nothing.
type drainCmd struct {
	Brokers []string
	Topic   string
	// Ends are the offsets after the last record of each partition.
	Ends []int64
}

// drained is what it says about itself.
type drained struct {
	Took    time.Duration `json:"took"` // from the first request to the last record
	Records int64         `json:"records"`
}

// Run reads.
func (c *drainCmd) Run(ctx context.Context, o out) error {
	config := readerConfig()
	config.Consumer.MaxWaitTime = 50 * time.Millisecond
	config.Consumer.Fetch.Default = 8 << 20
	config.ChannelBufferSize = 4096
	consumer, err := sarama.NewConsumer(c.Brokers, config)
	if err != nil {
		return fmt.Errorf("connecting to %v: %w", c.Brokers, err)
	}
	counts := make([]int64, len(c.Ends))
	began := time.Now()
	readers, ctx := errgroup.WithContext(ctx)
	for p, end := range c.Ends {
		readers.Go(func() error {
			n, err := drain(ctx, consumer, c.Topic, int32(p), end)
			counts[p] = n
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	d := drained{Took: time.Since(began)}
	for _, n := range counts {
		d.Records += n
	}
	return errors.Join(json.NewEncoder(o.results).Encode(d), consumer.Close())
}

// drain reads one partition up to the record before end.
func drain(ctx context.Context, consumer sarama.Consumer, topic string, partition int32, end int64) (int64, error) {
	if end == 0 {
		return 0, nil
	}
	reader, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, fmt.Errorf("reading %s partition %d: %w", topic, partition, err)
	}
	defer reader.AsyncClose()
	for n := int64(0); ; {
		select {
		case m, ok := <-reader.Messages():
			if !ok {
				return n, readerClosed(topic, partition)
			}
			if n++; m.Offset >= end-1 {
				return n, nil
			}
		case err, ok := <-reader.Errors():
			if !ok {
				return n, readerClosed(topic, partition)
			}
			return n, err
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}

// readerClosed is the error of a reader that sarama has closed by itself, which it does
// after an offset that is gone.
func readerClosed(topic string, partition int32) error {
	return fmt.Errorf("reading %s partition %d: the reader was closed: %w", topic, partition, sarama.ErrOffsetOutOfRange)
}
