package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrNotDelivered is wrapped by the errors of records that no broker took in time.
var ErrNotDelivered = kgo.ErrRecordTimeout

// Sending says how records are sent.
type Sending struct {
	// Linger is the time to gather a batch.
	Linger time.Duration
	// Records and Bytes bound what is on its way: at either, Send waits. 0 means the client's
	// default.
	Records, Bytes int
	// BatchBytes bounds a batch; 0 means the client's default.
	BatchBytes int
	// Within bounds the time to deliver a record; 0 means no bound.
	Within time.Duration
	// InTurn is whether records go round the partitions, whatever their keys.
	InTurn bool
}

// Sender sends records to one topic, idempotently and acknowledged by all replicas in
// sync. It is safe for concurrent use.
type Sender struct {
	client *kgo.Client
	topic  string
}

// Sender opens a client that sends, whose client.id names the purpose. Nothing is
// connected before the first record. The caller closes it.
func (c *Cluster) Sender(purpose, topic string, s Sending) (*Sender, error) {
	options := []kgo.Opt{
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(s.Linger),
		kgo.RecordDeliveryTimeout(s.Within),
		kgo.UnknownTopicRetries(2),
	}
	if s.Records > 0 {
		options = append(options, kgo.MaxBufferedRecords(s.Records))
	}
	if s.Bytes > 0 {
		options = append(options, kgo.MaxBufferedBytes(s.Bytes))
	}
	if s.BatchBytes > 0 {
		options = append(options, kgo.ProducerBatchMaxBytes(int32(s.BatchBytes)))
	}
	if s.InTurn {
		options = append(options, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	}
	client, err := c.Client(purpose, options...)
	if err != nil {
		return nil, err
	}
	return &Sender{client: client, topic: topic}, nil
}

// Send queues a record, which the sender keeps; done is told how that ends. When ctx is
// done, a record that has not been sent yet is dropped. What is on its way cannot be
// called back without losing idempotence.
func (s *Sender) Send(ctx context.Context, r *Record, done func(*Record, error)) {
	s.client.Produce(ctx, r, done)
}

// Flush waits until everything is acknowledged or has failed.
func (s *Sender) Flush(ctx context.Context) error {
	if err := s.client.Flush(ctx); err != nil {
		return fmt.Errorf("sending to topic %s: %w", s.topic, err)
	}
	return nil
}

// Forget forgets the topic, which the client knows by its id: it takes one that was
// deleted and created again as it finds it. What is queued for it is lost.
func (s *Sender) Forget() { s.client.PurgeTopicsFromProducing(s.topic) }

// Close gives up what is on its way.
func (s *Sender) Close() { s.client.Close() }
