package batches

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Sender writes batches to a topic as they are, past a producer's own care. It
// belongs to one goroutine.
type Sender struct {
	client  *kgo.Client
	topic   string
	id      [16]byte
	leaders []int32 // by partition
	timeout int32   // milliseconds
}

// NewSender returns a sender to a topic that exists.
func NewSender(ctx context.Context, client *kgo.Client, topic string) (*Sender, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", topic, err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return nil, fmt.Errorf("looking up %s: %w", topic, err)
	}
	const timeout = 30_000
	s := &Sender{client: client, topic: topic, id: resp.Topics[0].TopicID, leaders: make([]int32, len(resp.Topics[0].Partitions)), timeout: timeout}
	for _, p := range resp.Topics[0].Partitions {
		s.leaders[p.Partition] = p.Leader
	}
	return s, nil
}

// Send writes a batch and returns the offset of its first message. A broker's refusal
// is an error that errors.As finds as a *kerr.Error.
func (s *Sender) Send(ctx context.Context, partition int32, b *Batch, p Producer, transaction string) (int64, error) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, s.timeout
	if transaction != "" {
		req.TransactionID = new(transaction)
	}
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = s.topic, s.id
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, b.Wire(p)
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	answer, err := s.client.Broker(int(s.leaders[partition])).Request(ctx, req)
	if err != nil {
		return 0, fmt.Errorf("writing a batch to %s partition %d: %w", s.topic, partition, err)
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("the broker answered something else")
	}
	result := resp.Topics[0].Partitions[0]
	return result.BaseOffset, kerr.ErrorForCode(result.ErrorCode)
}

// retried asks until the answer is no error that may pass, as while the markers of the
// transaction before are on their way.
func retried(ctx context.Context, ask func() (code int16, err error)) error {
	const pause = 10 * time.Millisecond
	for {
		code, err := ask()
		if err == nil {
			err = kerr.ErrorForCode(code)
		}
		if !kerr.IsRetriable(err) && !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// Transaction writes batches in a transaction.
type Transaction struct {
	sender   *Sender
	id       string
	producer Producer
	next     map[int32]int32 // sequence number by partition
}

// Begin returns a transaction of the given transactional id.
func (s *Sender) Begin(ctx context.Context, id string) (*Transaction, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = new(id), s.timeout
	var resp *kmsg.InitProducerIDResponse
	err := retried(ctx, func() (code int16, err error) {
		if resp, err = req.RequestWith(ctx, s.client); err != nil {
			return 0, err
		}
		return resp.ErrorCode, nil
	})
	if err != nil {
		return nil, fmt.Errorf("beginning a transaction of %s: %w", id, err)
	}
	return &Transaction{sender: s, id: id, next: map[int32]int32{},
		producer: Producer{ID: resp.ProducerID, Epoch: resp.ProducerEpoch, Transactional: true}}, nil
}

// Send is Sender.Send within the transaction.
func (t *Transaction) Send(ctx context.Context, partition int32, b *Batch) (int64, error) {
	if _, added := t.next[partition]; !added {
		if err := t.add(ctx, partition); err != nil {
			return 0, err
		}
	}
	p := t.producer
	p.Sequence = t.next[partition]
	offset, err := t.sender.Send(ctx, partition, b, p, t.id)
	if err == nil {
		t.next[partition] += int32(len(b.Messages))
	}
	return offset, err
}

// add tells the coordinator of a partition.
func (t *Transaction) add(ctx context.Context, partition int32) error {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.id, t.producer.ID, t.producer.Epoch
	topic := kmsg.NewAddPartitionsToTxnRequestTopic()
	topic.Topic, topic.Partitions = t.sender.topic, []int32{partition}
	req.Topics = append(req.Topics, topic)
	err := retried(ctx, func() (int16, error) {
		resp, err := req.RequestWith(ctx, t.sender.client)
		if err != nil || len(resp.Topics) == 0 {
			return 0, err
		}
		return resp.Topics[0].Partitions[0].ErrorCode, nil
	})
	if err != nil {
		return fmt.Errorf("adding partition %d to the transaction: %w", partition, err)
	}
	t.next[partition] = 0
	return nil
}

// End commits or aborts the transaction.
func (t *Transaction) End(ctx context.Context, commit bool) error {
	if len(t.next) == 0 {
		return nil // it has written nothing
	}
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = t.id, t.producer.ID, t.producer.Epoch, commit
	err := retried(ctx, func() (int16, error) {
		resp, err := req.RequestWith(ctx, t.sender.client)
		if err != nil {
			return 0, err
		}
		return resp.ErrorCode, nil
	})
	if err != nil {
		return fmt.Errorf("ending the transaction: %w", err)
	}
	return nil
}
