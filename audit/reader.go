package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

const (
	// fetchBytes is how much is asked for at once. A reader holds at most four
	// fetches: one under way, one read, one waiting, one in the callback.
	fetchBytes = 4 << 20
	// fetchWait is how long a broker may wait for the first byte. There always
	// is one, since nothing beyond the last stable offset is asked for.
	fetchWait = 500 * time.Millisecond
	// patience is how long a partition may be without a leader, or its leader
	// without an answer.
	patience = 30 * time.Second
	// retryAfter is the time between two attempts.
	retryAfter = 200 * time.Millisecond
	// isolationReadCommitted is what the protocol calls reading as committed.
	isolationReadCommitted = 1
)

// topic is what is to be known of a topic before its partitions are read.
type topic struct {
	name string
	id   [16]byte
	// start and end are, by partition, the log start and the last stable
	// offset: everything committed lies from the one to before the other.
	start, end []int64
}

// NoTopicError says that a topic does not exist.
type NoTopicError struct {
	// Topic is its name.
	Topic string
	err   error
}

func (e *NoTopicError) Error() string {
	return fmt.Sprintf("topic %s does not exist: run `pageheat topics create`, or check --prefix, --input and --output", e.Topic)
}

// Unwrap is Kafka's error.
func (e *NoTopicError) Unwrap() error { return e.err }

// lookAt reads what there is of a topic now. It asks the brokers itself: what
// kgo and kadm remember of a topic may be some seconds old, and of one that was
// deleted and created again since.
func lookAt(ctx context.Context, client *kgo.Client, name string) (topic, error) {
	meta, err := describe(ctx, client, name)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return topic{}, &NoTopicError{name, err}
	}
	if err != nil {
		return topic{}, fmt.Errorf("asking for topic %s: %w", name, err)
	}
	n := len(meta.Partitions)
	t := topic{name: name, id: meta.TopicID, start: make([]int64, n), end: make([]int64, n)}
	for partition := range int32(n) {
		r := newReader(client, t, partition)
		for _, which := range []struct {
			timestamp int64
			offset    *int64
		}{{-2, &t.start[partition]}, {-1, &t.end[partition]}} {
			err := r.patiently(ctx, func() (err error) {
				*which.offset, err = r.offset(ctx, which.timestamp)
				return err
			})
			if err != nil {
				return topic{}, fmt.Errorf("asking for the offsets of topic %s partition %d: %w", name, partition, err)
			}
		}
	}
	return t, nil
}

// describe asks the brokers for the metadata of one topic.
func describe(ctx context.Context, client *kgo.Client, name string) (kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = new(name)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	if len(response.Topics) != 1 {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("%w: the broker answered with %d topics", errUnreadable, len(response.Topics))
	}
	return response.Topics[0], kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

// reader reads one partition as committed. It fetches by itself instead of
// being a kgo consumer: a consumer does not tell how far it is where the last
// records are aborted ones or markers, and so would wait for ever at an end
// that holds nothing for it.
type reader struct {
	client    *kgo.Client
	topic     topic
	partition int32

	decompressor kgo.Decompressor
	leader       int32 // -1: to be asked for
}

func newReader(client *kgo.Client, t topic, partition int32) *reader {
	return &reader{client: client, topic: t, partition: partition, decompressor: kgo.DefaultDecompressor(), leader: -1}
}

// chunk is what one fetch gave: committed records, and the offset that is next.
type chunk struct {
	records []*kgo.Record
	next    int64
}

// read hands fn the committed records with offsets in [from, to), in order; to
// must not lie beyond the last stable offset. next is the offset up to which
// all is read. The next fetch is under way meanwhile. An error of fn ends it.
func (r *reader) read(ctx context.Context, from, to int64, fn func(records []*kgo.Record, next int64) error) error {
	if from >= to {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	chunks := make(chan chunk, 1)
	group.Go(func() error {
		defer close(chunks)
		for from < to {
			var c chunk
			err := r.patiently(ctx, func() (err error) { c, err = r.fetch(ctx, from, to); return err })
			if err != nil {
				return fmt.Errorf("reading topic %s partition %d at offset %d: %w", r.topic.name, r.partition, from, err)
			}
			select {
			case chunks <- c:
			case <-ctx.Done():
				return ctx.Err()
			}
			from = c.next
		}
		return nil
	})
	group.Go(func() error {
		for c := range chunks {
			if err := fn(c.records, c.next); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// patiently asks, and asks again where the partition moves to another leader.
func (r *reader) patiently(ctx context.Context, ask func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := r.findLeader(ctx)
		if err == nil {
			err = ask()
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case stays(err) || time.Now().After(deadline):
			return err
		}
		r.leader = -1
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryAfter):
		}
	}
}

// errUnreadable marks records that another attempt would not read either.
var errUnreadable = errors.New("the records cannot be read")

// stays reports whether an error would be the same at the next attempt. A broker
// that does not answer is no such error.
func stays(err error) bool {
	var code *kerr.Error
	return errors.Is(err, errUnreadable) || errors.Is(err, kgo.ErrClientClosed) ||
		errors.As(err, &code) && !code.Retriable
}

func (r *reader) fetch(ctx context.Context, from, to int64) (chunk, error) {
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis = int32(fetchWait.Milliseconds())
	request.MinBytes = 1
	request.MaxBytes = fetchBytes
	request.IsolationLevel = isolationReadCommitted
	request.SessionEpoch = -1 // no fetch session
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = r.topic.name, r.topic.id // which of them is used is up to the version
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition = r.partition
	partition.FetchOffset = from
	partition.PartitionMaxBytes = fetchBytes
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)

	answer, err := r.client.Broker(int(r.leader)).Request(ctx, request)
	if err != nil {
		return chunk{}, err
	}
	response, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return chunk{}, fmt.Errorf("%w: broker %d answered %T to a fetch", errUnreadable, r.leader, answer)
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return chunk{}, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		// What a broker answers that slows its client down for a quota.
		return chunk{}, errors.New("the broker answered without the partition")
	}
	return r.decode(&response.Topics[0].Partitions[0], from, to)
}

// decode takes the committed records in [from, to) out of a response.
func (r *reader) decode(response *kmsg.FetchResponseTopicPartition, from, to int64) (chunk, error) {
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return chunk{}, err
	}
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: r.topic.name, Partition: r.partition,
	}, response, r.decompressor, nil)
	if fetched.Err != nil {
		return chunk{}, fmt.Errorf("%w: %w", errUnreadable, fetched.Err)
	}
	if next <= from {
		if len(response.RecordBatches) > 0 || response.LastStableOffset < to {
			return chunk{}, errors.New("the broker answered without a whole batch")
		}
		next = to // compaction has left nothing up to the end
	}
	records := fetched.Records
	for len(records) > 0 && records[len(records)-1].Offset >= to {
		records = records[:len(records)-1]
	}
	return chunk{records: records, next: min(next, to)}, nil
}

// offset asks for the log start offset (timestamp -2) or the last stable offset
// (-1).
func (r *reader) offset(ctx context.Context, timestamp int64) (int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	request.IsolationLevel = isolationReadCommitted
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = r.topic.name
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Partition = r.partition
	partition.Timestamp = timestamp
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)

	answer, err := r.client.Broker(int(r.leader)).Request(ctx, request)
	if err != nil {
		return 0, err
	}
	response, ok := answer.(*kmsg.ListOffsetsResponse)
	if !ok || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("%w: broker %d did not answer for the partition", errUnreadable, r.leader)
	}
	got := response.Topics[0].Partitions[0]
	return got.Offset, kerr.ErrorForCode(got.ErrorCode)
}

// findLeader asks which broker leads the partition, if it is not known.
func (r *reader) findLeader(ctx context.Context) error {
	if r.leader >= 0 {
		return nil
	}
	meta, err := describe(ctx, r.client, r.topic.name)
	if err != nil {
		return fmt.Errorf("asking for the leader: %w", err)
	}
	for _, partition := range meta.Partitions {
		if partition.Partition != r.partition {
			continue
		}
		if partition.Leader < 0 {
			return kerr.LeaderNotAvailable
		}
		r.leader = partition.Leader
		return nil
	}
	return kerr.UnknownTopicOrPartition
}
