package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
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

func batchOf(offset int64, records int) []byte {
	var all []*kgo.Record
	for range records {
		all = append(all, &kgo.Record{Value: []byte("page|1|1|0")})
	}
	return batchtest.Encode(batchtest.Plain, offset, all)
}

// TestRefusedCommitsAreTriedAgain: an answer has an error for each partition.
func TestRefusedCommitsAreTriedAgain(t *testing.T) {
	s, log := logged()
	session := newInputSession(nil, s, nil)
	session.MarkOffset("input", 0, 5, "")
	session.MarkOffset("input", 1, 6, "")
	refused := kafka.Explain(fmt.Errorf("topic input partition 1: %w", kerr.TopicAuthorizationFailed))
	require.Equal(t, map[int32]int64{0: 5, 1: 6}, session.changed())
	session.stored(map[int32]int64{0: 5}, refused)
	require.Equal(t, map[int32]int64{1: 6}, session.changed())
	session.stored(nil, refused)
	require.Equal(t, 1, strings.Count(log.String(), "committing input offsets failed"), log.String())
	require.InDelta(t, 2, testutil.ToFloat64(s.Metrics.refusedCommits), 0)
	session.stored(map[int32]int64{1: 6}, nil)
	require.Empty(t, session.changed())
	require.Contains(t, log.String(), "committing input offsets works again")
}

// TestACorruptBatchStallsItsPartition: records before it are read, it is said once where it is
// and what to do, and it is read again after a while.
func TestACorruptBatchStallsItsPartition(t *testing.T) {
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
	require.ErrorContains(t, it.conditions.Of("ingest"), "partition 0 of input is stalled at offset 3")
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
	it.claim.chunks <- &kafka.Chunk{Batches: bytes.Join([][]byte{data, marker, committed, end}, nil), Aborted: kafka.Aborted{9: {0}}}
	m, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind)
	require.Equal(t, []int64{11, 12}, offsets(t, m.Value))
	it.acknowledge(m)
	m, kind = it.next()
	require.Equal(t, codec.FeedFlush, kind)
	it.acknowledge(m)
	require.Eventually(t, func() bool { return it.real.marked(0) == 14 }, 10*time.Second, time.Millisecond, "all of it is committed")
	require.NoError(t, testutil.CollectAndCompare(it.metrics.inputLag, strings.NewReader("# HELP pageheat_ingest_lag_records Committed records of an input partition that are not read yet.\n"+
		"# TYPE pageheat_ingest_lag_records gauge\npageheat_ingest_lag_records{partition=\"0\"} 0\n"), "pageheat_ingest_lag_records"))
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
	it.claim.chunks <- &kafka.Chunk{First: 10}
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
	g := processors.NewCombiner(0, 1, heat.DefaultLimits())
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
				require.Nil(t, g.Add(record.Offset, record.Timestamp, record.Value))
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
		aborts := kafka.Aborted{}
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
		r.take(&kafka.Chunk{Batches: log, Aborted: aborts})
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
