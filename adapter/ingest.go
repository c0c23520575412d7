package adapter

import (
	"context"
	"errors"
	"hash"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/failure"
)

// IngestConfig is what the ingest role of one process needs to know.
type IngestConfig struct {
	Settings
	// Linger is the longest that a behaviour waits to be sent on while ingest is
	// caught up.
	Linger time.Duration
}

// Ingest is the seam under the ingest processor: it bundles input records,
// decides when to flush, and commits input offsets once every target partition
// has acknowledged. One Ingest serves one goka processor.
type Ingest struct {
	config   IngestConfig
	producer *producer
	topics   *topics
	ids      func(ctx context.Context, topic string) (codec.TopicID, error) // of topics

	// Of the session; set by setup, before its goroutines run.
	input     codec.TopicID
	starts    map[int32]codec.IngestStart
	ends      map[int32][]int64 // at which the first ranges end, in order, see sent
	starting  atomic.Int32      // partitions whose start is not acknowledged
	committer *committer
	session   atomic.Pointer[session]
	unpacking *unpacking
	renewal   renewal
	start     startFailure
}

// NewIngest returns the seam under an ingest processor.
func NewIngest(c IngestConfig) *Ingest { return &Ingest{config: c, unpacking: newUnpacking()} }

// Options are goka's options for the processor.
func (in *Ingest) Options() []goka.ProcessorOption {
	s := in.config.Settings
	in.session.Store(nil)
	in.start.begin()
	return append(s.common("ingest"),
		goka.WithContextWrapper(keepFailures(&in.session)),
		goka.WithTopicManagerBuilder(TopicManagerBuilder(s.Cluster, nil, in.start.lost(&in.session))),
		goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) {
			plain, err := s.Cluster.Producer("ingest", 0)
			if err != nil {
				return nil, in.start.keep(err)
			}
			in.producer = newProducer(plain, in.route, "", &in.renewal)
			l := &letters{topic: s.Topology.DeadLetter, most: s.letterLimit(), metrics: s.Metrics}
			if l.plain, err = s.Cluster.Producer("dead-letters", l.most+letterOverhead/2); err != nil {
				_ = in.producer.Close()
				return nil, in.start.keep(err)
			}
			in.producer.sendLetters(l)
			return in.producer, nil
		}),
		goka.WithConsumerGroupBuilder(func(_ []string, name, _ string) (sarama.ConsumerGroup, error) {
			in.topics = newTopics(s)
			in.ids = in.topics.id
			return handing{newInputGroup(s, name, in, &in.renewal, in.topics.close)}, nil
		}),
	)
}

// Explain returns what is behind an error that the processor's Run returned: goka prints
// some errors and loses what they are.
func (in *Ingest) Explain(err error) error { return in.start.explain(err) }

// route sends ranges to the partition that their key names, and all dead
// letters to the only one.
func (in *Ingest) route(topic, key string, value []byte) (int32, []byte, error) {
	if topic != in.config.Topology.Behavior {
		return 0, value, nil
	}
	partition, err := codec.KeyPartition(key)
	return partition, value, err
}

func (in *Ingest) ready(_ context.Context, s *session) error {
	in.config.Metrics.owns("ingest", s)
	in.committer = startCommitter(s, func() bool { return in.starting.Load() == 0 })
	return nil
}

func (in *Ingest) end(*session) {
	if in.committer != nil {
		in.committer.finish()
	}
}

const (
	// bundleRecords and bundleBytes end a bundle.
	bundleRecords = 512
	bundleBytes   = 256 << 10
	// flushRecords and flushBytes end a range when ingest is behind. The bytes
	// are of input; a range of so many fits into a message of its topic.
	flushRecords = 65_536
	flushBytes   = 3 << 20
	// behindRecords is the lag from which on ingest flushes by volume.
	behindRecords = 16_384
	// longestGather ends a range even if ingest is behind: what it holds is on no board.
	longestGather = time.Second
	// stalledFetch is how long nothing must have come for a range to end although there
	// is more: a broker that is busy, or a transaction that keeps its records back.
	stalledFetch = 250 * time.Millisecond
	// topicCheckInterval is how old the knowledge of the input's topic id may be
	// when a range is sent.
	topicCheckInterval = time.Second
)

// ingestFeed feeds the claim of one input partition.
type ingestFeed struct {
	*Ingest
	session *session
	out     *outlet
	claim   inputSource
	topic   string
	part    int32

	reader   inputReader
	stream   bool      // the reader waits for its turn
	stuck    time.Time // since when it has its turn and nothing is taken
	bundle   int       // bytes of the last bundle
	gathered int       // records since the last flush
	bytes    int
	first    time.Time // when the first of them came, or something was stepped over
	latest   time.Time // when the last of them came
	last     int64     // offset that was read last
	flushed  int64     // last at the last flush
	lost     int64     // the last offset of those after last that are gone, if it is above it
	ends     []int64   // at which ranges end, in order, whatever they hold then
	checked  time.Time // when the topic id was last compared
	still    standstill

	sending   *receipt // of the flush on its way, nil if there is none
	sendingTo int64

	position *Position
}

func (in *Ingest) feed(ctx context.Context, s *session, out *outlet) error {
	f := &ingestFeed{Ingest: in, session: s, out: out, claim: out.claim.(inputSource),
		topic: out.claim.Topic(), part: out.claim.Partition(), reader: inputReader{unpacking: in.unpacking}, lost: -1}
	defer f.reader.close()
	defer f.moves() // whoever is next finds out
	f.position = in.config.Progress.Begin(Work{Role: "ingest", Topic: f.topic, Partition: f.part})
	defer f.position.End()
	f.ends = in.ends[f.part]
	if err := f.begin(ctx, in.starts[f.part]); err != nil {
		return err
	}
	in.starting.Add(-1)
	// The first mark is due even if nothing comes.
	if err := f.flush(ctx); err != nil {
		return err
	}
	if err := f.run(ctx); err != nil {
		return err
	}
	return f.finish(ctx)
}

// begin says where ranges begin, and waits until that is acknowledged.
func (f *ingestFeed) begin(ctx context.Context, start codec.IngestStart) error {
	f.last, f.flushed = start.LostTo, start.LostTo
	m := f.out.message("", codec.AppendIngestStart(nil, start))
	started := f.out.receipt(m)
	if err := f.out.send(ctx, m); err != nil {
		return err
	}
	return f.out.await(ctx, started.done.Load)
}

// run bundles and flushes until the session ends.
func (f *ingestFeed) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for f.session.real().Err() == nil {
		f.acknowledge()
		if f.due() && f.sending == nil && f.out.outstanding() == 0 {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
		if f.lost > f.last && f.idle() {
			if err := f.lose(ctx); err != nil {
				return err
			}
		}
		if f.reader.more() && !f.stream && !f.full() {
			f.stuck = time.Time{}
			if err := f.read(ctx); err != nil {
				return err
			}
			continue
		}
		f.giveWay()
		if f.pending() {
			wait := time.Until(f.over())
			if wait <= 0 { // it is not sent yet for another reason, whose end wakes
				wait = max(f.config.Linger, time.Millisecond)
			}
			timer.Reset(wait)
		}
		var chunks <-chan *inputChunk
		if !f.reader.more() && !f.full() {
			chunks = f.claim.Chunks() // otherwise back-pressure reaches the fetch
		}
		var alone chan<- struct{}
		if f.stream && !f.full() {
			alone = f.unpacking.alone
		}
		select {
		case chunk := <-chunks:
			f.claim.Taken()
			f.take(chunk)
		case alone <- struct{}{}:
			f.stream, f.reader.holds = false, true
		case <-f.out.wake:
		case <-timer.C:
		case <-f.session.real().Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take takes note of a chunk.
func (f *ingestFeed) take(c *inputChunk) {
	switch {
	case c.err != nil:
		f.rewind(0, c.err)
	case c.first > 0:
		f.lost = c.first - 1
	case c.batches == nil:
		f.moves()
	default:
		f.reader.take(c)
	}
}

// read hands on the next records of the chunk.
func (f *ingestFeed) read(ctx context.Context) error {
	p, err := f.reader.next(f.last, f.until(), f.bundle+f.bundle/8+256)
	if p.last > f.last {
		f.latest = time.Now()
		if !f.pending() {
			f.first = f.latest
		}
		f.last = p.last
		f.gathered += p.records
		f.bytes += p.bytes
		f.reads(p.last)
	}
	if p.message != nil {
		f.bundle = min(len(p.message), bundleBytes)
		if err := f.out.send(ctx, f.out.message("", p.message)); err != nil {
			return err
		}
	}
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, errBeyond):
	case errors.Is(err, errStreaming):
		f.stream = true
	default:
		f.rewind(f.reader.skip, err)
	}
	return nil
}

// rewind reads on after a pause where something could not be read.
func (f *ingestFeed) rewind(skip int64, err error) {
	f.reader.close()
	f.stream = false
	f.claim.Rewind(f.last+1, f.unreadable(f.last+1, skip, err))
}

// giveWay lets another claim read a batch that is read alone, where this one has its turn
// and nothing takes what it reads.
func (f *ingestFeed) giveWay() {
	if !f.reader.holds {
		return
	}
	if f.stuck.IsZero() {
		f.stuck = time.Now()
	}
	if time.Since(f.stuck) > stuckAfter {
		f.reader.closeBatch() // its chunk is still there
	}
}

// idle reports whether everything that was read is acknowledged.
func (f *ingestFeed) idle() bool {
	return !f.pending() && f.sending == nil && f.out.outstanding() == 0
}

// lose goes on where input was deleted before it was read. What of it is lost only heat
// knows.
func (f *ingestFeed) lose(ctx context.Context) error {
	f.moves()
	start := codec.IngestStart{Input: f.input, From: f.last, LostTo: f.lost}
	if err := f.begin(ctx, start); err != nil {
		return err
	}
	f.session.commitUpTo(f.topic, f.part, f.last+1)
	f.position.Reached(f.last + 1)
	return nil
}

// pending reports whether something was read that no flush covers.
func (f *ingestFeed) pending() bool { return f.last > f.flushed }

// due reports whether what was gathered should be sent on: behind, by volume;
// caught up, after the linger time.
func (f *ingestFeed) due() bool {
	if !f.pending() {
		return false
	}
	if f.gathered >= flushRecords || f.bytes >= flushBytes || f.lost > f.last || f.last >= f.until() {
		return true
	}
	return !time.Now().Before(f.over())
}

// until is the offset at which the range that is gathered ends at the latest.
func (f *ingestFeed) until() int64 {
	for len(f.ends) > 0 && f.ends[0] <= f.flushed {
		f.ends = f.ends[1:]
	}
	if len(f.ends) == 0 {
		return math.MaxInt64
	}
	return f.ends[0]
}

// over is when what was gathered is sent on, if it does not become a whole volume
// before.
func (f *ingestFeed) over() time.Time {
	if f.claim.Stable()-f.last <= behindRecords {
		return f.lingered()
	}
	end := f.first.Add(longestGather)
	if stalled := f.latest.Add(max(stalledFetch, f.config.Linger)); stalled.Before(end) {
		end = stalled
	}
	return end
}

// lingered is when a range ends while ingest is caught up: at the next whole
// multiple of the linger time. So the ranges of all input partitions go out
// together, in one request to a broker instead of one for each partition.
func (f *ingestFeed) lingered() time.Time {
	if f.config.Linger == 0 {
		return f.first
	}
	// Truncate would give a time of the wall clock, which may be set back.
	return f.first.Add(f.config.Linger - time.Duration(f.first.UnixNano())%f.config.Linger)
}

// full reports whether no more may be taken before a flush: when a range has
// reached twice its volume, or where it has to end, while another is on its way, and
// when a flush waits for dead letters to be acknowledged.
func (f *ingestFeed) full() bool {
	if f.lost > f.last {
		return true
	}
	if f.sending != nil {
		return f.gathered >= flushRecords || f.bytes >= flushBytes || f.last >= f.until()
	}
	return f.due()
}

// flush sends what was gathered. A range goes out alone, after everything
// before it is acknowledged, its dead letters too.
func (f *ingestFeed) flush(ctx context.Context) error {
	if err := f.checkInput(ctx); err != nil {
		return err
	}
	m := f.out.message("", codec.AppendFlush(nil, f.last))
	f.sending, f.sendingTo, f.flushed = f.out.receipt(m), f.last, f.last
	f.config.Metrics.flushed(f.part, f.claim.Stable()-f.last-1)
	f.gathered, f.bytes = 0, 0
	return f.out.send(ctx, m)
}

// checkInput makes sure that the offsets gathered are still those of the topic
// whose id the ranges carry.
func (f *ingestFeed) checkInput(ctx context.Context) error {
	if time.Since(f.checked) < topicCheckInterval {
		return nil
	}
	id, err := f.ids(ctx, f.topic)
	if err != nil {
		return err
	}
	if id != f.input {
		return failure.New(failure.Anew,
			"the input topic %s was deleted and created anew: its topic id was %s and is %s", f.topic, f.input, id)
	}
	f.checked = time.Now()
	return nil
}

// acknowledge takes note of a flush that every target has acknowledged.
func (f *ingestFeed) acknowledge() {
	if f.sending != nil && f.sending.done.Load() {
		f.sending = nil
		f.session.commitUpTo(f.topic, f.part, f.sendingTo+1)
		f.position.Reached(f.sendingTo + 1)
	}
}

// finish sends on what is left and waits until it is acknowledged.
func (f *ingestFeed) finish(ctx context.Context) error {
	settled := func() bool { return f.out.outstanding() == 0 }
	if err := f.out.await(ctx, settled); err != nil {
		return err
	}
	f.acknowledge()
	if !f.pending() {
		return nil
	}
	if err := f.flush(ctx); err != nil {
		return err
	}
	if err := f.out.await(ctx, settled); err != nil {
		return err
	}
	f.acknowledge()
	return nil
}
