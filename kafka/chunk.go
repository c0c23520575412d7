package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/kafka/recordbatch"
)

// Chunk is the result of one fetch of a partition: batches as they are in the log, so that
// the reader bounds the memory that they unpack to.
type Chunk struct {
	// Batches are whole batches; the last offset before them was read before.
	Batches []byte
	// Aborted are the transactions among them that were aborted.
	Aborted Aborted
	// First is the first offset of the partition if that is above the requested one, else 0.
	First int64
	// Next is when the next fetch begins at the earliest; the zero time if it began at once.
	Next time.Time
	// Err is why the partition cannot be read, nil if it can.
	Err error
}

// Aborted holds, by producer, the offsets at which its aborted transactions begin.
type Aborted map[int64][]int64

// newChunk takes the whole batches of an answer to a fetch from an offset, and the
// offset after them; nil if there is nothing. Its error says that there is no whole
// batch, which is normal if other partitions filled the answer.
func newChunk(p *kmsg.FetchResponseTopicPartition, offset int64) (chunk *Chunk, next int64) {
	if len(p.RecordBatches) == 0 {
		return nil, offset
	}
	size, next := recordbatch.Whole(p.RecordBatches)
	if next <= offset {
		return &Chunk{Err: fmt.Errorf("%w: the broker answers a fetch from offset %d with %d bytes that hold no whole batch with this offset",
			recordbatch.ErrCorrupt, offset, len(p.RecordBatches))}, offset
	}
	chunk = &Chunk{Batches: p.RecordBatches[:size:size]}
	for _, t := range p.AbortedTransactions {
		if chunk.Aborted == nil {
			chunk.Aborted = make(Aborted)
		}
		chunk.Aborted[t.ProducerID] = append(chunk.Aborted[t.ProducerID], t.FirstOffset)
	}
	for _, offsets := range chunk.Aborted {
		slices.Sort(offsets) // they come in any order
	}
	return chunk, next
}

// newFetch is a request without partitions.
func newFetch(wait time.Duration, most int32) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis = int32(wait.Milliseconds())
	request.MinBytes = 1
	request.MaxBytes = most
	request.IsolationLevel = isolationReadCommitted
	request.SessionEpoch = -1 // no fetch session
	return request
}

// fetchPartition is one partition of a request.
func fetchPartition(partition int32, next int64, most int32) kmsg.FetchRequestTopicPartition {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, next, most
	return p
}

// fetchByName is a fetch that names its topic, whose id is not known.
type fetchByName struct{ *kmsg.FetchRequest }

// lastByName is the last version that names topics.
const lastByName = 12

// MaxVersion implements kmsg.Request.
func (fetchByName) MaxVersion() int16 { return lastByName }

// sendFetch sends a fetch of one topic to a broker.
func sendFetch(ctx context.Context, client *kgo.Client, broker int32, request *kmsg.FetchRequest) (*kmsg.FetchResponse, error) {
	var r kmsg.Request = request
	if request.Topics[0].TopicID == [16]byte{} {
		r = fetchByName{request}
	}
	answer, err := client.Broker(int(broker)).Request(ctx, r)
	if err != nil {
		return nil, err
	}
	response, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return nil, fmt.Errorf("%w: broker %d answered %T to a fetch", errUnreadable, broker, answer)
	}
	return response, kerr.ErrorForCode(response.ErrorCode)
}

// ErrEndsBefore says that a partition ends before an offset that was read from it. A broker
// that does not know yet that it lost the partition's leadership answers the same.
var ErrEndsBefore = errors.New("the partition ends before what was read of it")

// errNoAnswer is the answer of a broker that throttles its client for a quota.
var errNoAnswer = errors.New("the broker answered without the partition")

// fetch asks for committed records from an offset on: up to limit bytes, or one batch. It asks
// the replica that the leader named, and the leader if there is none or it fails.
func (p *partition) fetch(ctx context.Context, id [16]byte, offset int64, wait time.Duration, limit int32) (*kmsg.FetchResponseTopicPartition, error) {
	if near, is := p.near.at(time.Now()); is {
		answer, err := p.fetchFrom(ctx, near, id, offset, wait, limit)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		p.near.failed(time.Now())
	}
	answer, err := p.fetchFrom(ctx, p.leader, id, offset, wait, limit)
	if err == nil && p.cluster.config.Rack != "" && answer.PreferredReadReplica >= 0 && answer.PreferredReadReplica != p.leader {
		p.near.prefer(answer.PreferredReadReplica, time.Now()) // the answer is empty
		return p.fetch(ctx, id, offset, wait, limit)
	}
	return answer, err
}

// fetchFrom asks one broker.
func (p *partition) fetchFrom(ctx context.Context, broker int32, id [16]byte, offset int64, wait time.Duration, limit int32) (*kmsg.FetchResponseTopicPartition, error) {
	client, err := p.cluster.shared()
	if err != nil {
		return nil, err
	}
	request := newFetch(wait, limit)
	if p.near.wanted(time.Now()) {
		request.Rack = p.cluster.config.Rack
	}
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = p.topic, id // which of them is used is up to the version
	topic.Partitions = append(topic.Partitions, fetchPartition(p.number, offset, limit))
	request.Topics = append(request.Topics, topic)
	response, err := sendFetch(ctx, client, broker, request)
	if err == nil {
		err = findStarts(ctx, client, broker, p.topic, response)
	}
	if err != nil {
		return nil, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, errNoAnswer
	}
	answer := &response.Topics[0].Partitions[0]
	err = kerr.ErrorForCode(answer.ErrorCode)
	if errors.Is(err, kerr.OffsetOutOfRange) && answer.LogStartOffset <= offset {
		err = ErrEndsBefore
	}
	return answer, err
}

// Log reads chunks of one partition at any offset, through the client that all look-ups
// share. It belongs to one goroutine.
type Log struct {
	*partition
	id [16]byte
}

// Fetched is what was fetched of a log.
type Fetched struct {
	// Chunk is nil if there is nothing.
	*Chunk
	// Next is the offset after it, and Start the first that the partition still has.
	Next, Start int64
	// Size is the size of the answer in bytes.
	Size int
}

// logWait is how long a broker waits for the first byte of a log.
const logWait = 500 * time.Millisecond

// Log is a partition of a topic.
func (c *Cluster) Log(t Topic, number int32) *Log {
	l := &Log{partition: c.partition(t.Name, number), id: t.ID}
	if int(number) < len(t.Leaders) {
		l.leader = t.Leaders[number]
	}
	return l
}

// Fetch asks once for committed records from an offset on: up to limit bytes, or one batch.
func (l *Log) Fetch(ctx context.Context, offset int64, limit int32) (Fetched, error) {
	err := l.findLeader(ctx)
	if err != nil {
		return Fetched{}, err
	}
	answer, err := l.fetch(ctx, l.id, offset, logWait, limit)
	if errors.Is(err, errNoAnswer) {
		return Fetched{Next: offset}, nil
	}
	if err != nil {
		return Fetched{}, err
	}
	chunk, next := newChunk(answer, offset)
	return Fetched{Chunk: chunk, Next: next, Start: answer.LogStartOffset, Size: len(answer.RecordBatches)}, nil
}

// FetchPatiently is Fetch with retries while the partition moves to another leader.
func (l *Log) FetchPatiently(ctx context.Context, offset int64, limit int32) (got Fetched, err error) {
	err = l.patiently(ctx, func() (err error) { got, err = l.Fetch(ctx, offset, limit); return err })
	return got, err
}
