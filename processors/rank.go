package processors

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/topology"
)

// RankingConfig configures a ranking processor.
type RankingConfig struct {
	Brokers  []string
	Topology *topology.Topology
	Ranker   RankerConfig
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Check looks at leaders before they are ranked; its error ends the processor.
	// It may be nil.
	Check func(l *codec.Leaders) error
	// Differ is told which heat partitions choose leaders by settings that do not
	// serve the board, whenever that changes; none when all agree again. It must be
	// quick. It may be nil.
	Differ func(wanted codec.Definition, differing []Differing)
	// DifferOnBoard is told the same of a further board: which heat partitions define it in another way,
	// or do not have it. It may be nil.
	DifferOnBoard func(board string, partitions []int32)
	// BoardDue is told when the next board of a further board is due, whenever that changes: at the T that follows
	// on that of its newest. It must be quick. It may be nil.
	BoardDue func(board string, due time.Time)
}

// NewRanking returns the processor that publishes the board. Its table holds
// the epoch of its versions.
func NewRanking(c RankingConfig, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := goka.NewProcessor(c.Brokers, RankingGraph(c), options...)
	if err != nil {
		return nil, fmt.Errorf("making the ranking processor of group %s: %w", c.Topology.RankGroup, err)
	}
	return p, nil
}

// RankingGraph is the graph of the ranking processor. The leaders topic has one
// partition, so one goroutine uses the [Ranker].
func RankingGraph(c RankingConfig) *goka.GroupGraph {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Ranker.Group, c.Ranker.Output = c.Topology.RankGroup, c.Topology.Output
	ranker, output := NewRanker(c.Ranker), goka.Stream(c.Topology.Output)
	ranker.check, ranker.tell, ranker.tellBoard, ranker.tellDue = c.Check, c.Differ, c.DifferOnBoard, c.BoardDue
	rank := func(ctx goka.Context, message any) {
		ranked, err := ranker.Take(message.([]byte), ctx.Value, c.Now())
		if err != nil {
			ctx.Fail(err)
		}
		if ranked.Epoch != nil {
			ctx.SetValue(ranked.Epoch)
		}
		for _, b := range ranked.Boards {
			if b.Value == nil {
				ctx.Emit(output, b.Name, nil)
				continue
			}
			ctx.Emit(output, b.Name, b.Value, goka.WithCtxEmitHeaders(goka.Headers{codec.HeaderPositions: b.Positions}))
		}
	}
	return goka.DefineGroup(goka.Group(c.Topology.RankGroup),
		goka.Input(goka.Stream(c.Topology.Leaders), codec.Raw{}, rank),
		goka.Persist(codec.Raw{}),
		goka.Output(output, codec.Raw{}),
	)
}

// RankStage decides for the ranking when an owner takes an epoch, when a board is due, and
// what a board in the output means. The [Ranker], which receives its messages, decides the
// contents of a board. A RankStage
// lasts for one session and belongs to one goroutine. See [Action] for how it is driven.
type RankStage struct {
	publishEvery time.Duration
	partitions   int32

	wanted  bool              // an epoch
	asked   bool              // and it is on its way
	seen    Output            // the newest board of all time, which the epoch begins from
	further map[string]Output // and the others, by name
	above   uint64            // an epoch that was seen in use
	epoch   uint64
	own     map[uint64]bool // the epochs of this session
	highest uint64          // version seen in the output

	heard     []byte // leaders, or a board, for the ranker
	removed   []byte // boards without forgotten pages, for the ranker
	taken     int64  // the offset after the leaders that were taken last
	committed int64

	waiting      int32     // how many leaders came since the last request for a board
	waits        time.Time // since when the first of them waits
	again        bool      // the next board is published even if unchanged
	requested    time.Time
	publishing   bool  // a request is on its way
	publishingTo int64 // taken at that request
	reached      int64

	removal removalStage
	ending  bool
}

// RankStart is the start of a session of the ranking.
type RankStart struct {
	// PublishEvery is the shortest time between two boards.
	PublishEvery time.Duration
	// Partitions is the number of heat partitions.
	Partitions int32
	// Next is the offset of the leaders that are read first.
	Next int64
	// Newest is the board with the highest version in the output. It need not be the
	// last one: an owner that was frozen may have let an older one out after it.
	Newest Output
	// Further are the newest of the further boards, as far as they were found.
	Further []Output
}

// NewRankStage returns the stage of a session. It begins with an epoch of its own.
func NewRankStage(s RankStart) *RankStage {
	stage := &RankStage{publishEvery: s.PublishEvery, partitions: s.Partitions, wanted: true, seen: s.Newest,
		further: map[string]Output{}, own: map[uint64]bool{}, taken: s.Next, committed: s.Next, reached: s.Next}
	for _, b := range s.Further {
		stage.further[b.Board] = b
	}
	return stage
}

// Leaders takes leaders that were at an offset. They are copied.
func (s *RankStage) Leaders(offset int64, leaders []byte) {
	s.heard = codec.AppendHeard(make([]byte, 0, len(leaders)+16), offset, leaders)
	s.waiting, s.taken = s.waiting+1, offset+1
}

// Past takes the final board of a past period that was at an offset, among the leaders.
func (s *RankStage) Past(offset int64, board []byte) {
	s.heard = append([]byte{byte(codec.FeedPast)}, board...)
	s.waiting, s.taken = s.waiting+1, offset+1
}

// Output takes a board that was published after [RankStart.Newest] by any owner. A board of
// a higher, foreign epoch comes from an owner that has taken over, or from an earlier owner
// that published after this one looked for the newest board. Either way this owner continues
// from that board in a new epoch. Those of the session's own earlier epochs, which may still be on their way
// when the next one begins, are not foreign. An older version after a newer one is corrected at once; if it shows a group,
// also in a new epoch, because this owner may not know that the group has a board.
func (s *RankStage) Output(b Output) {
	switch epoch := Epoch(b.Version); {
	case !s.own[epoch] && (b.Version > s.highest || b.Further && b.ShowsGroup()):
		s.wanted, s.above = true, max(s.above, epoch)
		if b.Further {
			s.further[b.Board] = b
		} else {
			s.seen = b
		}
	case b.Version < s.highest:
		s.again = true
	}
	s.highest = max(s.highest, b.Version)
	s.removal.output(&b)
}

// Foreign takes a board of the output that another group published. One that is older than the newest of
// this group's is of the deployment that had the output before, and is corrected at once. A newer one says
// that the output was handed over, or that another deployment writes to it: the error wraps [ErrOtherGroup].
func (s *RankStage) Foreign(b Output, group string) error {
	newest := max(s.highest, s.seen.Version)
	for _, f := range s.further {
		newest = max(newest, f.Version)
	}
	if b.Version > newest {
		return b.Owned(group)
	}
	s.again = true
	s.removal.output(&b)
	return nil
}

// CheckEpoch checks the stored epoch of a ranking, nil if there is none: the group must
// publish to the same output, and must have it still. Otherwise the error is a [failure.Permanent]. An epoch that was
// deleted is no loss: the newest board has it, too. given says that the newest board in the output was handed
// over to the group: that is later than what the epoch says.
func CheckEpoch(value []byte, group, output string, given bool) error {
	if value == nil {
		return nil
	}
	e, err := codec.DecodeEpoch(value)
	switch {
	case err != nil:
		return fmt.Errorf("the stored epoch: %w", err)
	case given:
		return nil
	case e.Output != output:
		return failure.New(failure.Output, "the group %s publishes to %s, and this instance to %s: each output needs a prefix of its own",
			group, e.Output, output)
	case e.MovedTo != "":
		return fmt.Errorf("the output %s was handed over from the group %s to the group %s: %w", output, group, e.MovedTo, ErrOtherGroup)
	default:
		return nil
	}
}

// Stored takes the epoch from the table after the message that asked for it is acknowledged.
func (s *RankStage) Stored(value []byte) error {
	e, err := codec.DecodeEpoch(value)
	if err != nil {
		return fmt.Errorf("the stored epoch: %w", err)
	}
	s.asked, s.epoch = false, e.Epoch
	s.own[e.Epoch] = true
	s.highest = max(s.highest, s.seen.Version)
	for _, b := range s.further {
		s.highest = max(s.highest, b.Version)
	}
	// The first board of an epoch is published even if unchanged: a reader may have
	// missed the one that it repeats.
	s.again = true
	s.seen = Output{}
	clear(s.further)
	return nil
}

// Published is called when the request for a board is acknowledged.
func (s *RankStage) Published() {
	s.publishing, s.reached = false, s.publishingTo
}

// End is called when the session is about to end: no more input comes.
func (s *RankStage) End() { s.ending = true }

// Epoch is the epoch that was stored last, 0 if there is none.
func (s *RankStage) Epoch() uint64 { return s.epoch }

// Reached is the offset below which all leaders are taken into account by a published board.
func (s *RankStage) Reached() int64 { return s.reached }

// Next returns the next action.
func (s *RankStage) Next(now time.Time) Action {
	if s.waits.IsZero() && s.waiting > 0 {
		s.waits = now
	}
	switch {
	case s.heard != nil:
		a := Action{Do: DoFeed, Value: s.heard}
		s.heard = nil
		return a
	case s.removed != nil:
		a := Action{Do: DoFeed, Value: s.removed}
		s.removed = nil
		return a
	case s.taken > s.committed:
		// For lag tools alone: leaders are soft state.
		s.committed = s.taken
		return Action{Do: DoCommit, Offset: s.taken}
	case s.asked:
		return Action{Do: DoWait}
	case s.wanted:
		s.wanted, s.asked = false, true
		request := codec.EpochRequest{Partitions: s.partitions, Above: s.above, Board: s.seen.Value, Positions: s.seen.Positions}
		for _, name := range slices.Sorted(maps.Keys(s.further)) {
			b := s.further[name]
			request.Further = append(request.Further, codec.EpochBoard{Board: b.Value, Positions: b.Positions})
		}
		return Action{Do: DoFeed, Ack: true, Key: codec.EpochKey(), Value: codec.AppendEpochRequest(nil, request)}
	case !s.ending && s.removal.begins(now):
		return Action{Do: DoRemove}
	case s.publishing:
		return Action{Do: DoWait, Input: !s.ending}
	case s.ending && s.waiting > 0:
		return s.publish(now)
	case s.ending:
		return Action{Do: DoEnd}
	case s.waiting == 0 && !s.again:
		return Action{Do: DoWait, Input: true, Until: s.removal.until(time.Time{})}
	}
	if at := s.publishAt(); now.Before(at) {
		return Action{Do: DoWait, Input: true, Until: s.removal.until(at)}
	}
	return s.publish(now)
}

// gatherLeaders is how long the first leaders wait for those of the other heat partitions. Each
// flush of ingest reaches all of them, and a board counts what all of them have.
const gatherLeaders = 5 * time.Millisecond

// publishAt is when the next board is due.
func (s *RankStage) publishAt() time.Time {
	at := s.requested.Add(s.publishEvery)
	if gathered := s.waits.Add(gatherLeaders); !s.again && s.waiting < s.partitions && gathered.After(at) {
		return gathered
	}
	return at
}

// publish asks for a board.
func (s *RankStage) publish(now time.Time) Action {
	kind := codec.FeedPublish
	if s.again {
		kind = codec.FeedRepublish
	}
	s.waiting, s.waits, s.again = 0, time.Time{}, false
	s.publishing, s.publishingTo, s.requested = true, s.taken, now
	return Action{Do: DoFeed, Ack: true, Value: []byte{byte(kind)}}
}
