package adapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/kafka/recordbatch"
)

const (
	// fetchBytes is what one request asks for of all partitions of a broker, and
	// partitionBytes of each, if they are not too many to be held.
	fetchBytes     = 8 << 20
	partitionBytes = 1 << 20
	// leastFetch is the least that is asked for of a partition.
	leastFetch = 64 << 10
	// heldBytes is what the chunks of all claims take at most, but for single batches
	// that are larger than what was asked for.
	heldBytes = 64 << 20
	// fetchWait is how long a broker waits for the first byte, and shortWait where
	// another partition may become ready meanwhile: a broker answers one request after
	// the other.
	fetchWait = 100 * time.Millisecond
	shortWait = 4 * time.Millisecond
	// stuckAfter is after how long a claim that takes nothing is no reason to ask again soon.
	stuckAfter = time.Second
	// fetchPause is the pause after a fetch that failed.
	fetchPause = 100 * time.Millisecond
	// fetchPatience is how long a partition may fail with what passes by itself before
	// an operator hears of it, and a log may end before what was read of it: a broker
	// that does not know yet that it leads no more answers with what it had.
	fetchPatience = 30 * time.Second
	// recreated is how long a broker may not know the topic's id.
	recreated = 5 * time.Second
)

// fetcher reads the claims of one session. It asks each broker for all partitions
// that it leads and that have room for more, so that a claim that takes nothing holds
// no other up; and it hands over batches as they are, so that what they become in
// memory is bounded by who reads them.
type fetcher struct {
	client   *kgo.Client
	settings Settings
	topic    string
	id       codec.TopicID
	fault    func(error)

	mu      sync.Mutex
	claims  []*inputClaim
	brokers map[int32]chan struct{} // by id: wakes its loop
	loops   sync.WaitGroup
}

func newFetcher(client *kgo.Client, s Settings, topic string, id codec.TopicID, claims []*inputClaim, fault func(error)) *fetcher {
	f := &fetcher{client: client, settings: s, topic: topic, id: id, fault: fault, claims: claims, brokers: make(map[int32]chan struct{})}
	for _, c := range claims {
		c.fetcher = f
	}
	return f
}

// run reads until the context ends.
func (f *fetcher) run(ctx context.Context) {
	defer f.loops.Wait()
	ticker := time.NewTicker(fetchPause)
	defer ticker.Stop()
	for ctx.Err() == nil {
		f.assign(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// assign gives each claim the broker that leads its partition.
func (f *fetcher) assign(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	unknown := false
	for _, c := range f.claims {
		if c.leader >= 0 || c.busy || now.Before(c.notYet) {
			continue
		}
		leader, _, err := f.client.PartitionLeader(f.topic, c.partition)
		if leader < 0 || err != nil {
			unknown = true
			continue
		}
		c.leader = leader
		if f.brokers[leader] == nil {
			f.brokers[leader] = make(chan struct{}, 1)
			f.loops.Go(func() { f.loop(ctx, leader) })
		}
		f.wake(leader)
	}
	if unknown {
		f.client.ForceMetadataRefresh()
	}
}

func (f *fetcher) wake(broker int32) {
	select {
	case f.brokers[broker] <- struct{}{}:
	default:
	}
}

// taken lets a claim be fetched that has taken a chunk.
func (f *fetcher) taken(c *inputClaim) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.leader >= 0 {
		f.wake(c.leader)
	}
}

func (f *fetcher) rewind(c *inputClaim, next int64, pause time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.next = next
	c.rewinds++
	c.notYet = time.Now().Add(pause)
	for len(c.chunks) > 0 {
		<-c.chunks
	}
}

// wanted is a partition of a request.
type wanted struct {
	claim   *inputClaim
	next    int64
	rewinds int
}

// want takes the claims that a broker should be asked for; others may have room soon.
func (f *fetcher) want(broker int32) (all []wanted, others bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, c := range f.claims {
		if c.leader != broker || c.busy || c.ended() {
			continue
		}
		if len(c.chunks) == cap(c.chunks) {
			if c.full.IsZero() {
				c.full = now
			}
			others = others || now.Sub(c.full) < stuckAfter
			continue
		}
		c.full = time.Time{}
		if now.Before(c.notYet) {
			continue
		}
		c.busy = true
		all = append(all, wanted{c, c.next, c.rewinds})
	}
	// A broker gives of the first partition at least one batch, however large.
	slices.SortStableFunc(all, func(a, b wanted) int {
		switch {
		case a.claim.alone && !b.claim.alone:
			return -1
		case b.claim.alone && !a.claim.alone:
			return 1
		}
		return 0
	})
	// Others come first the next time.
	if n := len(f.claims); n > 1 {
		f.claims = append(f.claims[1:], f.claims[0])
	}
	return all, others
}

// loop asks one broker.
func (f *fetcher) loop(ctx context.Context, broker int32) {
	f.mu.Lock()
	wake := f.brokers[broker]
	f.mu.Unlock()
	for ctx.Err() == nil {
		all, others := f.want(broker)
		if len(all) == 0 {
			select {
			case <-wake:
			case <-time.After(fetchWait): // a pause may be over
			case <-ctx.Done():
			}
			continue
		}
		wait := fetchWait
		if others {
			wait = shortWait
		}
		response, err := f.fetch(ctx, broker, all, wait)
		f.take(ctx, all, response, err)
	}
}

// fetchRequest is a kmsg.FetchRequest that names a topic whose id is not known.
type fetchRequest struct{ *kmsg.FetchRequest }

// lastWithoutID is the last version that names topics.
const lastWithoutID = 12

// MaxVersion implements kmsg.Request.
func (fetchRequest) MaxVersion() int16 { return lastWithoutID }

// isolationReadCommitted is what the protocol calls reading as committed.
const isolationReadCommitted = 1

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

// send sends a fetch to a broker.
func sendFetch(ctx context.Context, client *kgo.Client, broker int32, request *kmsg.FetchRequest, id codec.TopicID) (*kmsg.FetchResponse, error) {
	var r kmsg.Request = request
	if id.IsZero() {
		r = fetchRequest{request}
	}
	answer, err := client.Broker(int(broker)).Request(ctx, r)
	if err != nil {
		return nil, err
	}
	response, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return nil, fmt.Errorf("broker %d answered %T to a fetch", broker, answer)
	}
	return response, kerr.ErrorForCode(response.ErrorCode)
}

// fetchTopic is one partition of a request.
func fetchPartition(partition int32, next int64, most int32) kmsg.FetchRequestTopicPartition {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, next, most
	return p
}

func (f *fetcher) fetch(ctx context.Context, broker int32, all []wanted, wait time.Duration) (*kmsg.FetchResponse, error) {
	request := newFetch(wait, fetchBytes)
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = f.topic, f.id
	each := max(min(heldBytes/(len(f.claims)*(chunksWaiting+1)), partitionBytes), leastFetch)
	for _, w := range all {
		topic.Partitions = append(topic.Partitions, fetchPartition(w.claim.partition, w.next, int32(each)))
	}
	request.Topics = append(request.Topics, topic)
	response, err := sendFetch(ctx, f.client, broker, request, f.id)
	if err != nil {
		return nil, err
	}
	return response, findStarts(ctx, f.client, broker, f.topic, response)
}

// findStarts looks up where the log begins of each partition that does not have the
// offset that was asked for: Kafka does not say it with the refusal.
func findStarts(ctx context.Context, client *kgo.Client, broker int32, name string, response *kmsg.FetchResponse) error {
	const earliest = -2
	if len(response.Topics) != 1 {
		return nil
	}
	partitions := response.Topics[0].Partitions
	request := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = name
	for _, p := range partitions {
		if p.ErrorCode == kerr.OffsetOutOfRange.Code {
			asked := kmsg.NewListOffsetsRequestTopicPartition()
			asked.Partition, asked.Timestamp = p.Partition, earliest
			topic.Partitions = append(topic.Partitions, asked)
		}
	}
	if len(topic.Partitions) == 0 {
		return nil
	}
	request.Topics = append(request.Topics, topic)
	answer, err := client.Broker(int(broker)).RetriableRequest(ctx, request)
	if err != nil {
		return fmt.Errorf("looking up where %s begins: %w", name, err)
	}
	found, ok := answer.(*kmsg.ListOffsetsResponse)
	if !ok || len(found.Topics) != 1 {
		return fmt.Errorf("looking up where %s begins: broker %d answered something else", name, broker)
	}
	for _, o := range found.Topics[0].Partitions {
		at := slices.IndexFunc(partitions, func(p kmsg.FetchResponseTopicPartition) bool { return p.Partition == o.Partition })
		if at >= 0 && o.ErrorCode == 0 {
			partitions[at].LogStartOffset = o.Offset
		}
	}
	return nil
}

// take hands the claims what they have got.
func (f *fetcher) take(ctx context.Context, all []wanted, response *kmsg.FetchResponse, err error) {
	var partitions []kmsg.FetchResponseTopicPartition
	if response != nil && len(response.Topics) == 1 {
		partitions = response.Topics[0].Partitions
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	refresh := false
	for i, w := range all {
		c := w.claim
		c.busy = false
		if ctx.Err() != nil || c.rewinds != w.rewinds {
			continue
		}
		if err != nil {
			refresh = f.failed(c, err) || refresh
			continue
		}
		at := slices.IndexFunc(partitions, func(p kmsg.FetchResponseTopicPartition) bool { return p.Partition == c.partition })
		if at < 0 {
			continue // what a broker answers that slows its client down for a quota
		}
		if code := kerr.ErrorForCode(partitions[at].ErrorCode); code != nil {
			refresh = f.refused(c, &partitions[at], code) || refresh
			continue
		}
		f.fetched(c, &partitions[at], i == 0, len(all) == 1)
	}
	if refresh {
		f.client.ForceMetadataRefresh()
	}
}

// failed takes note of a fetch that may succeed later, from another broker perhaps.
func (f *fetcher) failed(c *inputClaim, err error) (refresh bool) {
	now := time.Now()
	if c.failing.IsZero() {
		c.failing = now
	}
	c.leader, c.notYet = -1, now.Add(fetchPause)
	// Others pass by themselves, or a watchdog finds that nothing moves.
	broken := errors.Is(err, kerr.CorruptMessage) || errors.Is(err, kerr.KafkaStorageError)
	if broken && now.Sub(c.failing) > fetchPatience {
		c.told = true
		f.deliver(c, &inputChunk{err: fmt.Errorf("fetching from offset %d: %w", c.next, err)})
	}
	return true
}

// deliver hands over a chunk if there is room.
func (f *fetcher) deliver(c *inputClaim, chunk *inputChunk) {
	select {
	case c.chunks <- chunk:
	default:
	}
}

// refused takes note of an error of a partition.
func (f *fetcher) refused(c *inputClaim, p *kmsg.FetchResponseTopicPartition, err error) (refresh bool) {
	describe := func(err error) error {
		return fmt.Errorf("reading %s partition %d at offset %d: %w", c.topic, c.partition, c.next, err)
	}
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange) && p.LogStartOffset > c.next:
		c.failing = time.Time{}
		f.deliver(c, &inputChunk{first: p.LogStartOffset})
		c.next = p.LogStartOffset
		return false
	case errors.Is(err, kerr.OffsetOutOfRange):
		refresh = f.failed(c, err)
		if time.Since(c.failing) > fetchPatience {
			f.fault(describe(&failure.Permanent{Err: err, Hint: "the partition ends before what was read of it: brokers have lost records, or " + failure.Anew}))
		}
		return refresh
	case errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition):
		refresh = f.failed(c, err)
		if time.Since(c.failing) > recreated {
			f.fault(describe(err))
		}
		return refresh
	case kerr.IsRetriable(err):
		return f.failed(c, err)
	}
	f.fault(kafka.Explain(describe(err), kafka.OnTopic("Read", c.topic)))
	return false
}

// fetched hands over what was fetched of a partition. Whether it was the first of the
// request says if it was given at least one whole batch, and whether it was the only
// one, if the answer holds nothing else.
func (f *fetcher) fetched(c *inputClaim, p *kmsg.FetchResponseTopicPartition, first, only bool) {
	c.failing = time.Time{}
	if c.told {
		c.told = false
		f.deliver(c, &inputChunk{}) // says that it can be fetched again
	}
	c.end.Store(p.HighWatermark)
	c.stable.Store(stableOffset(p))
	f.watchTransaction(c)
	chunk, next := newChunk(p, c.next)
	switch {
	case chunk == nil || len(c.chunks) == cap(c.chunks):
	case chunk.err == nil || first:
		c.alone = false
		if !only {
			chunk.batches = bytes.Clone(chunk.batches) // it would hold all of the answer
		}
		f.deliver(c, chunk)
		c.next = next
	default:
		c.alone = true
	}
}

// stableOffset is the last stable offset of an answer; brokers of before transactions
// give none.
func stableOffset(p *kmsg.FetchResponseTopicPartition) int64 {
	if p.LastStableOffset < 0 {
		return p.HighWatermark
	}
	return p.LastStableOffset
}

// newChunk takes the whole batches of an answer to a fetch from an offset, and the
// offset after them; nil where there is nothing. Its error says that there is no whole
// batch, which is only natural where other partitions came before.
func newChunk(p *kmsg.FetchResponseTopicPartition, offset int64) (chunk *inputChunk, next int64) {
	if len(p.RecordBatches) == 0 {
		return nil, offset
	}
	size, next := recordbatch.Whole(p.RecordBatches)
	if next <= offset {
		return &inputChunk{err: fmt.Errorf("%w: the broker answers a fetch from offset %d with %d bytes that hold no whole batch with this offset",
			recordbatch.ErrCorrupt, offset, len(p.RecordBatches))}, offset
	}
	chunk = &inputChunk{batches: p.RecordBatches[:size:size]}
	for _, t := range p.AbortedTransactions {
		if chunk.aborted == nil {
			chunk.aborted = make(aborted)
		}
		chunk.aborted[t.ProducerID] = append(chunk.aborted[t.ProducerID], t.FirstOffset)
	}
	for _, offsets := range chunk.aborted {
		slices.Sort(offsets) // they come in any order
	}
	return chunk, next
}
