package adapter

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const (
	// committedWindow is how many offsets the first look back from the last
	// stable offset covers. A transaction that ends normally leaves its last
	// record two below it, so the first look is nearly always the only one.
	committedWindow = 16
	// committedFetchBytes bounds one fetch of a look back. A broker returns the
	// first batch whole even when it is larger.
	committedFetchBytes = 1 << 20
	// committedAttempts and committedBackoff bound the wait for a partition
	// that changes its leader: about five seconds in all.
	committedAttempts = 20
	committedBackoff  = 250 * time.Millisecond
)

// CommittedEnd returns the offset after the last committed record of a
// partition: a record with data, neither a transaction marker nor part of an
// aborted or still open transaction. That is where a reader of committed
// records is caught up. The high watermark would not do: after a transaction
// the last offset is a marker, which no reader is ever handed, and one that
// waits for it waits for ever. A partition without any committed record gives
// its log start offset.
//
// The last committed record is looked for from the last stable offset
// backwards, in windows that double. Leader changes and records deleted
// meanwhile are retried for some seconds; the error says which topic and
// partition failed. It is safe for concurrent use, and returns at the latest
// when client is closed and its requests have timed out.
func CommittedEnd(client sarama.Client, topic string, partition int32) (int64, error) {
	var last error
	for attempt := range committedAttempts {
		if attempt > 0 {
			time.Sleep(committedBackoff)
			if err := client.RefreshMetadata(topic); err != nil {
				last = err
				if passing(err) {
					continue
				}
				break
			}
		}
		end, err := committedEnd(client, topic, partition)
		if err == nil {
			return end, nil
		}
		if last = err; !passing(err) {
			break
		}
	}
	return 0, fmt.Errorf("finding the last committed record of topic %s partition %d: %w", topic, partition, last)
}

// passing tells errors that another attempt may get over from those that stay.
func passing(err error) bool {
	for _, stays := range []error{
		sarama.ErrClosedClient, sarama.ErrTopicAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrSASLAuthenticationFailed, errOldFormat,
	} {
		if errors.Is(err, stays) {
			return false
		}
	}
	return true
}

var errOldFormat = errors.New("the log holds records of the format before Kafka 0.11, which knows no transactions")

// tail reads the end of one partition from its leader.
type tail struct {
	leader    *sarama.Broker
	topic     string
	partition int32
}

func committedEnd(client sarama.Client, topic string, partition int32) (int64, error) {
	leader, err := client.Leader(topic, partition)
	if err != nil {
		return 0, fmt.Errorf("finding the leader: %w", err)
	}
	t := tail{leader: leader, topic: topic, partition: partition}
	start, err := t.offset(sarama.OffsetOldest)
	if err != nil {
		return 0, fmt.Errorf("asking for the log start offset: %w", err)
	}
	stable, err := t.offset(sarama.OffsetNewest)
	if err != nil {
		return 0, fmt.Errorf("asking for the last stable offset: %w", err)
	}
	window := int64(committedWindow)
	for hi := stable; hi > start; window *= 2 {
		lo := max(start, hi-window)
		last, err := t.lastCommitted(lo, hi)
		if err != nil {
			return 0, err
		}
		if last >= lo {
			return last + 1, nil
		}
		hi = lo
	}
	return start, nil
}

// offset asks the leader for the log start (sarama.OffsetOldest) or the last
// stable offset (sarama.OffsetNewest, as asked for by a reader of committed
// records; sarama's Client.GetOffset gives the high watermark instead).
func (t tail) offset(which int64) (int64, error) {
	request := &sarama.OffsetRequest{Version: 5, IsolationLevel: sarama.ReadCommitted}
	request.AddBlock(t.topic, t.partition, which, 1)
	response, err := t.leader.GetAvailableOffsets(request)
	if err != nil {
		_ = t.leader.Close() // opened again by the next attempt
		return 0, err
	}
	block := response.GetBlock(t.topic, t.partition)
	if block == nil {
		return 0, sarama.ErrIncompleteResponse
	}
	if !errors.Is(block.Err, sarama.ErrNoError) {
		return 0, block.Err
	}
	return block.Offset, nil
}

// lastCommitted returns the offset of the last committed record in the batches
// that hold the offsets from lo up to hi, or -1. The first batch may begin
// before lo.
func (t tail) lastCommitted(lo, hi int64) (int64, error) {
	last := int64(-1)
	for next := lo; next < hi; {
		block, err := t.fetch(next)
		if err != nil {
			return 0, fmt.Errorf("fetching offset %d: %w", next, err)
		}
		found, after, err := scan(block)
		if err != nil {
			return 0, fmt.Errorf("reading offset %d: %w", next, err)
		}
		last = max(last, found)
		// Nothing but batches that compaction has emptied: sarama drops them
		// without a word on where they end, so this goes on offset by offset.
		next = max(next+1, after)
	}
	return last, nil
}

// fetch reads committed records from one offset on, without waiting.
func (t tail) fetch(offset int64) (*sarama.FetchResponseBlock, error) {
	request := &sarama.FetchRequest{
		Version:      11,
		MaxBytes:     committedFetchBytes,
		Isolation:    sarama.ReadCommitted,
		SessionEpoch: -1, // no fetch session
	}
	request.AddBlock(t.topic, t.partition, offset, committedFetchBytes, -1)
	response, err := t.leader.Fetch(request)
	if err != nil {
		_ = t.leader.Close() // opened again by the next attempt
		return nil, err
	}
	block := response.GetBlock(t.topic, t.partition)
	switch {
	case block == nil:
		return nil, sarama.ErrIncompleteResponse
	case !errors.Is(block.Err, sarama.ErrNoError):
		return nil, block.Err
	case block.Partial:
		return nil, sarama.ErrIncompleteResponse
	}
	return block, nil
}

// scan returns the offset of the last committed record in a fetch response (-1
// if there is none) and the offset after its last batch (0 if there is none).
// The batches of an aborted transaction are those of its producer from the
// transaction's first offset up to the producer's next marker; the response
// lists every aborted transaction that overlaps it, also one that began before.
func scan(block *sarama.FetchResponseBlock) (last, after int64, err error) {
	last = -1
	aborted := slices.SortedFunc(slices.Values(block.AbortedTransactions),
		func(a, b *sarama.AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	aborting := make(map[int64]bool) // by producer id
	for _, records := range block.RecordsSet {
		batch := records.RecordBatch
		if batch == nil {
			return 0, 0, errOldFormat
		}
		if batch.PartialTrailingRecord {
			return 0, 0, sarama.ErrIncompleteResponse
		}
		after = batch.LastOffset() + 1
		for len(aborted) > 0 && aborted[0].FirstOffset < after {
			aborting[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		switch {
		case batch.Control:
			delete(aborting, batch.ProducerID)
		case batch.IsTransactional && aborting[batch.ProducerID]:
		default:
			for _, record := range batch.Records {
				last = batch.FirstOffset + record.OffsetDelta
			}
		}
	}
	return last, after, nil
}
