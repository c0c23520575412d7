package processors

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/topology"
)

// IngestConfig configures an ingest processor.
type IngestConfig struct {
	Brokers  []string
	Topology *topology.Topology
	Limits   heat.Limits
	// DropTitles leaves titles and addresses of pages out of the ranges.
	DropTitles bool
	// Targets is the number of partitions of the behaviour topic.
	Targets int
	// Observe is told about every bundle; it must be quick, and safe for use by
	// several goroutines. It may be nil.
	Observe func(valid int, refused []codec.Code)
}

// NewIngest returns the processor that reads behaviours. It has no table: what
// it combines belongs to one session and one input partition.
func NewIngest(c IngestConfig, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := goka.NewProcessor(c.Brokers, IngestGraph(c), options...)
	if err != nil {
		return nil, fmt.Errorf("making the ingest processor of group %s: %w", c.Topology.IngestGroup, err)
	}
	return p, nil
}

// IngestGraph is the graph of the ingest processor. Each input partition has a
// [Combiner], which only that partition's goroutine uses.
func IngestGraph(c IngestConfig) *goka.GroupGraph {
	if c.Observe == nil {
		c.Observe = func(int, []codec.Code) {}
	}
	behavior, deadLetter := goka.Stream(c.Topology.Behavior), goka.Stream(c.Topology.DeadLetter)
	var combiners sync.Map // by partition: the input may get more of them at any time
	combine := func(ctx goka.Context, message any) {
		partition := ctx.Partition()
		g, ok := combiners.Load(partition)
		if !ok {
			combiner := NewCombiner(partition, c.Targets, c.Limits)
			if c.DropTitles {
				combiner.DropLabels()
			}
			g, _ = combiners.LoadOrStore(partition, combiner)
		}
		combined, err := g.(*Combiner).Take(message.([]byte), func(r *Refused) {
			headers, key, value := r.deadLetter(c.Topology.Input)
			ctx.Emit(deadLetter, key, value, goka.WithCtxEmitHeaders(headers))
		})
		if err != nil {
			ctx.Fail(err)
		}
		header := oldestHeader(combined.Oldest)
		for target, r := range combined.Ranges { // the key names the partition
			ctx.Emit(behavior, codec.PartitionKey(int32(target)), r, header...)
		}
		if combined.Valid > 0 || len(combined.Refused) > 0 {
			c.Observe(combined.Valid, combined.Refused)
		}
	}
	return goka.DefineGroup(goka.Group(c.Topology.IngestGroup),
		goka.Input(goka.Stream(c.Topology.Input), codec.Raw{}, combine),
		goka.Output(behavior, codec.Raw{}),
		goka.Output(deadLetter, codec.Raw{}),
	)
}

// oldestHeader is the option that adds a codec.HeaderOldest to a record; none for 0.
func oldestHeader(timestamp int64) []goka.ContextOption {
	if timestamp == 0 {
		return nil
	}
	return []goka.ContextOption{goka.WithCtxEmitHeaders(goka.Headers{codec.HeaderOldest: codec.AppendOldest(nil, timestamp)})}
}

// ErrInputRecreated says that the input topic was deleted and recreated: its offsets name
// other messages now. It is permanent.
var ErrInputRecreated = failure.Known("the input topic was deleted and recreated", failure.Recreated)

// IngestStart is the start of a session of an input partition.
type IngestStart struct {
	// Linger is the maximum time that a behaviour waits to be sent while ingest is
	// caught up.
	Linger time.Duration
	// Start is where ranges begin.
	Start codec.IngestStart
	// Ends are offsets, in ascending order, at which ranges end even if they are small.
	Ends []int64
	// Volume ends a range when ingest is behind, [DefaultIngestVolume] in production.
	Volume IngestVolume
	// CommitEvery is the minimum time between two commits of the input offset,
	// [IngestCommitEvery] in production.
	CommitEvery time.Duration
}

// IngestCommitEvery is the time between commits of an input offset in production. A new owner
// reads at most this much again, and drops it.
const IngestCommitEvery = time.Second

// IngestVolume says how much a range holds when ingest is behind.
type IngestVolume struct {
	// Records and Bytes of input end a range. A range of that size fits into a message of
	// its topic.
	Records, Bytes int
	// Behind is the lag, in offsets, above which they do.
	Behind int64
}

// DefaultIngestVolume is the volume in production.
func DefaultIngestVolume() IngestVolume {
	return IngestVolume{Records: 65_536, Bytes: 3 << 20, Behind: behindRecords}
}

const (
	// behindRecords is the lag, in records of one input partition, above which ingest
	// ends ranges by volume. Heat knows a backlog by ranges of that size.
	behindRecords = 16_384
	// longestRange ends a range even if ingest is behind: its behaviours are on no board yet.
	longestRange = time.Second
	// stalledFetch is the time without records after which a range ends although more input
	// exists: a broker is busy, or an open transaction holds its records back.
	stalledFetch = 250 * time.Millisecond
	// topicCheckInterval is the maximum age of the last check of the input's topic id
	// when a range is sent.
	topicCheckInterval = time.Second
	// firstReread and longestReread bound the pause before an unreadable batch is read
	// again: a replica that was repaired may have it.
	firstReread   = time.Second
	longestReread = 15 * time.Second
	// turnPatience is the time for which a partition may keep its turn to read a large batch
	// while its input is held back.
	turnPatience = time.Second
	// shortestWait is the minimum wait while a range that is due cannot be sent yet.
	shortestWait = time.Millisecond
)

// IngestStage decides for one input partition when a range ends, when it is sent, which
// offset is committed and when, when the input is held back, and when a batch that cannot be
// read is tried again. The [Combiner], which receives its messages, decides what a range
// holds. An IngestStage lasts for one session and belongs to one goroutine. See [Action] for
// how it is driven.
//
// One range for each target partition is in flight at a time. It is sent after everything
// before it is acknowledged, including dead letters; input read meanwhile joins the next. The offset after it is committed when all targets have acknowledged.
type IngestStage struct {
	start IngestStart

	starting  starting
	announced bool   // the first range was sent
	message   []byte // that was read
	unsettled int64  // messages handed to the combiner that are not acknowledged

	pendingRecords int // records since the last flush
	bytes          int
	first          time.Time // when the first of them came, or records were skipped
	latest         time.Time // when the last of them came
	rests          time.Time // nothing more is fetched before
	stable         int64     // the last stable offset of the partition
	last           int64     // last offset that was read
	flushed        int64     // last at the last flush
	lost           int64     // last offset of the records after last that are gone; 0 or below last if none are

	sending           bool // a flush is on its way
	commit, committed int64
	nextCommit        time.Time // at the earliest

	unreadable int64     // the offset that cannot be read
	tries      int       // to read it; 0 if there is no such offset
	readAgain  time.Time // when the next try begins; zero if the driver knows
	turn       turn
	idle       time.Time // since when it has its turn and takes no input

	checked time.Time // when the topic id was last compared
	failed  error
	ending  bool
}

// starting is the progress of a start.
type starting uint8

const (
	startDue  starting = iota // it is due
	startSent                 // and was sent, but is not acknowledged
	started
)

// turn is whose turn it is to read a large batch.
type turn uint8

const (
	turnUnneeded turn = iota
	turnWanted
	turnTaken
)

// NewIngestStage returns the stage of a session.
func NewIngestStage(s IngestStart) *IngestStage {
	return &IngestStage{start: s, last: s.Start.LostTo, flushed: s.Start.LostTo, lost: -1, commit: -1, committed: -1}
}

// Records takes records that were read: a message for the combiner, nil if all records were
// skipped, and the last offset read. The message
// belongs to the stage.
func (s *IngestStage) Records(message []byte, records, bytes int, last int64, now time.Time) {
	s.rests = time.Time{}
	if last > s.last {
		s.latest = now
		if !s.pending() {
			s.first = now
		}
		s.last = last
		s.pendingRecords += records
		s.bytes += bytes
	}
	s.message = message
	if last >= s.unreadable {
		s.Readable()
	}
}

// Rests is called when nothing more of the partition is fetched before a time.
func (s *IngestStage) Rests(until time.Time) { s.rests = until }

// Gone is called when the partition begins above the next offset to be read.
func (s *IngestStage) Gone(first int64) {
	s.lost = first - 1
	s.Readable()
}

// Unreadable is called when the next offset cannot be read. The stage has it read again after
// a pause that grows, and reports whether it is the first failure at this offset.
func (s *IngestStage) Unreadable(now time.Time) (first bool) {
	first = s.tries == 0
	s.readAgain = now.Add(min(firstReread<<min(s.tries, 10), longestReread))
	s.unreadable, s.turn = s.last+1, turnUnneeded
	s.tries++
	return first
}

// Readable is called when the partition can be read again.
func (s *IngestStage) Readable() { s.tries = 0 }

// Stalled reports whether an offset cannot be read, and which.
func (s *IngestStage) Stalled() (offset int64, stalled bool) { return s.unreadable, s.tries > 0 }

// Large is called when the next batch is too large to be read at the same time as another such batch: the
// driver needs its turn.
func (s *IngestStage) Large() { s.turn = turnWanted }

// Turn is called when the driver has its turn, and when it has none any more since the batch
// was read to its end.
func (s *IngestStage) Turn(taken bool) {
	s.turn, s.idle = turnUnneeded, time.Time{}
	if taken {
		s.turn = turnTaken
	}
}

// Stable takes the partition's last stable offset: no record at or above it is readable as
// committed.
func (s *IngestStage) Stable(offset int64) { s.stable = offset }

// Unsettled takes the number of messages that were fed and are not acknowledged. A message
// with dead letters is acknowledged after them.
func (s *IngestStage) Unsettled(messages int64) { s.unsettled = messages }

// Started is called when a codec.FeedStart is acknowledged by all targets.
func (s *IngestStage) Started() {
	s.starting = started
	s.commit = s.last + 1
}

// Flushed is called when a codec.FeedFlush is acknowledged by all targets. It is the
// last one, at [IngestStage.Flush].
func (s *IngestStage) Flushed() {
	s.sending = false
	s.commit = s.flushed + 1
}

// InputID answers a DoCheckInput with the id at a time that is less than topicCheckInterval ago:
// offsets combined must still be those of the topic whose id the ranges carry.
func (s *IngestStage) InputID(id codec.TopicID, at time.Time) {
	s.checked = at
	if was := s.start.Start.Input; id != was {
		s.failed = fmt.Errorf("%w: its topic id was %s and is %s", ErrInputRecreated, was, id)
	}
}

// End is called when the session is about to end: no more input comes, and the pending
// range is sent.
func (s *IngestStage) End() { s.ending = true }

// Last is the last offset that was read.
func (s *IngestStage) Last() int64 { return s.last }

// Until is the highest offset that the pending range may contain: no record above it may
// be given to Records.
func (s *IngestStage) Until() int64 {
	for len(s.start.Ends) > 0 && s.start.Ends[0] <= s.flushed {
		s.start.Ends = s.start.Ends[1:]
	}
	if len(s.start.Ends) == 0 {
		return math.MaxInt64
	}
	return s.start.Ends[0]
}

// Next returns the next action.
func (s *IngestStage) Next(now time.Time) Action {
	switch {
	case s.failed != nil:
		return Action{Do: DoFail, Err: s.failed}
	case s.message != nil:
		a := Action{Do: DoFeed, Value: s.message}
		s.message = nil
		s.unsettled++
		return a
	case s.commit > s.committed && (s.ending || !now.Before(s.nextCommit)):
		s.committed, s.nextCommit = s.commit, nextMultiple(now, s.start.CommitEvery)
		return Action{Do: DoCommit, Offset: s.commit}
	case !s.readAgain.IsZero():
		a := Action{Do: DoReadAgain, Offset: s.last + 1, Until: s.readAgain}
		s.readAgain = time.Time{}
		return a
	case s.starting == startDue:
		s.starting = startSent
		return s.feed(codec.AppendIngestStart(nil, s.start.Start))
	case s.starting == startSent:
		return Action{Do: DoWait}
	case s.ready() && s.due(now):
		return s.flush(now)
	case s.ending && s.unsettled == 0 && !s.sending:
		return Action{Do: DoEnd}
	case s.ending && s.turn == turnTaken:
		s.Turn(false)
		return Action{Do: DoYield}
	case s.ending:
		return Action{Do: DoWait}
	case s.lost > s.last && s.ready():
		// Only heat knows how much of it is lost.
		s.start.Start.From, s.start.Start.LostTo = s.last, s.lost
		s.last, s.flushed = s.lost, s.lost
		s.starting = startSent
		return s.feed(codec.AppendIngestStart(nil, s.start.Start))
	}
	return s.wait(now)
}

// wait is what the stage does while there is nothing to do.
func (s *IngestStage) wait(now time.Time) Action {
	a := Action{Do: DoWait, Input: !s.full(now), Turn: s.turn == turnWanted}
	switch {
	case s.turn != turnTaken || a.Input:
		s.idle = time.Time{}
	case s.idle.IsZero():
		s.idle = now
		a.until(now.Add(turnPatience))
	case now.Sub(s.idle) < turnPatience:
		a.until(s.idle.Add(turnPatience))
	default:
		s.Turn(false)
		return Action{Do: DoYield}
	}
	if s.commit > s.committed {
		a.until(s.nextCommit)
	}
	if s.pending() {
		if over := s.over(); now.Before(over) {
			a.until(over)
		} else { // something else delays it, and its end wakes the driver
			a.until(now.Add(max(s.start.Linger, shortestWait)))
		}
	}
	return a
}

// until lets a DoWait end at a time.
func (a *Action) until(t time.Time) {
	if a.Until.IsZero() || t.Before(a.Until) {
		a.Until = t
	}
}

func (s *IngestStage) feed(message []byte) Action {
	s.unsettled++
	return Action{Do: DoFeed, Ack: true, Value: message}
}

// pending reports whether anything was read after the last flush.
func (s *IngestStage) pending() bool { return s.last > s.flushed }

// ready reports whether a range may be sent: nothing before it is in flight.
func (s *IngestStage) ready() bool { return !s.sending && s.unsettled == 0 }

// due reports whether the pending range should be sent: behind, by volume; caught up,
// after the linger time; at the end of a session, always. The first range is due even
// without input.
func (s *IngestStage) due(now time.Time) bool {
	if !s.pending() {
		return !s.announced
	}
	return s.ending || s.whole() || s.lost > s.last || !now.Before(s.over())
}

// whole reports whether the pending range has its full volume, or all that it may have.
func (s *IngestStage) whole() bool {
	v := &s.start.Volume
	return s.pendingRecords >= v.Records || s.bytes >= v.Bytes || s.last >= s.Until()
}

// over is when the pending range is sent if it does not reach its full volume before.
func (s *IngestStage) over() time.Time {
	if s.stable-s.last <= s.start.Volume.Behind {
		if over := s.lingered(); s.rests.Before(over) {
			return over
		}
		return s.latest // nothing can join it
	}
	end := s.first.Add(longestRange)
	if stalled := s.latest.Add(max(stalledFetch, s.start.Linger)); stalled.Before(end) {
		end = stalled
	}
	return end
}

// lingered is when a range ends while ingest is caught up: at the next whole
// multiple of the linger time. So the ranges of all input partitions go out
// together, in one request to a broker instead of one for each partition.
func (s *IngestStage) lingered() time.Time {
	return nextMultiple(s.first, s.start.Linger)
}

// nextMultiple is the next whole multiple of an interval after a time; the time itself for 0.
func nextMultiple(t time.Time, interval time.Duration) time.Time {
	if interval == 0 {
		return t
	}
	// Truncate would drop the monotonic clock, and the wall clock may be set back.
	return t.Add(interval - time.Duration(t.UnixNano())%interval)
}

// full reports whether the input is held back until a flush: if the pending range has
// reached its volume or its end while another is in flight, or if a flush waits for dead
// letters.
func (s *IngestStage) full(now time.Time) bool {
	if s.lost > s.last {
		return true
	}
	if s.sending {
		return s.whole()
	}
	return s.due(now)
}

// flush sends the pending range.
func (s *IngestStage) flush(now time.Time) Action {
	if now.Sub(s.checked) >= topicCheckInterval {
		return Action{Do: DoCheckInput}
	}
	s.sending, s.announced, s.flushed = true, true, s.last
	s.pendingRecords, s.bytes = 0, 0
	return s.feed(codec.AppendFlush(nil, s.last))
}
