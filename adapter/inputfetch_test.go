package adapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka/recordbatch/batchtest"
	"pageheat/processors"
	"pageheat/topology"
)

// logged is a Settings whose log the test reads.
func logged() (Settings, *bytes.Buffer) {
	var log bytes.Buffer
	return Settings{Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: NewMetrics(prometheus.NewRegistry()),
		Conditions: NewConditions()}, &log
}

// testFetcher has claims of the partitions from 0, which broker 1 leads.
func testFetcher(t testing.TB, s Settings, partitions int32) (*fetcher, *error) {
	client, err := kgo.NewClient()
	require.NoError(t, err)
	t.Cleanup(client.Close)
	var claims []*inputClaim
	for p := range partitions {
		c := newInputClaim("input", p)
		c.leader = 1
		claims = append(claims, c)
	}
	fault := new(error)
	return newFetcher(client, s, "input", codec.TopicID{1}, claims, func(err error) { *fault = err }), fault
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
	s, _ := logged()
	f, _ := testFetcher(t, s, 2)
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
		f.take(t.Context(), all, &kmsg.FetchResponse{Topics: []kmsg.FetchResponseTopic{{Partitions: partitions}}}, nil)
		<-free.chunks
	}
	require.EqualValues(t, 5, free.next)
	require.EqualValues(t, chunksWaiting, stuck.next)
}

// TestAnAnswerOfBeforeARewindIsDropped.
func TestAnAnswerOfBeforeARewindIsDropped(t *testing.T) {
	s, _ := logged()
	f, _ := testFetcher(t, s, 1)
	c := f.claims[0]
	c.next = 10
	all, _ := f.want(1)
	f.rewind(c, 7, 0)
	f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{RecordBatches: batchOf(10, 1)}), nil)
	require.Empty(t, c.chunks)
	require.EqualValues(t, 7, c.next)
}

// TestABatchLargerThanWhatIsAskedFor comes first the next time.
func TestABatchLargerThanWhatIsAskedFor(t *testing.T) {
	s, _ := logged()
	f, _ := testFetcher(t, s, 3)
	large := f.claims[1]
	half := batchOf(0, 100)
	half = half[:len(half)/2]
	all, _ := f.want(1)
	require.NotSame(t, large, all[0].claim)
	f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{Partition: 1, RecordBatches: half}), nil)
	require.Empty(t, large.chunks)
	all, _ = f.want(1)
	require.Same(t, large, all[0].claim)
	f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{Partition: 1, RecordBatches: half}), nil)
	require.Error(t, (<-large.chunks).err, "of the first partition a broker gives at least one batch")
}

// TestAnOpenTransactionIsNamed once, with its end.
func TestAnOpenTransactionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := logged()
		f := &fetcher{settings: s}
		c := newInputClaim("input", 2)
		c.next = 7
		fetched := func(stable, end int64) {
			f.fetched(c, &kmsg.FetchResponseTopicPartition{Partition: 2, HighWatermark: end, LastStableOffset: stable}, true, true)
		}
		fetched(7, 9)
		time.Sleep(transactionPatience - time.Second)
		fetched(7, 100)
		require.Empty(t, log.String())
		time.Sleep(2 * time.Second)
		fetched(7, 200)
		fetched(7, 300)
		require.Equal(t, 1, strings.Count(log.String(), "partition 2 waits behind an open transaction at offset 7"), log.String())
		require.Greater(t, testutil.ToFloat64(s.Metrics.transactions.WithLabelValues("2")), 29.0)
		fetched(300, 300)
		require.Equal(t, 1, strings.Count(log.String(), "has ended"))
		require.Zero(t, testutil.ToFloat64(s.Metrics.transactions.WithLabelValues("2")))
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
		{"created anew", kerr.UnknownTopicID.Code, recreated + time.Second, true},
		{"a stale leader", kerr.OffsetOutOfRange.Code, fetchPatience - time.Second, false},
		{"a log that ends before", kerr.OffsetOutOfRange.Code, fetchPatience + time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := logged()
			f, fault := testFetcher(t, s, 1)
			f.claims[0].next = 10
			f.claims[0].failing = time.Now().Add(-c.after)
			all, _ := f.want(1)
			f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{ErrorCode: c.code, LogStartOffset: -1}), nil)
			assert.Equal(t, c.fault, *fault != nil, "%v", *fault)
			if c.fault {
				assert.Contains(t, (*fault).Error(), "input partition 0 at offset 10")
			} else {
				assert.EqualValues(t, -1, f.claims[0].leader, "it is looked up again")
			}
		})
	}
	t.Run("deleted below", func(t *testing.T) {
		s, _ := logged()
		f, fault := testFetcher(t, s, 1)
		all, _ := f.want(1)
		f.take(t.Context(), all, answer(kmsg.FetchResponseTopicPartition{ErrorCode: kerr.OffsetOutOfRange.Code, LogStartOffset: 20}), nil)
		require.NoError(t, *fault)
		require.EqualValues(t, 20, (<-f.claims[0].chunks).first)
		require.EqualValues(t, 20, f.claims[0].next)
	})
}

// TestRefusedCommitsAreTriedAgain: an answer has an error for each partition.
func TestRefusedCommitsAreTriedAgain(t *testing.T) {
	s, log := logged()
	s.Topology = &topology.Topology{IngestGroup: "group"}
	session := newInputSession(nil, s, map[string][]int32{"input": {0, 1}}, nil)
	session.MarkOffset("input", 0, 5, "")
	session.MarkOffset("input", 1, 6, "")
	answered := func(code int16) {
		response := &kmsg.OffsetCommitResponse{Topics: []kmsg.OffsetCommitResponseTopic{{Topic: "input",
			Partitions: []kmsg.OffsetCommitResponseTopicPartition{{Partition: 0}, {Partition: 1, ErrorCode: code}}}}}
		session.answered(session.changed(), response, nil)
	}
	answered(kerr.TopicAuthorizationFailed.Code)
	require.Equal(t, map[string]map[int32]kgo.EpochOffset{"input": {1: {Epoch: -1, Offset: 6}}}, session.changed())
	answered(kerr.TopicAuthorizationFailed.Code)
	require.Equal(t, 1, strings.Count(log.String(), "not committed"), log.String())
	require.InDelta(t, 2, testutil.ToFloat64(s.Metrics.refusedCommits), 0)
	answered(0)
	require.Empty(t, session.changed())
	require.Contains(t, log.String(), "committed again")
}

// TestACorruptBatchStandsStill: records before it are read, it is said once where it is
// and what to do, and it is read again after a while.
func TestACorruptBatchStandsStill(t *testing.T) {
	it := feedIngest(t, time.Millisecond)
	it.started()
	bad := batchOf(3, 4)
	bad[len(bad)-1] ^= 1
	it.send(append(batchOf(0, 3), bad...))
	m, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind)
	it.acknowledge(m)
	m, kind = it.next()
	require.Equal(t, codec.FeedFlush, kind)
	it.acknowledge(m)
	require.Eventually(t, func() bool { return it.real.marked(0) == 3 && it.conditions.Of("ingest") != nil }, 10*time.Second, time.Millisecond)
	require.ErrorContains(t, it.conditions.Of("ingest"), "partition 0 of input stands still at offset 3")
	it.send(bad)
	it.send(bad)
	it.send(batchOf(3, 4)) // the replica was repaired
	m, kind = it.next()
	require.Equal(t, codec.FeedRecords, kind)
	it.acknowledge(m)
	require.Eventually(t, func() bool { return it.conditions.Of("ingest") == nil }, 10*time.Second, time.Millisecond)
}

// TestWhatIsNothingToBeReadIsSteppedOver: aborted batches and markers move the offset.
func TestWhatIsNothingToBeReadIsSteppedOver(t *testing.T) {
	it := feedIngest(t, time.Millisecond)
	it.claim.end.Store(14)
	it.started()
	data := batchOf(0, 10)
	transactional(data, 9, 0x10)
	marker := batchtest.Encode(batchtest.Plain, 10, []*kgo.Record{{Key: []byte{0, 0, 0, 0}, Value: make([]byte, 6)}})
	transactional(marker, 9, 0x30)
	committed := batchOf(11, 2)
	transactional(committed, 9, 0x10)
	end := batchtest.Encode(batchtest.Plain, 13, []*kgo.Record{{Key: []byte{0, 0, 0, 1}, Value: make([]byte, 6)}})
	transactional(end, 9, 0x30)
	it.claim.chunks <- &inputChunk{batches: bytes.Join([][]byte{data, marker, committed, end}, nil), aborted: aborted{9: {0}}}
	m, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind)
	require.Equal(t, []int64{11, 12}, offsets(t, m.Value))
	it.acknowledge(m)
	m, kind = it.next()
	require.Equal(t, codec.FeedFlush, kind)
	it.acknowledge(m)
	require.Eventually(t, func() bool { return it.real.marked(0) == 14 }, 10*time.Second, time.Millisecond, "all of it is committed")
	require.Zero(t, testutil.ToFloat64(it.metrics.inputLag.WithLabelValues("0")))
}

// transactional makes a batch part of a transaction.
func transactional(batch []byte, producer byte, attributes byte) {
	batch[22] |= attributes
	copy(batch[43:51], []byte{0, 0, 0, 0, 0, 0, 0, producer})
	batchtest.Sum(batch)
}

func offsets(t require.TestingT, bundle []byte) (all []int64) {
	for r := codec.ReadBundle(bundle[1:]); r.More(); {
		record, err := r.Next()
		require.NoError(t, err)
		all = append(all, record.Offset)
	}
	return all
}

// TestInputThatIsDeletedWhileItIsReadIsDeclared, without a new session.
func TestInputThatIsDeletedWhileItIsReadIsDeclared(t *testing.T) {
	it := feedIngest(t, time.Hour)
	it.started()
	it.produce(0, 0)
	m, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind)
	it.claim.chunks <- &inputChunk{first: 10}
	it.acknowledge(m)
	m, kind = it.next()
	require.Equal(t, codec.FeedFlush, kind, "what was read goes out before")
	it.acknowledge(m)
	m, kind = it.next()
	require.Equal(t, codec.FeedStart, kind)
	start, err := codec.DecodeIngestStart(m.Value[1:])
	require.NoError(t, err)
	require.Equal(t, codec.IngestStart{Input: codec.TopicID{7}, From: 0, LostTo: 9}, start)
	it.acknowledge(m)
	it.produce(10, 10)
	m, kind = it.next()
	require.Equal(t, codec.FeedRecords, kind)
	require.Equal(t, []int64{10}, offsets(t, m.Value))
}

// TestRangesFitTheirTopic, whatever a batch holds: the test is the processor.
func TestRangesFitTheirTopic(t *testing.T) {
	it := feedIngest(t, time.Hour)
	it.claim.end.Store(1 << 20) // far behind: flushes come by volume
	it.started()
	g := processors.NewGatherer(0, 1, heat.DefaultLimits())
	g.Start(codec.TopicID{7}, -1)
	var all []*kgo.Record
	const records, name = 16_384, 1000
	for i := range records {
		all = append(all, &kgo.Record{Value: fmt.Appendf(nil, "%06d%s|1|0|0", i, strings.Repeat("x", name-6))})
	}
	it.send(batchtest.Encode(batchtest.Zstd, 0, all[:3000]))
	it.send(batchtest.Encode(batchtest.Zstd, 3000, all[3000:]))
	counted, ranges := 0, 0
	for counted < records {
		m, kind := it.next()
		switch kind {
		case codec.FeedRecords:
			for r := codec.ReadBundle(m.Value[1:]); r.More(); {
				record, err := r.Next()
				require.NoError(t, err)
				require.Nil(t, g.Add(record.Offset, record.Value))
				counted++
			}
		case codec.FeedFlush:
			ranges++
			for _, r := range g.Flush() {
				require.Less(t, len(r), topology.MaxMessageBytes-1<<10)
			}
		}
		it.acknowledge(m)
	}
	require.Greater(t, ranges, 3)
}

// TestEveryRecordOfAChunkIsGiven, in order and once, whatever the codec and wherever the
// reading begins, also where the reader has to give way.
func TestEveryRecordOfAChunkIsGiven(t *testing.T) {
	u := newUnpacking()
	rapid.Check(t, func(t *rapid.T) {
		var log []byte
		var want []int64
		next := rapid.Int64Range(0, 1000).Draw(t, "first")
		begin := next
		aborts := aborted{}
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			records := rapid.IntRange(1, 700).Draw(t, "records")
			size := rapid.SampledFrom([]int{0, 0, 10, 10, 10, 5000}).Draw(t, "size")
			var all []*kgo.Record
			for range records {
				all = append(all, &kgo.Record{Value: bytes.Repeat([]byte("x"), size)})
			}
			batch := batchtest.Encode(rapid.SampledFrom(batchtest.Codecs()).Draw(t, "codec"), next, all)
			gone := rapid.IntRange(0, 3).Draw(t, "aborted") == 0
			if gone {
				transactional(batch, 5, 0x10)
				aborts[5] = append(aborts[5], next)
			}
			log = append(log, batch...)
			for range records {
				if !gone {
					want = append(want, next)
				}
				next++
			}
			if gone {
				marker := batchtest.Encode(batchtest.Plain, next, []*kgo.Record{{Key: []byte{0, 0, 0, 0}, Value: make([]byte, 6)}})
				transactional(marker, 5, 0x30)
				log = append(log, marker...)
				next++
			}
		}
		last := rapid.Int64Range(begin-1, next-1).Draw(t, "read before")
		want = append([]int64{}, want...)
		for len(want) > 0 && want[0] <= last {
			want = want[1:]
		}
		r := inputReader{unpacking: u}
		r.take(&inputChunk{batches: log, aborted: aborts})
		got := []int64{}
		for r.more() {
			p, err := r.next(last, math.MaxInt64, 256)
			last = p.last
			if p.message != nil {
				got = append(got, offsets(t, p.message)...)
				require.LessOrEqual(t, p.records, bundleRecords)
			}
			switch {
			case errors.Is(err, errStreaming):
				u.alone <- struct{}{}
				r.holds = true
			case err != nil:
				require.ErrorIs(t, err, io.EOF)
			case rapid.IntRange(0, 9).Draw(t, "give way") == 0:
				r.closeBatch()
			}
		}
		require.Equal(t, want, got)
		require.Equal(t, next-1, last)
		require.Empty(t, u.alone, "the turn is given back")
	})
}

// TestTheFetcherEndsWithItsSession, while brokers are away.
func TestTheFetcherEndsWithItsSession(t *testing.T) {
	s, _ := logged()
	f, _ := testFetcher(t, s, 2)
	ctx, cancel := context.WithCancel(t.Context())
	f.claims[0].leader = -1
	ended := make(chan struct{})
	go func() { f.run(ctx); close(ended) }()
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "it does not end")
	}
}
