package processors

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
)

// ErrOtherBehavior says that leaders were counted from another behaviour topic
// than the newest board: the topic was deleted and recreated.
var ErrOtherBehavior = failure.Known("the behaviour topic was recreated", failure.Recreated)

// RankerConfig configures a ranker.
type RankerConfig struct {
	// Board is the name of the board.
	Board string
	// Scorer orders pages, heat.DefaultWeights if nil. It must be the one of the heat
	// partitions.
	Scorer heat.Scorer
	// Top is the number of pages on the board, at least 1.
	Top int
	// Boards are further boards, with names of their own.
	Boards []*boards.Board
	// Group and Output name the group of the ranking and the topic of its boards.
	Group, Output string
}

// Ranker merges the leaders of all heat partitions into the board. A page in
// the board's first N is among the first N of its own partition, so merging
// those is exact. It belongs to one goroutine.
//
// What it publishes never goes back: it starts from the newest board, ignores
// leaders older than those a board was made from, and has no board until every
// partition has sent some. Its versions begin with an epoch that no other
// ranker has had: version = (epoch - 1) * 2^32 + n.
type Ranker struct {
	config  RankerConfig
	epoch   uint64
	n       uint64
	latest  []*codec.Leaders // per heat partition, nil before the first
	floor   codec.Positions  // what the newest board was made from, or another published one, of any name, if that is higher
	taken   codec.Positions  // per heat partition, the most requests to forget pages that leaders had in
	newest  *codec.Board
	changed bool
	owed    bool // the next board goes out even if it says the same
	merged  []ranked
	least   offsetFloor // of the first board after the output was handed over

	definition codec.Definition
	differ     []*codec.Definition // per heat partition, of leaders that do not serve; else nil

	further  []*boardRanker
	past     []pastBoard            // to be published
	removed  map[string]removedFrom // the same: boards without forgotten pages, by key
	pastMade map[string]uint64      // versions of the boards of past periods that this ranker has published

	check func(l *codec.Leaders) error // see RankingConfig; may be nil
	tell  func(wanted codec.Definition, differing []Differing)
	// see RankingConfig; may be nil
	tellBoard func(board string, partitions []int32)
	tellDue   func(board string, due time.Time)
	told      []Differing
}

// Ranked is the result of a message: what to store or publish.
type Ranked struct {
	// Epoch is the epoch to be stored under codec.EpochKey, nil for none.
	Epoch []byte
	// Boards are to be published, in this order.
	Boards []Published
}

// Published is a board to be published under its name, and its header of positions. A nil Value deletes the
// board.
type Published struct {
	Name             string
	Value, Positions []byte
}

// Differing is a heat partition whose leaders were chosen by other settings than
// the ranking's.
type Differing struct {
	Partition  int32
	Definition codec.Definition
}

// Epoch is the epoch that a board's version belongs to.
func Epoch(version uint64) uint64 { return version>>codec.EpochBits + 1 }

// NewRanker returns a ranker without an epoch: it has no board before Begin.
func NewRanker(c RankerConfig) *Ranker {
	c.Scorer = cmp.Or[heat.Scorer](c.Scorer, heat.DefaultWeights())
	c.Top = max(c.Top, 1)
	r := &Ranker{config: c, definition: codec.Define(c.Scorer, c.Top), removed: map[string]removedFrom{}, pastMade: map[string]uint64{}}
	for _, b := range c.Boards {
		r.further = append(r.further, newBoardRanker(b))
	}
	return r
}

// Take takes a message of a [RankStage]. Only for codec.FeedEpoch it calls stored, which
// is the stored epoch as a []byte, nil if there is none. After an error the ranker
// must not be used again.
func (r *Ranker) Take(message []byte, stored func() any, now time.Time) (Ranked, error) {
	kind, body, err := codec.SplitFeed(message)
	if err != nil {
		return Ranked{}, err
	}
	switch kind {
	case codec.FeedEpoch:
		was, _ := stored().([]byte)
		return r.takeEpoch(body, was)
	case codec.FeedHeard:
		offset, leaders, err := codec.SplitHeard(body)
		if err != nil {
			return Ranked{}, err
		}
		if err := r.hear(leaders); err != nil {
			return Ranked{}, fmt.Errorf("offset %d: %w", offset, err)
		}
		return Ranked{}, nil
	case codec.FeedPast:
		_, err := r.takePast(body)
		return Ranked{}, err
	case codec.FeedRemoved:
		return Ranked{}, r.takeRemoved(body)
	case codec.FeedPublish:
		return r.publish(now, false)
	case codec.FeedRepublish:
		return r.publish(now, true)
	default:
		return Ranked{}, fmt.Errorf("ranking was fed a message of kind %q", kind)
	}
}

// takeEpoch begins an epoch above the stored one and above any seen in use.
func (r *Ranker) takeEpoch(body, stored []byte) (Ranked, error) {
	request, err := codec.DecodeEpochRequest(body)
	if err != nil {
		return Ranked{}, err
	}
	highest := request.Above
	if stored != nil {
		e, err := codec.DecodeEpoch(stored)
		if err != nil {
			return Ranked{}, fmt.Errorf("the stored epoch: %w", err)
		}
		highest = max(highest, e.Epoch)
	}
	var newest *codec.Board
	var made codec.Origin
	if request.Board != nil {
		if newest, err = codec.DecodeBoard(request.Board); err != nil {
			return Ranked{}, fmt.Errorf("the newest board in %s: %w", r.config.Output, err)
		}
		if made, err = codec.DecodeOrigin(request.Positions); err != nil {
			return Ranked{}, fmt.Errorf("the positions of the newest board in %s: %w", r.config.Output, err)
		}
		highest = max(highest, Epoch(newest.Version))
		r.publishedAsOf(made.Boards)
		if made.HandOver != nil {
			r.goOnFrom(made.HandOver)
		}
	}
	for _, f := range request.Further {
		b, positions, err := r.saw(f)
		if err != nil {
			return Ranked{}, err
		}
		highest = max(highest, Epoch(b.Version))
		made.Positions = raised(made.Positions, positions)
	}
	if highest >= codec.MaxEpoch {
		return Ranked{}, fmt.Errorf("%w: epoch %d is the last possible one", codec.ErrMalformed, highest)
	}
	r.Begin(highest+1, int(request.Partitions), newest, made.Positions)
	return Ranked{Epoch: codec.AppendEpoch(nil, codec.Epoch{Epoch: highest + 1, Output: r.config.Output})}, nil
}

// goOnFrom takes what boards of the group that had the output before had counted.
func (r *Ranker) goOnFrom(h *codec.HandOver) {
	r.least = h.Offsets
	for _, on := range r.further {
		on.least = h.Offsets
	}
}

// saw takes a further board of the output, and returns it with its positions: none if another group made it.
func (r *Ranker) saw(f codec.EpochBoard) (*codec.Board, codec.Positions, error) {
	b, err := codec.DecodeBoard(f.Board)
	if err != nil {
		return nil, nil, fmt.Errorf("a board in %s: %w", r.config.Output, err)
	}
	var made codec.Origin
	if f.Positions != nil {
		if made, err = codec.DecodeOrigin(f.Positions); err != nil {
			return nil, nil, fmt.Errorf("the positions of board %s in %s: %w", b.Board, r.config.Output, err)
		}
	}
	r.publishedAsOf(made.Boards)
	for _, on := range r.further {
		if on.has(b.Board) {
			on.seen(b, made.Positions)
		}
	}
	return b, made.Positions, nil
}

// publishedAsOf takes the T of boards that were published.
func (r *Ranker) publishedAsOf(all []codec.OriginBoard) {
	for _, b := range all {
		for _, on := range r.further {
			if on.definition.Name == b.Name {
				on.published(b)
			}
		}
	}
}

// hear takes leaders.
func (r *Ranker) hear(leaders []byte) error {
	l, err := codec.DecodeLeaders(leaders)
	if err != nil {
		return err
	}
	if r.check != nil {
		if err := r.check(l); err != nil {
			return err
		}
	}
	if _, err := r.Leaders(l); err != nil {
		return fmt.Errorf("leaders of heat partition %d: %w", l.Partition, err)
	}
	if differ := r.Differing(); r.tell != nil && !slices.Equal(differ, r.told) {
		r.told = differ
		r.tell(r.definition, differ)
	}
	for _, on := range r.further {
		if differ := on.differing(); r.tellBoard != nil && !slices.Equal(differ, on.told) {
			on.told = differ
			r.tellBoard(on.definition.Name, differ)
		}
	}
	return nil
}

// publish encodes the next board, if there is one.
func (r *Ranker) publish(now time.Time, again bool) (Ranked, error) {
	var ranked Ranked
	board, made := r.Board(now, again)
	if err := r.encode(&ranked, board, r.definition, made); err != nil {
		return Ranked{}, err
	}
	if r.epoch == 0 {
		return ranked, nil
	}
	for _, on := range r.further {
		next := on.next(now.UTC().Truncate(time.Millisecond), again)
		if due := on.board.After(on.asOf); r.tellDue != nil && on.asOf > 0 && due != on.toldDue {
			on.toldDue = due
			r.tellDue(on.definition.Name, due.Time())
		}
		for _, b := range next {
			if b.Board == nil {
				ranked.Boards = append(ranked.Boards, Published{Name: b.deleted})
				continue
			}
			b.Version = r.version()
			r.floor = raised(r.floor, b.positions)
			on.says(&b)
			if err := r.encode(&ranked, b.Board, on.chosenBy, b.positions); err != nil {
				return Ranked{}, err
			}
		}
	}
	now = now.UTC().Truncate(time.Millisecond)
	if err := r.publishRemoved(&ranked, now); err != nil {
		return Ranked{}, err
	}
	if err := r.publishPast(&ranked, now); err != nil {
		return Ranked{}, err
	}
	return ranked, nil
}

// version is the next version. All boards have theirs in common, so a later board has a higher one,
// whichever it is.
func (r *Ranker) version() uint64 {
	r.n++
	return (r.epoch-1)<<codec.EpochBits + r.n
}

// encode adds a board to those to be published, if there is one.
func (r *Ranker) encode(into *Ranked, board *codec.Board, by codec.Definition, made codec.Positions) error {
	if board == nil {
		return nil
	}
	value, err := codec.EncodeBoard(board)
	if err != nil {
		return fmt.Errorf("writing board %s, version %d: %w", board.Board, board.Version, err)
	}
	origin := codec.Origin{Group: r.config.Group, Definition: by, Positions: made}
	for _, on := range r.further {
		if on.asOf > 0 {
			origin.Boards = append(origin.Boards, on.origin())
		}
	}
	into.Boards = append(into.Boards, Published{Name: board.Board, Value: value, Positions: codec.AppendOrigin(nil, origin)})
	return nil
}

// Begin starts an epoch from the newest board in the output, nil if there is none,
// and the positions that it was made from. Boards need leaders of all partitions.
//
// The epoch may be the one that the ranker has: it was taken once before, but
// not stored. Then its versions go on.
func (r *Ranker) Begin(epoch uint64, partitions int, newest *codec.Board, made codec.Positions) {
	if len(r.latest) != partitions {
		r.latest = make([]*codec.Leaders, partitions)
		r.differ = make([]*codec.Definition, partitions)
		r.taken = make(codec.Positions, partitions)
	}
	if epoch != r.epoch {
		r.epoch, r.n = epoch, 0
	}
	// A board of this ranker's own that is not in the output may still be on its
	// way, or may never have left: it counts as published for what must not go
	// back, and as missing for what readers must get.
	r.owed = r.owed || r.newest != nil && (newest == nil || newest.Version < r.newest.Version)
	if r.newest == nil || newest != nil && newest.Version > r.newest.Version {
		r.newest, r.floor = newest, raised(made, r.floor)
	} else {
		r.floor = raised(r.floor, made)
	}
	for p, l := range r.latest {
		if floor := r.position(p); l != nil && (behind(l, floor) || l.Behavior != floor.Behavior && !floor.Behavior.IsZero()) {
			r.latest[p] = nil
		}
	}
	// A new session is told again what differs: it knows nothing of what the one before was told.
	r.changed, r.told = true, nil
	for _, on := range r.further {
		on.told, on.toldDue = nil, 0
		on.begin(partitions, r.floor)
	}
}

// raised are the positions a, raised to those of b that are in the same topic; b if there is no a.
func raised(a, b codec.Positions) codec.Positions {
	if a == nil {
		return b
	}
	a = slices.Clone(a)
	for p := range min(len(a), len(b)) {
		if a[p].Behavior == b[p].Behavior {
			a[p].Next, a[p].Forgotten = max(a[p].Next, b[p].Next), max(a[p].Forgotten, b[p].Forgotten)
		}
	}
	return a
}

// positionOf is what is known of leaders in a board that is made from them.
func positionOf(l *codec.Leaders) codec.Position {
	return codec.Position{Behavior: l.Behavior, Next: l.Next, Forgotten: l.Forget.Taken}
}

// behind reports whether leaders are older than those of a board. Those of an owner that was frozen may have counted
// more than the next one so far, and have pages that are forgotten.
func behind(l *codec.Leaders, floor codec.Position) bool {
	return l.Next < floor.Next || l.Forget.Taken < floor.Forgotten
}

// keepsForgotten reports whether leaders have all requests to forget pages in that earlier ones of their partition had
// in. Of leaders that come late, also before there is a board, a board could else have a page that another board
// does not have any more.
func (r *Ranker) keepsForgotten(l *codec.Leaders) bool {
	known := &r.taken[l.Partition]
	if known.Behavior == l.Behavior && l.Forget.Taken < known.Forgotten {
		return false
	}
	*known = codec.Position{Behavior: l.Behavior, Forgotten: l.Forget.Taken}
	return true
}

func (r *Ranker) position(partition int) codec.Position {
	if partition < len(r.floor) {
		return r.floor[partition]
	}
	return codec.Position{}
}

// Leaders takes the leaders of one partition; they belong to the ranker from
// then on. It reports whether they were taken: they are not where they are older
// than those of a published board, where they have a page that is forgotten, and where they were chosen by settings that do
// not serve this ranker's board. In the second case there is no board until the
// partition has sent others; see Differing.
func (r *Ranker) Leaders(l *codec.Leaders) (bool, error) {
	p := int(l.Partition)
	if int(l.Partitions) != len(r.latest) {
		return false, codec.OtherPartitions(l.Partitions, int32(len(r.latest)))
	}
	if p < 0 || p >= len(r.latest) {
		return false, fmt.Errorf("leaders of partition %d of %d", p, len(r.latest))
	}
	floor := r.position(p)
	if floor.Behavior != (codec.TopicID{}) && floor.Behavior != l.Behavior {
		return false, fmt.Errorf("%w: its topic id was %s and is %s", ErrOtherBehavior, floor.Behavior, l.Behavior)
	}
	if behind(l, floor) || !r.keepsForgotten(l) {
		return false, nil
	}
	for _, on := range r.further {
		if err := on.take(l); err != nil {
			return false, err
		}
	}
	if !l.Definition.Serves(r.definition) {
		// What is older is of an earlier owner, who may have had the right settings.
		if known := r.latest[p]; known == nil || !behind(l, positionOf(known)) {
			r.latest[p], r.differ[p] = nil, &l.Definition
		}
		return false, nil
	}
	r.latest[p], r.differ[p] = l, nil
	r.changed = true
	return true, nil
}

// Differing are the partitions whose last leaders were chosen by settings that do
// not serve this ranker's board. While there are some, the last board stays.
func (r *Ranker) Differing() []Differing {
	var differing []Differing
	for p, d := range r.differ {
		if d != nil {
			differing = append(differing, Differing{Partition: int32(p), Definition: *d})
		}
	}
	return differing
}

// Board returns the next board and the positions it is made from. It returns
// nil while leaders of a partition are missing, and where the board would say
// the same as the last, unless one is asked for again; then the next there can
// be is returned in any case. The board belongs to the ranker and is not changed
// any more.
func (r *Ranker) Board(now time.Time, again bool) (*codec.Board, codec.Positions) {
	r.owed = r.owed || again
	if r.epoch == 0 || !r.changed && !r.owed || slices.Contains(r.latest, nil) {
		return nil, nil
	}
	offsets := offsetsOf(r.latest)
	if !r.least.reached(offsets) {
		return nil, nil
	}
	again = r.owed
	r.changed, r.owed, r.least = false, false, nil
	now = now.UTC().Truncate(time.Millisecond)
	next := &codec.Board{Board: r.config.Board, UpdatedAt: now, Offsets: offsets}
	floor := make(codec.Positions, len(r.latest))
	for p, l := range r.latest {
		next.Counted += l.Counted
		floor[p] = positionOf(l)
	}
	next.Forgotten = forgottenIn(floor)
	next.Pages = r.pages(now)
	if !again && r.newest != nil && same(r.newest, next) {
		r.floor = raised(floor, r.floor)
		return nil, nil
	}
	next.Version = r.version()
	r.newest, r.floor = next, raised(floor, r.floor)
	return next, floor
}

// offsetFloor are, by input partition, what a board must have counted below.
type offsetFloor []int64

// reached reports whether a board with these offsets has.
func (f offsetFloor) reached(offsets codec.Offsets) bool {
	for partition, least := range f {
		if offset, _ := offsets.Get(int32(partition)); offset < least {
			return false
		}
	}
	return true
}
