package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/failure"
)

const (
	// sessionBytes is what one request asks for of all partitions of a broker, and
	// partitionBytes of each, if they are not too many to be held.
	sessionBytes   = 8 << 20
	partitionBytes = 1 << 20
	// leastFetch is the minimum size requested from a partition.
	leastFetch = 64 << 10
	// heldBytes bounds the chunks of all claims, except single batches that are larger than
	// requested.
	heldBytes = 64 << 20
	// quietWait is how long a broker waits for the first byte if the request has all of its
	// partitions. It is shorter where another one may become ready meanwhile, since a broker
	// answers one request after the other: pausedWait where this one cannot be fetched or has
	// been full for long, shortWait where it is full.
	quietWait  = 2 * time.Second
	pausedWait = 100 * time.Millisecond
	shortWait  = 4 * time.Millisecond
	// stuckAfter is the time after which a claim that takes nothing no longer shortens waits.
	stuckAfter = time.Second
	// fetchPause is the pause after a fetch that failed.
	fetchPause = 100 * time.Millisecond
	// FetchPatience is how long a partition may fail with transient errors before they are
	// reported, and how long a log may end below what was read: a broker that does not know
	// yet that it lost leadership answers with its old end.
	FetchPatience = 30 * time.Second
	// recreated is how long a broker may not know the topic's id.
	recreated = 5 * time.Second
)

// fetcher reads the claims of one session. It asks each broker for all partitions
// that it leads and that have room for more, so that a claim that takes nothing
// delays no other. It hands over batches as they are, so that the reader bounds the memory
// that they unpack to.
type fetcher struct {
	client  *kgo.Client
	logger  *slog.Logger
	waiting func(partition int32, open time.Duration) // is told for how long one waits for a transaction
	topic   string
	id      [16]byte
	rack    string // of this process
	fault   func(error)

	mu      sync.Mutex
	claims  []*Claim
	brokers map[int32]chan struct{} // by id: wakes its loop
	lost    chan struct{}           // holds a token when a claim has lost its leader
	loops   sync.WaitGroup
}

// run reads until the context ends.
func (f *fetcher) run(ctx context.Context) {
	defer f.loops.Wait()
	for ctx.Err() == nil {
		var again <-chan time.Time
		if !f.assign(ctx) {
			again = time.After(fetchPause)
		}
		select {
		case <-again:
		case <-f.lost:
		case <-ctx.Done():
		}
	}
}

// assign assigns each claim to the leader of its partition, or to the replica that the leader
// named, and reports whether all have a broker.
func (f *fetcher) assign(ctx context.Context) (all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	unknown := false
	all = true
	for _, c := range f.claims {
		if c.broker >= 0 || c.ended() {
			continue
		}
		if c.busy || now.Before(c.notYet) {
			all = false
			continue
		}
		broker, isNear := c.near.at(now)
		if !isNear {
			var err error
			if broker, _, err = f.client.PartitionLeader(f.topic, c.partition); broker < 0 || err != nil {
				unknown = true
				continue
			}
		}
		c.broker = broker
		if f.brokers[broker] == nil {
			f.brokers[broker] = make(chan struct{}, 1)
			f.loops.Go(func() { f.loop(ctx, broker) })
		}
		f.wake(broker)
	}
	if unknown {
		f.client.ForceMetadataRefresh()
	}
	return all && !unknown
}

func (f *fetcher) wake(broker int32) {
	select {
	case f.brokers[broker] <- struct{}{}:
	default:
	}
}

// taken lets a claim that has taken a chunk be fetched again.
func (f *fetcher) taken(c *Claim) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.broker >= 0 {
		f.wake(c.broker)
	}
}

func (f *fetcher) rewind(c *Claim, next int64, pause time.Duration) {
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
	claim   *Claim
	next    int64
	rewinds int
}

// want selects the claims to request from a broker, and says how long the broker may wait.
func (f *fetcher) want(broker int32) (all []wanted, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	wait = quietWait
	for _, c := range f.claims {
		if c.ended() || c.broker >= 0 && c.broker != broker {
			continue
		}
		if c.broker < 0 || c.busy {
			wait = min(wait, pausedWait)
			continue
		}
		if len(c.chunks) == cap(c.chunks) {
			if c.full.IsZero() {
				c.full = now
			}
			if wait = min(wait, pausedWait); now.Sub(c.full) < stuckAfter {
				wait = shortWait
			}
			continue
		}
		c.full = time.Time{}
		if now.Before(c.notYet) {
			wait = min(wait, pausedWait)
			continue
		}
		if c.near.expired(now) {
			f.leave(c, now)
			continue
		}
		c.busy = true
		all = append(all, wanted{c, c.next, c.rewinds})
	}
	// A broker returns at least one batch of the first partition, of any size.
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
	return all, wait
}

// loop asks one broker.
func (f *fetcher) loop(ctx context.Context, broker int32) {
	f.mu.Lock()
	wake := f.brokers[broker]
	f.mu.Unlock()
	due := pace{interval: inputPace, quiet: quietPace}
	for ctx.Err() == nil {
		all, wait := f.want(broker)
		if len(all) == 0 {
			select {
			case <-wake:
			case <-time.After(max(wait, pausedWait)): // a pause may be over
			case <-ctx.Done():
			}
			continue
		}
		response, err := f.fetch(ctx, broker, all, wait)
		next := due.next(size(response), time.Now())
		f.take(ctx, all, response, next, err)
		rest(ctx, next)
	}
}

// size is how many bytes of records an answer has; it may be nil.
func size(response *kmsg.FetchResponse) (bytes int) {
	if response == nil {
		return 0
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			bytes += len(p.RecordBatches)
		}
	}
	return bytes
}

func (f *fetcher) fetch(ctx context.Context, broker int32, all []wanted, wait time.Duration) (*kmsg.FetchResponse, error) {
	request := newFetch(wait, sessionBytes)
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = f.topic, f.id
	each := max(min(heldBytes/(len(f.claims)*(chunksWaiting+1)), partitionBytes), leastFetch)
	request.Rack = f.rack
	for _, w := range all {
		if !w.claim.near.wanted(time.Now()) {
			request.Rack = "" // then leaders answer by themselves
		}
		topic.Partitions = append(topic.Partitions, fetchPartition(w.claim.partition, w.next, int32(each)))
	}
	request.Topics = append(request.Topics, topic)
	response, err := sendFetch(ctx, f.client, broker, request)
	if err != nil {
		return nil, err
	}
	return response, findStarts(ctx, f.client, broker, f.topic, response)
}

// findStarts looks up where the log begins of each partition that does not have the
// offset that was asked for: Kafka does not say it with the refusal.
func findStarts(ctx context.Context, client *kgo.Client, broker int32, name string, response *kmsg.FetchResponse) error {
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

// take hands the answer to the claims. The next fetch begins at a time.
func (f *fetcher) take(ctx context.Context, all []wanted, response *kmsg.FetchResponse, next time.Time, err error) {
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
		f.fetched(c, &partitions[at], next, i == 0, len(all) == 1)
	}
	if refresh {
		f.client.ForceMetadataRefresh()
	}
}

// failed records the error of a fetch that may succeed later, perhaps from another broker.
func (f *fetcher) failed(c *Claim, err error) (refresh bool) {
	now := time.Now()
	if c.failing.IsZero() {
		c.failing = now
	}
	c.near.failed(now)
	f.leave(c, now.Add(fetchPause))
	// Other errors are transient, or the watchdog finds the stall.
	broken := errors.Is(err, kerr.CorruptMessage) || errors.Is(err, kerr.KafkaStorageError)
	if broken && now.Sub(c.failing) > FetchPatience {
		c.told = true
		f.deliver(c, &Chunk{Err: fmt.Errorf("fetching from offset %d: %w", c.next, err)})
	}
	return true
}

// leave ends asking a broker for a claim, which is assigned again at a time or later.
func (f *fetcher) leave(c *Claim, notYet time.Time) {
	c.broker, c.notYet = -1, notYet
	select {
	case f.lost <- struct{}{}:
	default:
	}
}

// deliver hands over a chunk if there is room.
func (f *fetcher) deliver(c *Claim, chunk *Chunk) {
	select {
	case c.chunks <- chunk:
	default:
	}
}

// refused records the error of a partition.
func (f *fetcher) refused(c *Claim, p *kmsg.FetchResponseTopicPartition, err error) (refresh bool) {
	describe := func(err error) error {
		return fmt.Errorf("reading %s partition %d at offset %d: %w", c.topic, c.partition, c.next, err)
	}
	switch {
	case c.near.broker >= 0:
		return f.failed(c, err) // the leader says what is so
	case errors.Is(err, kerr.OffsetOutOfRange) && p.LogStartOffset > c.next:
		c.failing = time.Time{}
		f.deliver(c, &Chunk{First: p.LogStartOffset})
		c.next = p.LogStartOffset
		return false
	case errors.Is(err, kerr.OffsetOutOfRange):
		refresh = f.failed(c, err)
		if time.Since(c.failing) > FetchPatience {
			f.fault(describe(&failure.Permanent{Err: err, Hint: "the partition ends before what was read of it: brokers have lost records, or " + failure.Recreated}))
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
	f.fault(Explain(describe(err), OnTopic(Read, c.topic)))
	return false
}

// fetched hands over what was fetched of a partition. Whether it was the first of the
// request says if it was given at least one whole batch, and whether it was the only
// one, if the answer holds nothing else.
func (f *fetcher) fetched(c *Claim, p *kmsg.FetchResponseTopicPartition, next time.Time, first, only bool) {
	if near := p.PreferredReadReplica; f.rack != "" && near >= 0 && near != c.broker {
		now := time.Now()
		c.near.prefer(near, now)
		f.leave(c, now)
		return
	}
	c.failing = time.Time{}
	if c.told {
		c.told = false
		f.deliver(c, &Chunk{}) // says that it can be fetched again
	}
	c.end.Store(p.HighWatermark)
	c.stable.Store(stableOffset(p))
	f.watchTransaction(c)
	chunk, offset := newChunk(p, c.next)
	switch {
	case chunk == nil || len(c.chunks) == cap(c.chunks):
	case chunk.Err == nil || first:
		c.alone = false
		if !only {
			chunk.Batches = bytes.Clone(chunk.Batches) // it would hold all of the answer
		}
		chunk.Next = next
		f.deliver(c, chunk)
		c.next = offset
	default:
		c.alone = true
	}
}

// stableOffset is the last stable offset of an answer; brokers older than transactions
// give none.
func stableOffset(p *kmsg.FetchResponseTopicPartition) int64 {
	if p.LastStableOffset < 0 {
		return p.HighWatermark
	}
	return p.LastStableOffset
}
