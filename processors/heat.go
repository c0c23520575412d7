package processors

import (
	"fmt"
	"time"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/store"
	"pageheat/topology"
)

// HeatConfig configures a heat processor.
type HeatConfig struct {
	Brokers  []string
	Topology *topology.Topology
}

// NewHeat returns the processor that keeps every page's totals in its group
// table. Ranges are counted by a [HeatStage] before goka sees them; the callback
// gets what the stage wants to have written or sent: one message per dirty page at
// each commit, last the progress, and leaders.
func NewHeat(c HeatConfig, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := goka.NewProcessor(c.Brokers, HeatGraph(c), options...)
	if err != nil {
		return nil, fmt.Errorf("making the heat processor of group %s: %w", c.Topology.HeatGroup, err)
	}
	return p, nil
}

// HeatGraph is the graph of the heat processor.
func HeatGraph(c HeatConfig) *goka.GroupGraph {
	leaders, forget := goka.Stream(c.Topology.Leaders), goka.Stream(c.Topology.Forget)
	process := func(ctx goka.Context, message any) {
		kind, body, err := codec.SplitFeed(message.([]byte))
		if err != nil {
			ctx.Fail(err)
		}
		switch kind {
		case codec.FeedWrite:
			ctx.SetValue(body) // with its partition, see codec.AppendWrite
		case codec.FeedForget:
			ctx.Emit(forget, ctx.Key(), body)
		case codec.FeedLeaders:
			oldest, body, err := codec.SplitLeaders(body)
			if err != nil {
				ctx.Fail(err)
			}
			ctx.Emit(leaders, codec.PartitionKey(ctx.Partition()), body, oldestHeader(oldest)...)
		default:
			ctx.Fail(fmt.Errorf("heat was fed a message of kind %q", kind))
		}
	}
	return goka.DefineGroup(goka.Group(c.Topology.HeatGroup),
		goka.Input(goka.Stream(c.Topology.Behavior), codec.Raw{}, process),
		goka.Persist(codec.Raw{}),
		goka.Output(leaders, codec.Raw{}),
		goka.Output(forget, codec.Raw{}),
	)
}

// HeatStart is the start of a session of a heat partition.
type HeatStart struct {
	// Now is the time.
	Now time.Time
	// Partitions is the number of heat partitions.
	Partitions int32
	// PublishEvery is the minimum time between two leaders, CommitEvery the maximum
	// time that a change waits for its commit.
	PublishEvery, CommitEvery time.Duration
	// Transaction is the broker's timeout of a transaction.
	Transaction time.Duration
	// ForgetAfter is the number of days after which a page without a behaviour is dropped, 0 to drop none.
	ForgetAfter int
	// PageTime is how long writing a page takes, by [HeatStage.PageTime] of the session
	// before; 0 if it is not known.
	PageTime time.Duration
	// Bounds are the bounds of a commit, [DefaultHeatBounds] in production.
	Bounds HeatBounds
}

// HeatBounds bound what is applied ahead of a commit, and so what a commit writes.
type HeatBounds struct {
	// LeastPages is the number of dirty pages that may always wait, however slow
	// writing is.
	LeastPages int
	// MostPages and MostBytes are the most that one transaction writes, in dirty
	// pages and in approximate bytes of their records.
	MostPages, MostBytes int
	// Burst is the number of dirty pages written at a time while ranges of a backlog wait. Without a
	// backlog, it is 64 at most.
	Burst int
}

// DefaultHeatBounds are the bounds in production.
func DefaultHeatBounds() HeatBounds {
	return HeatBounds{LeastPages: 1000, MostPages: 1_000_000, MostBytes: 256 << 20, Burst: 256}
}

const (
	// quietTime is the time without ranges after which a commit does not wait for more.
	quietTime = 100 * time.Millisecond
	// shortestCommit is the minimum time between two commits. A commit is a transaction, which
	// costs the broker several writes however little it holds, and ranges applied since
	// the last one are applied again after a crash.
	shortestCommit = time.Second
	// commitShare bounds the share of time that commits take: after a commit of 100 ms the
	// next one comes 3 s later at the earliest. Ranges that wait behind a commit are late
	// on the board, and a page that changes often is written less often.
	commitShare = 30
	// spreadFactor is how many times as long as necessary a commit may take while input comes, and spreadShare how much of
	// the time between two commits. Ranges and leaders need the processor meanwhile: the more evenly commits
	// are spread, the less of it they take at any time.
	spreadFactor = 24
	spreadShare  = 0.9
	// spreadLimit is the divisor of the transaction's timeout that bounds the time over which a commit is spread.
	spreadLimit = 2
	// repeatLeaders is the longest time until leaders are sent even if unchanged: they are
	// soft state, and a new ranking owner waits for them. All partitions repeat theirs together.
	repeatLeaders = time.Second
	// repeatSettled is the same after settledTime without a range. By then a ranking owner that went away has
	// been replaced, so the board has what was counted. A range makes all partitions send leaders at once.
	repeatSettled = 3 * time.Second
	settledTime   = 15 * time.Second
	// gatherRanges is how long leaders wait for what else came with a range: those of other
	// input partitions come in the same fetch.
	gatherRanges = time.Millisecond
	// firstPageTime is the assumed time to write a page before the first commit.
	firstPageTime = 40 * time.Microsecond
	// transactionShare is the divisor of the transaction's timeout that bounds the
	// expected time to write the dirty pages.
	transactionShare = 4
	// trimInterval is the interval at which applied ranges are deleted from their topic.
	trimInterval = 10 * time.Second
)

// HeatStage counts behaviours: it applies ranges to a partition of the heat table in
// memory, sends the partition's leaders, and decides when the dirty pages are
// committed and how much may be applied ahead of that. It lasts for one session and belongs to one
// goroutine. See [Action] for how it is driven.
type HeatStage struct {
	start     HeatStart
	partition *store.Partition

	leaders     codec.Leaders
	stale       bool      // leaders differ from those last sent
	changed     time.Time // since when they do
	sentLeaders time.Time
	oldest      int64 // timestamp of the oldest input record that they are the first to count
	sending     bool  // leaders are on their way

	checkpoint *store.Checkpoint // being written
	written    bool              // all of it; the commit is on its way
	began      time.Time         // of the checkpoint
	burst      int               // records written since ranges were last let in
	pace       pace
	arena      []byte

	ahead      time.Time     // when the first range came that is in no commit
	latest     time.Time     // when a range came last
	behind     bool          // ingest sends by volume
	lastCommit time.Time     // when the last commit was done
	took       time.Duration // how long it took
	paused     time.Duration // and of that, how long it waited for the sake of ranges
	pages      int           // and what it wrote
	perPage    time.Duration
	trimmed    time.Time

	forgets    []forgetRecord  // that wait for the commit under way
	forgetting bool            // the commit under way forgets pages
	taken      []*codec.Forget // requests that it takes in and has not written yet

	sweeps  time.Time // when pages to drop are looked for next
	passing bool      // a pass over the pages is under way, for that or to remove them
	held    bool      // leaders wait until dropped pages are removed from memory

	turns   time.Time // when boards are as of another time next
	turning bool      // they are not as of it yet
	ranges  int       // that came since the last piece of that
	asked   int       // and of those, how many when that was last asked

	commit, committed int64 // the offset after what is in the table, and as committed
	trim              int64 // 0 or what may be trimmed below
	ending            bool
}

// NewHeatStage returns the stage of a session over a restored partition, see
// [RestoredHeat]. Until it has come to its end, the partition belongs to it.
func NewHeatStage(p *store.Partition, s HeatStart) *HeatStage {
	p.StartBoards()
	if s.ForgetAfter > 0 {
		p.KeepDays(s.Now)
	}
	unswept := p.StartSweeps()
	return &HeatStage{start: s, partition: p, stale: true, latest: s.Now, trimmed: s.Now,
		lastCommit: s.Now.Add(-shortestCommit), perPage: s.PageTime, passing: unswept, held: unswept}
}

// Apply counts a range, the record at an offset of the behaviour topic. The driver has found out what
// Input asks for; again has the sums of what it has read again. After an error
// the partition must be discarded.
func (s *HeatStage) Apply(record []byte, offset int64, now time.Time, again ...store.Sums) (store.Applied, error) {
	if !s.partition.Ahead() {
		s.ahead = now
	}
	counted, err := s.partition.Apply(record, offset, again...)
	if err != nil {
		return store.Applied{}, fmt.Errorf("offset %d: %w", offset, err)
	}
	// Caught up, ingest sends what came within the linger time, which is less by far.
	s.behind = counted*uint64(s.start.Partitions) > behindRecords
	if !s.stale {
		s.stale, s.changed = true, now
	}
	s.latest = now
	s.ranges++
	s.pace.rangeCame(now)
	return s.partition.Applied(), nil
}

// Oldest takes the timestamp of the oldest input record in the range that is applied next,
// in ms since 1970; 0 if it is unknown. The next leaders carry it on.
func (s *HeatStage) Oldest(timestamp int64) { s.oldest = codec.Older(s.oldest, timestamp) }

// LeadersSent is called when leaders that were fed are acknowledged.
func (s *HeatStage) LeadersSent() { s.sending = false }

// Committed is called when the last record of a commit is acknowledged, which is when
// its transaction is committed. The record's offset in the changelog is end.
func (s *HeatStage) Committed(end int64, now time.Time) {
	s.took, s.paused, s.pages, s.lastCommit = now.Sub(s.began), s.pace.paused, s.checkpoint.Size(), now
	s.perPage = (s.took - s.paused) / time.Duration(max(s.pages, 1))
	s.checkpoint.Committed(end)
	s.commit = s.checkpoint.Progress().Next
	s.checkpoint, s.written = nil, false
	if s.forgetting {
		s.forgetting, s.stale, s.changed = false, true, now
	}
	if now.Sub(s.trimmed) >= trimInterval {
		s.trimmed, s.trim = now, s.commit
	}
}

// End is called when the session is about to end: no more ranges come, and applied ranges
// are committed.
func (s *HeatStage) End() { s.ending = true }

// Partition is the partition that the stage counts in. It belongs to the stage.
func (s *HeatStage) Partition() *store.Partition { return s.partition }

// LastCommit is the number of pages that the last commit wrote, and its duration.
func (s *HeatStage) LastCommit() (pages int, took time.Duration) { return s.pages, s.took }

// PageTime is the time to write a page, for the next session. After a commit without an
// answer the next ones are smaller.
func (s *HeatStage) PageTime(now time.Time) time.Duration {
	if s.checkpoint == nil {
		return s.perPage
	}
	slow := 2 * max(s.perPage, (now.Sub(s.began)-s.pace.paused)/time.Duration(max(s.checkpoint.Size(), 1)))
	return min(slow, s.start.Transaction/transactionShare/time.Duration(s.start.Bounds.LeastPages))
}

// Next returns the next action.
func (s *HeatStage) Next(now time.Time) Action {
	if s.checkpoint == nil && len(s.forgets) > 0 && !s.ending {
		if err := s.forget(now); err != nil {
			return Action{Do: DoFail, Err: err}
		}
	}
	if err := s.sweep(now); err != nil {
		return Action{Do: DoFail, Err: err}
	}
	if s.writing() && s.burst > 0 && s.burst < s.burstSize() {
		return s.write(now)
	}
	if err := s.pass(now); err != nil {
		return Action{Do: DoFail, Err: err}
	}
	s.advance(now) // after a pass that lets leaders go
	switch {
	case s.commit > s.committed:
		s.committed = s.commit
		return Action{Do: DoCommit, Offset: s.commit}
	case s.trim > 0:
		a := Action{Do: DoTrim, Offset: s.trim}
		s.trim = 0
		return a
	case !s.ending && !s.sending && !s.forgetting && !s.held && s.leadersIn(now) <= 0:
		return s.sendLeaders(now)
	}
	if s.checkpoint == nil && s.commitDue(now) {
		s.begin(now)
	}
	switch {
	case s.writing() && (s.burst == 0 || s.pace.over(now, s.planned(now))):
		s.burst = 0
		return s.write(now)
	case s.writing(): // let ranges in that wait already, and go on
		return Action{Do: DoWait, Input: s.room(now), Forgets: s.takesForgets(), Until: earlier(s.pace.until, now.Add(s.idle(now)))}
	case s.ending && s.checkpoint == nil:
		return Action{Do: DoEnd}
	case s.ending:
		return Action{Do: DoWait}
	}
	return Action{Do: DoWait, Input: s.room(now), Forgets: s.takesForgets(), Until: now.Add(s.idle(now))}
}

// advance makes boards be as of now: at the turn of a minute, and in pieces, between which ranges are
// applied. It waits until dropped pages are removed: the number of behaviours that a period had when it was closed is with
// all of them or without them, too.
func (s *HeatStage) advance(now time.Time) {
	if s.ending || s.held || !s.turning && now.Before(s.turns) || s.turning && s.rangesWait() {
		return
	}
	if !s.turning {
		s.turns = now.Truncate(time.Minute).Add(time.Minute)
	}
	s.ranges, s.asked = 0, 0
	var changed bool
	if changed, s.turning = s.partition.Advance(now); changed && !s.stale {
		s.stale, s.changed = true, now
	}
}

// rangesBetween is the maximum number of ranges between two pieces of a turn: in the time of a piece some come.
const rangesBetween = 16

// rangesWait reports whether ranges that wait already may be let in before the next piece of a turn.
func (s *HeatStage) rangesWait() bool {
	more := s.ranges > s.asked && s.ranges < rangesBetween && !s.behind
	s.asked = s.ranges
	return more
}

// leadersIn is how long it is until leaders are due.
func (s *HeatStage) leadersIn(now time.Time) time.Duration {
	if s.stale {
		return max(s.start.PublishEvery-now.Sub(s.sentLeaders), min(gatherRanges, s.start.PublishEvery)-now.Sub(s.changed))
	}
	interval := repeatLeaders
	if s.sentLeaders.Sub(s.latest) >= settledTime {
		interval = repeatSettled
	}
	return nextMultiple(s.sentLeaders, interval).Sub(now)
}

func (s *HeatStage) sendLeaders(now time.Time) Action {
	s.partition.Leaders(&s.leaders)
	s.sending, s.stale, s.sentLeaders = true, false, now
	message := codec.AppendLeaders(codec.AppendFeedLeaders(nil, s.oldest), &s.leaders)
	s.oldest = 0
	return Action{Do: DoFeed, Ack: true, Value: message}
}

// commitDue reports whether a commit should begin: when the input is quiet, soon, and else
// after a time that grows with what commits take.
func (s *HeatStage) commitDue(now time.Time) bool {
	if !s.partition.Ahead() {
		return false
	}
	return s.ending || s.partition.Crowded() || s.large(now) || s.commitIn(now) <= 0
}

// commitIn is how long it is until a commit is due of what is applied, if it does not grow
// large before.
func (s *HeatStage) commitIn(now time.Time) time.Duration {
	rest, moment := now.Sub(s.lastCommit)+s.paused, min(quietTime, s.start.CommitEvery)
	busy := max(s.interval()-rest, moment-now.Sub(s.ahead))
	quiet := max(shortestCommit-rest, quietTime-now.Sub(s.latest))
	return min(busy, quiet)
}

// interval is the time between two commits while input comes: as short as they
// are cheap, but the longest while there is a backlog to work off.
func (s *HeatStage) interval() time.Duration {
	if s.behind {
		return s.start.CommitEvery
	}
	return min(max(commitShare*(s.took-s.paused), shortestCommit), s.start.CommitEvery)
}

// room reports whether more may be applied. While a checkpoint is open, nothing may be if
// the next checkpoint would be too large or memory is short.
func (s *HeatStage) room(now time.Time) bool {
	return !s.ending && (s.checkpoint == nil || !s.partition.Full() && !s.large(now))
}

// Meanwhile reports whether a range may be applied while a message that was to be fed waits. It may not if
// ranges are large: commits would take as long as a backlog.
func (s *HeatStage) Meanwhile(now time.Time) bool { return !s.behind && s.room(now) }

// large reports whether the dirty pages are as many as one transaction may write:
// by number, by bytes, and by the time that writing them is expected to take, which
// must stay well below the timeout. While a checkpoint is open nothing more is applied then.
func (s *HeatStage) large(now time.Time) bool {
	dirty, bounds := s.partition.Dirty(), &s.start.Bounds
	if dirty <= bounds.LeastPages {
		return false
	}
	return dirty >= bounds.MostPages || s.partition.DirtyBytes() >= bounds.MostBytes ||
		time.Duration(dirty)*s.pageTime(now) > s.start.Transaction/transactionShare
}

// pageTime is the expected time to write a page: that of the last commit, or of the open one
// so far if that is longer.
func (s *HeatStage) pageTime(now time.Time) time.Duration {
	expected := s.perPage
	if expected == 0 {
		expected = firstPageTime
	}
	if s.checkpoint == nil {
		return expected
	}
	if handed := s.checkpoint.Size() - s.checkpoint.Len(); handed > s.start.Bounds.LeastPages {
		expected = max(expected, (now.Sub(s.began)-s.pace.paused)/time.Duration(handed))
	}
	return expected
}

// idle is how long the stage may wait if nothing comes.
func (s *HeatStage) idle(now time.Time) time.Duration {
	if s.turning || s.passes(now) || s.sweepDue() {
		return 0
	}
	idle := repeatLeaders
	if !s.sending && !s.forgetting && !s.held {
		idle = s.leadersIn(now)
	}
	if s.start.ForgetAfter > 0 && !s.passing {
		idle = min(idle, s.sweeps.Sub(now))
	}
	if s.partition.Boards() > 0 && !s.held {
		idle = min(idle, s.turns.Sub(now))
	}
	if s.checkpoint == nil && s.partition.Ahead() {
		idle = min(idle, s.commitIn(now))
	}
	return max(idle, 0)
}

// writing reports whether records of a checkpoint are ready for goka.
func (s *HeatStage) writing() bool { return s.checkpoint != nil && !s.written }

// writeBuffer is the size of what records are encoded into, less where a checkpoint has few;
// writeRoom is what is left of it at least for the next, and more than most take.
const (
	writeBuffer = 64 << 10
	writeRoom   = 4 << 10
	writeRecord = 64
)

// write is the next record of the checkpoint. The last is the progress, whose acknowledgement
// is the commit's.
func (s *HeatStage) write(now time.Time) Action {
	if len(s.taken) > 0 {
		return s.writeTaken()
	}
	if s.ending {
		s.burst = 0 // no range waits
	} else {
		if s.burst == 0 {
			s.pace.burst(now)
		}
		s.burst++
	}
	if cap(s.arena)-len(s.arena) < writeRoom {
		s.arena = make([]byte, 0, min(writeRoom+writeRecord*s.checkpoint.Len(), writeBuffer))
	}
	start, last := len(s.arena), s.checkpoint.Len() == 1
	key, value, _ := s.checkpoint.Next(codec.AppendWrite(append(s.arena, byte(codec.FeedWrite)), s.partition.ID()))
	if err := s.partition.Failed(); err != nil {
		return Action{Do: DoFail, Err: err}
	}
	if cap(value) == cap(s.arena) {
		s.arena = value
	}
	if last {
		s.written, s.burst = true, 0
	}
	return Action{Do: DoFeed, Ack: last, Key: key, Value: value[start:len(value):len(value)]}
}
