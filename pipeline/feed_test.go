package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/kafka/recordbatch/batchtest"
	"pageheat/processors"
)

// fakeSession is a real session of the group, without a group.
type fakeSession struct {
	ctx     context.Context
	mu      sync.Mutex
	offsets map[int32]int64
}

func (s *fakeSession) Claims() map[string][]int32                  { return map[string][]int32{"input": {0}} }
func (s *fakeSession) MemberID() string                            { return "member" }
func (s *fakeSession) GenerationID() int32                         { return 1 }
func (s *fakeSession) Commit()                                     {}
func (s *fakeSession) Context() context.Context                    { return s.ctx }
func (s *fakeSession) MarkMessage(*sarama.ConsumerMessage, string) {}
func (s *fakeSession) ResetOffset(string, int32, int64, string)    {}
func (s *fakeSession) MarkOffset(_ string, partition int32, offset int64, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offsets[partition] = offset
}

func (s *fakeSession) marked(partition int32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offsets[partition]
}

// fakeClaim is a claim of input partition 0 that the test fills.
type fakeClaim struct {
	chunks  chan *kafka.Chunk
	end     atomic.Int64
	rewound []int64
}

func (c *fakeClaim) Topic() string                            { return "input" }
func (c *fakeClaim) Partition() int32                         { return 0 }
func (c *fakeClaim) InitialOffset() int64                     { return 0 }
func (c *fakeClaim) HighWaterMarkOffset() int64               { return c.end.Load() }
func (c *fakeClaim) Messages() <-chan *sarama.ConsumerMessage { return nil }
func (c *fakeClaim) Chunks() <-chan *kafka.Chunk              { return c.chunks }
func (c *fakeClaim) Taken()                                   {}
func (c *fakeClaim) Stable() int64                            { return c.end.Load() }
func (c *fakeClaim) Rewind(next int64, _ time.Duration)       { c.rewound = append(c.rewound, next) }

// ingestTest runs the driver of one input partition; the test plays goka.
type ingestTest struct {
	*testing.T
	real  *fakeSession
	s     *session
	claim *fakeClaim
	out   *feeder
	ended chan error
	end   context.CancelFunc // of the real session

	metrics    *Metrics
	conditions *Conditions
}

func feedIngest(t *testing.T, linger time.Duration, ends ...int64) *ingestTest {
	ctx, end := context.WithCancel(t.Context())
	real := &fakeSession{ctx: ctx, offsets: map[int32]int64{}}
	claim := &fakeClaim{chunks: make(chan *kafka.Chunk, 1<<18)}
	it := &ingestTest{T: t, real: real, s: testSession(real), claim: claim, out: newFeeder(claim), ended: make(chan error, 1), end: end}
	it.s.register(it.out)
	it.metrics, it.conditions = NewMetrics(prometheus.NewRegistry()), NewConditions()
	in := NewIngest(IngestConfig{Settings: Settings{Logger: slog.New(slog.DiscardHandler),
		Metrics: it.metrics, Conditions: it.conditions}, Linger: linger})
	in.input = codec.TopicID{7}
	in.topics = &topics{cluster: oneTopic{}}
	in.starts = map[int32]codec.IngestStart{0: {Input: in.input, From: -1, LostTo: -1}}
	in.ends = map[int32][]int64{0: ends}
	go func() { it.ended <- in.feed(t.Context(), it.s, it.out) }()
	t.Cleanup(end)
	return it
}

// send gives the claim a chunk.
func (it *ingestTest) send(batches []byte) { it.claim.chunks <- &kafka.Chunk{Batches: batches} }

func (it *ingestTest) produce(from, to int64) {
	for offset := from; offset <= to; offset++ {
		it.send(batchtest.Encode(batchtest.Plain, offset, []*kgo.Record{{Value: []byte("page|1|1|0")}}))
	}
}

// next is the next message for goka, and its kind.
func (it *ingestTest) next() (*sarama.ConsumerMessage, codec.Feed) {
	it.Helper()
	select {
	case m := <-it.out.messages:
		return m, codec.Feed(m.Value[0])
	case <-time.After(10 * time.Second):
		require.FailNow(it, "nothing came for goka")
		return nil, 0
	}
}

// acknowledge marks a message as goka does.
func (it *ingestTest) acknowledge(m *sarama.ConsumerMessage) {
	it.s.MarkOffset("input", 0, m.Offset+1, "")
}

// started brings the driver to where input is read.
func (it *ingestTest) started() {
	it.Helper()
	m, kind := it.next()
	require.Equal(it, codec.FeedStart, kind)
	it.acknowledge(m)
	m, kind = it.next()
	require.Equal(it, codec.FeedFlush, kind, "the first range is due even where nothing comes")
	it.acknowledge(m)
	require.Eventually(it, func() bool { return it.real.marked(0) == 0 }, 10*time.Second, time.Millisecond)
}

func TestIngestFlushesOnlyWhatIsWhollyAcknowledged(t *testing.T) {
	it := feedIngest(t, time.Millisecond)
	it.started()

	it.produce(0, 0)
	letter, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind)
	select {
	case m := <-it.out.messages:
		require.FailNow(t, "a range went out before the dead letters at or below it", "%q", m.Value[0])
	case <-time.After(50 * time.Millisecond): // many times the linger time
	}
	it.acknowledge(letter)
	flush, kind := it.next()
	require.Equal(t, codec.FeedFlush, kind)

	it.produce(1, 1)
	records, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind, "combining goes on while a flush is on its way")
	it.acknowledge(records)
	select {
	case m := <-it.out.messages:
		require.FailNow(t, "a second range went out while one was on its way", "%q", m.Value[0])
	case <-time.After(50 * time.Millisecond):
	}
	require.Zero(t, it.real.marked(0), "nothing is committed before its flush is acknowledged")
	it.acknowledge(flush)
	second, kind := it.next()
	require.Equal(t, codec.FeedFlush, kind)
	require.LessOrEqual(t, it.real.marked(0), int64(1), "only the first range is acknowledged")
	it.acknowledge(second)
	require.Eventually(t, func() bool { return it.real.marked(0) == 2 }, 10*time.Second, time.Millisecond)
}

func TestIngestBackPressureReachesTheFetch(t *testing.T) {
	it := feedIngest(t, time.Millisecond)
	it.claim.end.Store(1 << 20) // far behind: flushes come by volume
	it.started()
	const records, inBatch = 1 << 18, 16
	batch := make([]*kgo.Record, inBatch)
	for i := range batch {
		batch[i] = &kgo.Record{Value: []byte("page|1|1|0")}
	}
	for offset := int64(0); offset < records; offset += inBatch {
		it.send(batchtest.Encode(batchtest.Plain, offset, batch))
	}
	var flush *sarama.ConsumerMessage
	for flush == nil {
		m, kind := it.next()
		if kind == codec.FeedFlush {
			flush = m // and it is never acknowledged
			continue
		}
		it.acknowledge(m)
	}
	for idle := false; !idle; {
		select {
		case m := <-it.out.messages:
			require.Equal(t, codec.FeedRecords, codec.Feed(m.Value[0]))
			it.acknowledge(m)
		case <-time.After(300 * time.Millisecond):
			idle = true
		}
	}
	require.Greater(t, inBatch*len(it.claim.chunks), records-3*processors.DefaultIngestVolume().Records, "the rest stays with the broker")
}

func TestIngestSendsTheRestWhenItsSessionEnds(t *testing.T) {
	it := feedIngest(t, time.Hour)
	it.started()
	it.produce(0, 4)
	for range 5 {
		m, kind := it.next()
		require.Equal(t, codec.FeedRecords, kind)
		it.acknowledge(m)
	}
	it.end()
	m, kind := it.next()
	require.Equal(t, codec.FeedFlush, kind)
	it.acknowledge(m)
	require.NoError(t, <-it.ended)
	require.EqualValues(t, 5, it.real.marked(0))
}

// TestRangesEndWhereThoseBeforeThemEnd: a heat partition that has such a range drops the
// new one as a whole.
func TestRangesEndWhereThoseBeforeThemEnd(t *testing.T) {
	batch := func(first, last int64) []byte {
		records := make([]*kgo.Record, last-first+1)
		for i := range records {
			records[i] = &kgo.Record{Value: []byte("page|1|1|0")}
		}
		return batchtest.Encode(batchtest.Plain, first, records)
	}
	for name, chunks := range map[string][][]byte{
		"in the middle of a batch": {batch(0, 12)},
		"between batches":          {append(append(batch(0, 3), batch(4, 7)...), batch(8, 12)...)},
		"between chunks":           {batch(0, 3), batch(4, 7), batch(8, 12)},
		"where nothing is":         {append(append(batch(0, 2), batch(5, 6)...), batch(8, 12)...)},
	} {
		t.Run(name, func(t *testing.T) {
			it := feedIngest(t, time.Hour, 3, 7, 12)
			it.started()
			for _, chunk := range chunks {
				it.send(chunk)
			}
			next := int64(0)
			for _, end := range []int64{3, 7, 12} {
				var flush *sarama.ConsumerMessage
				for flush == nil {
					m, kind := it.next()
					if kind == codec.FeedFlush {
						flush = m
						continue
					}
					require.Equal(t, codec.FeedRecords, kind)
					for bundle := codec.ReadBundle(m.Value[1:]); bundle.More(); {
						record, err := bundle.Next()
						require.NoError(t, err)
						require.GreaterOrEqual(t, record.Offset, next)
						require.LessOrEqual(t, record.Offset, end)
						next = record.Offset + 1
					}
					it.acknowledge(m)
				}
				to, err := codec.DecodeFlush(flush.Value[1:])
				require.NoError(t, err)
				require.Equal(t, end, to)
				it.acknowledge(flush)
			}
			require.EqualValues(t, 13, next, "none is left out")
			it.produce(13, 13)
			_, kind := it.next()
			require.Equal(t, codec.FeedRecords, kind, "and from there on it continues normally")
		})
	}
}

// While there is more to read, a fetch that takes long does not end a range; caught
// up, it ends after the linger time.
func TestIngestCombinesOverAStalledFetch(t *testing.T) {
	const linger, stalled = 5 * time.Millisecond, 250 * time.Millisecond
	for _, c := range []struct {
		name   string
		behind int64
		after  time.Duration
	}{{"behind", processors.DefaultIngestVolume().Behind + 1, stalled}, {"caught up", 0, linger}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				it := feedIngest(t, linger)
				it.claim.end.Store(c.behind)
				it.started()
				it.produce(0, 0)
				m, kind := it.next()
				came := time.Now()
				require.Equal(t, codec.FeedRecords, kind)
				it.acknowledge(m)
				_, kind = it.next()
				require.Equal(t, codec.FeedFlush, kind)
				require.InDelta(t, c.after, time.Since(came), float64(linger), "the linger time is rounded to whole multiples")
			})
		})
	}
}

// oneTopic is a cluster with one topic.
type oneTopic struct{ lookups }

func (oneTopic) Topic(context.Context, string) (kafka.Topic, error) {
	return kafka.Topic{ID: codec.TopicID{7}}, nil
}
