package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/traffic"
)

// backlog is what waits in an input topic, and what has to come out.
type backlog struct {
	topic    string
	messages int64
	want     *recount
}

// produceBacklog creates a topic and fills it with the first messages of the
// scenario's traffic, unkeyed, to the partitions in turn, uncompressed. It returns
// when all are acknowledged.
func produceBacklog(ctx context.Context, c *cluster, topic string, s scenario, messages int64) (*backlog, error) {
	simulator, err := traffic.NewSimulator(s.options())
	if err != nil {
		return nil, err
	}
	if err := c.createTopic(ctx, topic, s.Partitions); err != nil {
		return nil, err
	}
	b := &backlog{topic: topic, messages: messages, want: newRecount()}
	return b, b.produce(ctx, c, s.Partitions, simulator.Messages())
}

// produce sends the first messages of a stream.
func (b *backlog) produce(ctx context.Context, c *cluster, partitions int32, stream iter.Seq[[]byte]) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		return fmt.Errorf("connecting a producer to %v: %w", c.brokers, err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed := func(_ *kgo.Record, err error) {
		if err != nil {
			cancel(fmt.Errorf("producing to %s: %w", b.topic, err))
		}
	}
	var sent int64
	var arena []byte
	for message := range stream {
		if sent == b.messages || ctx.Err() != nil {
			break
		}
		if err := b.want.add(message); err != nil {
			return err
		}
		if cap(arena)-len(arena) < len(message) {
			arena = make([]byte, 0, 1<<20)
		}
		start := len(arena)
		arena = append(arena, message...)
		client.Produce(ctx, &kgo.Record{Topic: b.topic, Partition: int32(sent % int64(partitions)),
			Value: arena[start:len(arena):len(arena)]}, failed)
		sent++
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("producing to %s: %w", b.topic, context.Cause(ctx))
	}
	return context.Cause(ctx)
}
