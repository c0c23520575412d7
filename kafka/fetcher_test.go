package kafka

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/kafka/recordbatch/batchtest"
)

// testFetcher has claims of the partitions from 0, which broker 1 leads.
func testFetcher(t testing.TB, partitions ...int32) (*fetcher, *error) {
	client, err := kgo.NewClient()
	require.NoError(t, err)
	t.Cleanup(client.Close)
	fault := new(error)
	session := &Session{client: client, topic: "input", partitions: partitions}
	claims, _ := session.Read(Reading{ID: [16]byte{1}, Logger: slog.New(slog.DiscardHandler), Waiting: func(int32, time.Duration) {},
		Fault: func(err error) { *fault = err }})
	for _, c := range claims {
		c.broker = 1
	}
	return claims[0].fetcher, fault
}

// answer is the answer to a fetch of one partition.
func answer(p kmsg.FetchResponseTopicPartition) *kmsg.FetchResponse {
	return &kmsg.FetchResponse{Topics: []kmsg.FetchResponseTopic{{Partitions: []kmsg.FetchResponseTopicPartition{p}}}}
}

func batchOf(offset int64, records int) []byte {
	var all []*kgo.Record
	for range records {
		all = append(all, &kgo.Record{Value: []byte("page|1|1|0")})
	}
	return batchtest.Encode(batchtest.Plain, offset, all)
}

// TestAClaimThatTakesNothingHoldsNoOtherUp: the broker is asked for the others.
func TestAClaimThatTakesNothingHoldsNoOtherUp(t *testing.T) {
	f, _ := testFetcher(t, 0, 1)
	stuck, free := f.claims[0], f.claims[1]
	for round := range int64(5) {
		all, _ := f.want(1)
		asked := map[int32]bool{}
		var partitions []kmsg.FetchResponseTopicPartition
		for _, w := range all {
			asked[w.claim.partition] = true
			partitions = append(partitions, kmsg.FetchResponseTopicPartition{Partition: w.claim.partition, RecordBatches: batchOf(w.next, 1), HighWatermark: 100, LastStableOffset: 100})
		}
		require.True(t, asked[1])
		require.Equal(t, round < chunksWaiting, asked[0])
		f.take(t.Context(), all, &kmsg.FetchResponse{Topics: []kmsg.FetchResponseTopic{{Partitions: partitions}}}, time.Time{}, nil)
		<-free.chunks
	}
	require.EqualValues(t, 5, free.next)
	require.EqualValues(t, chunksWaiting, stuck.next)
}

// TestAnAnswerOfBeforeARewindIsDropped.
func TestAnAnswerOfBeforeARewindIsDropped(t *testing.T) {
	f, _ := testFetcher(t, 0)
	c := f.claims[0]
	c.next = 10
	all, _ := f.want(1)
	f.rewind(c, 7, 0)
	f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{RecordBatches: batchOf(10, 1)}), time.Time{}, nil)
	require.Empty(t, c.chunks)
	require.EqualValues(t, 7, c.next)
}

// TestABatchLargerThanWhatIsAskedFor comes first the next time.
func TestABatchLargerThanWhatIsAskedFor(t *testing.T) {
	f, _ := testFetcher(t, 0, 1, 2)
	large := f.claims[1]
	half := batchOf(0, 100)
	half = half[:len(half)/2]
	all, _ := f.want(1)
	require.NotSame(t, large, all[0].claim)
	f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{Partition: 1, RecordBatches: half}), time.Time{}, nil)
	require.Empty(t, large.chunks)
	all, _ = f.want(1)
	require.Same(t, large, all[0].claim)
	f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{Partition: 1, RecordBatches: half}), time.Time{}, nil)
	require.Error(t, (<-large.chunks).Err, "of the first partition a broker gives at least one batch")
}

// TestAnOpenTransactionIsNamed once, with its end.
func TestAnOpenTransactionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var waits time.Duration
		f := &fetcher{logger: slog.New(slog.NewTextHandler(&log, nil)), waiting: func(partition int32, open time.Duration) {
			require.EqualValues(t, 2, partition)
			waits = open
		}}
		c := newClaim("input", 2)
		c.next = 7
		fetched := func(stable, end int64) {
			f.fetched(c, &kmsg.FetchResponseTopicPartition{Partition: 2, HighWatermark: end, LastStableOffset: stable}, time.Time{}, true, true)
		}
		fetched(7, 9)
		time.Sleep(transactionPatience - time.Second)
		fetched(7, 100)
		require.Empty(t, log.String())
		time.Sleep(2 * time.Second)
		fetched(7, 200)
		fetched(7, 300)
		require.Equal(t, 1, strings.Count(log.String(), "waits behind an open transaction: later records cannot be read until its producer ends it\" topic=input partition=2 offset=7"), log.String())
		require.Greater(t, waits, 29*time.Second)
		fetched(300, 300)
		require.Equal(t, 1, strings.Count(log.String(), "has ended"))
		require.Zero(t, waits)
	})
}

func TestErrorsOfOnePartition(t *testing.T) {
	for _, c := range []struct {
		name  string
		code  int16
		after time.Duration // since it first failed
		fault bool
	}{
		{"moved", kerr.NotLeaderForPartition.Code, time.Hour, false},
		{"not authorized", kerr.TopicAuthorizationFailed.Code, 0, true},
		{"id not known yet", kerr.UnknownTopicID.Code, 0, false},
		{"recreated", kerr.UnknownTopicID.Code, recreated + time.Second, true},
		{"a stale leader", kerr.OffsetOutOfRange.Code, FetchPatience - time.Second, false},
		{"a log that ends before", kerr.OffsetOutOfRange.Code, FetchPatience + time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, fault := testFetcher(t, 0)
			f.claims[0].next = 10
			f.claims[0].failing = time.Now().Add(-c.after)
			all, _ := f.want(1)
			f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{ErrorCode: c.code, LogStartOffset: -1}), time.Time{}, nil)
			assert.Equal(t, c.fault, *fault != nil, "%v", *fault)
			if c.fault {
				assert.Contains(t, (*fault).Error(), "input partition 0 at offset 10")
			} else {
				assert.EqualValues(t, -1, f.claims[0].broker, "it is looked up again")
			}
		})
	}
	t.Run("deleted below", func(t *testing.T) {
		f, fault := testFetcher(t, 0)
		all, _ := f.want(1)
		f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{ErrorCode: kerr.OffsetOutOfRange.Code, LogStartOffset: 20}), time.Time{}, nil)
		require.NoError(t, *fault)
		require.EqualValues(t, 20, (<-f.claims[0].chunks).First)
		require.EqualValues(t, 20, f.claims[0].next)
	})
}

// TestACommitIsRefusedByPartition: an answer has an error for each.
func TestACommitIsRefusedByPartition(t *testing.T) {
	sent := map[int32]int64{0: 5, 1: 6}
	response := &kmsg.OffsetCommitResponse{Topics: []kmsg.OffsetCommitResponseTopic{{Topic: "input",
		Partitions: []kmsg.OffsetCommitResponseTopicPartition{{Partition: 0}, {Partition: 1, ErrorCode: kerr.TopicAuthorizationFailed.Code}}}}}
	stored, err := answered(sent, response, nil)
	require.Equal(t, map[int32]int64{0: 5}, stored)
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
	response.Topics[0].Partitions[1].ErrorCode = 0
	stored, err = answered(sent, response, nil)
	require.Equal(t, sent, stored)
	require.NoError(t, err)
	stored, err = answered(sent, nil, context.Canceled)
	require.Empty(t, stored)
	require.ErrorIs(t, err, context.Canceled)
}

// TestAClaimThatIsLeftIsNotFetched: the others are read on.
func TestAClaimThatIsLeftIsNotFetched(t *testing.T) {
	f, _ := testFetcher(t, 0, 1)
	f.claims[0].Leave()
	wanted, wait := f.want(1)
	require.Len(t, wanted, 1)
	assert.EqualValues(t, 1, wanted[0].claim.partition)
	assert.Equal(t, quietWait, wait)
}

// TestABrokerWaitsLongOnlyForAllPartitions: one that cannot be asked for now may be ready soon.
func TestABrokerWaitsLongOnlyForAllPartitions(t *testing.T) {
	fill := func(c *Claim) {
		for len(c.chunks) < cap(c.chunks) {
			c.chunks <- &Chunk{}
		}
	}
	for name, c := range map[string]struct {
		change func(*Claim)
		want   time.Duration
	}{
		"all are asked for":              {func(*Claim) {}, quietWait},
		"it is led by another broker":    {func(c *Claim) { c.broker = 2 }, quietWait},
		"it has ended":                   {func(c *Claim) { c.Leave() }, quietWait},
		"its leader is not known":        {func(c *Claim) { c.broker = -1 }, pausedWait},
		"it pauses":                      {func(c *Claim) { c.notYet = time.Now().Add(time.Hour) }, pausedWait},
		"it is full":                     {fill, shortWait},
		"nothing takes what it is given": {func(c *Claim) { fill(c); c.full = time.Now().Add(-stuckAfter) }, pausedWait},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := testFetcher(t, 0, 1, 2)
			c.change(f.claims[1])
			_, wait := f.want(1)
			assert.Equal(t, c.want, wait)
		})
	}
}

// TestTheFetcherEndsWithItsSession, while brokers are away.
func TestTheFetcherEndsWithItsSession(t *testing.T) {
	f, _ := testFetcher(t, 0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	f.claims[0].broker = -1
	ended := make(chan struct{})
	go func() { f.run(ctx); close(ended) }()
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "it does not end")
	}
}
