package processors

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
)

// boardRanker merges the leaders of all heat partitions into one further board. It merges those that
// are as of the same slot alone: it keeps the newest two slots of each partition, and has a board of a
// slot when all partitions have reached it. Between two slots nothing waits. It belongs to the
// goroutine of its [Ranker].
type boardRanker struct {
	board      *boards.Board
	definition boards.Definition
	hash       string
	text       jsontext.Value   // the definition, for readers
	chosenBy   codec.Definition // the same, for the header

	latest  [][2]*slotLeaders // per heat partition, the newest slot first
	differs []bool            // per heat partition, whether its last leaders were of another definition
	newest  *codec.Board
	asOf    boards.Minute // T of the newest board that was published by any owner
	changed bool
	owed    bool
	merged  []rankedSum
}

// slotLeaders are leaders as of a slot.
type slotLeaders struct {
	*codec.BoardLeaders
	slot  boards.Slot
	of    *codec.Leaders // what they came with
	pages []codec.BoardLeader
}

// rankedSum is a page with what orders it.
type rankedSum struct {
	leader *codec.BoardLeader
	score  boards.Score
}

func (r rankedSum) compare(o rankedSum) int {
	if boards.Before(r.score, r.leader.Page, o.score, o.leader.Page) {
		return -1
	}
	return 1 // names differ
}

func newBoardRanker(b *boards.Board) *boardRanker {
	d := b.Definition()
	r := &boardRanker{board: b, definition: d, hash: d.Hash(), text: boardsettings.Object(d)}
	r.chosenBy = codec.DefineBoard(d)
	return r
}

// begin starts an epoch with a number of heat partitions. Leaders from before the positions are dropped.
func (r *boardRanker) begin(partitions int, floor codec.Positions) {
	if len(r.latest) != partitions {
		r.latest, r.differs = make([][2]*slotLeaders, partitions), make([]bool, partitions)
	}
	for p := range r.latest {
		for i, l := range r.latest[p] {
			if l != nil && p < len(floor) && (l.of.Next < floor[p].Next || l.of.Behavior != floor[p].Behavior && !floor[p].Behavior.IsZero()) {
				r.latest[p][i] = nil
			}
		}
		if r.latest[p][0] == nil {
			r.latest[p][0], r.latest[p][1] = r.latest[p][1], nil
		}
	}
	r.changed, r.owed = true, true
}

// seen takes a board of the output. What is published after it must not be as of an earlier T.
func (r *boardRanker) seen(b *codec.Board) {
	if r.newest == nil || b.Version > r.newest.Version {
		r.newest = b
	}
	r.notBefore(boards.MinuteOf(b.AsOf))
}

// notBefore says that a board as of T was published.
func (r *boardRanker) notBefore(asOf boards.Minute) { r.asOf = max(r.asOf, asOf) }

// take takes the leaders of a heat partition.
func (r *boardRanker) take(l *codec.Leaders) error {
	p := int(l.Partition)
	at := slices.IndexFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Name == r.definition.Name })
	if at < 0 {
		return nil // it turns, or the partition's owner does not know the board; what it sent before is still right
	}
	b := &l.Boards[at]
	if r.differs[p] = b.Hash != r.hash; r.differs[p] {
		r.latest[p] = [2]*slotLeaders{}
		return nil
	}
	pages, err := codec.DecodeBoardPages(b.Pages, r.board)
	if err != nil {
		return fmt.Errorf("board %s: %w", b.Name, err)
	}
	s := &slotLeaders{BoardLeaders: b, slot: r.board.Slot(b.AsOf), of: l, pages: pages}
	for i := range pages {
		if pages[i].Sum.At != s.slot {
			return fmt.Errorf("%w: board %s as of %s: page %q is as of slot %d and not %d", codec.ErrMalformed, b.Name, b.AsOf,
				pages[i].Page, pages[i].Sum.At, s.slot)
		}
	}
	known := &r.latest[p]
	switch {
	case known[0] == nil || known[0].slot == s.slot:
		known[0] = s
	case known[0].slot < s.slot:
		known[0], known[1] = s, known[0]
	case known[1] == nil || known[1].slot <= s.slot:
		known[1] = s // of a new owner, whose clock is behind that of the last one
	}
	r.changed = true
	return nil
}

// chosen are the leaders of all partitions as of the newest slot that all have reached, nil if there is
// none.
func (r *boardRanker) chosen() []*slotLeaders {
	if len(r.latest) == 0 {
		return nil
	}
	var slot boards.Slot
	for p, known := range r.latest {
		if known[0] == nil {
			return nil
		}
		if p == 0 || known[0].slot < slot {
			slot = known[0].slot
		}
	}
	chosen := make([]*slotLeaders, len(r.latest))
	for p, known := range r.latest {
		switch {
		case known[0].slot == slot:
			chosen[p] = known[0]
		case known[1] != nil && known[1].slot == slot:
			chosen[p] = known[1]
		default:
			return nil // its clock went over the slot: the others will reach a later one
		}
	}
	return chosen
}

// next returns the next board with its positions, nil if there is none: while partitions are not as of
// one slot, and where the board would say the same as the last unless one is owed.
func (r *boardRanker) next(now time.Time, again bool) (*codec.Board, codec.Positions) {
	r.owed = r.owed || again
	if !r.changed && !r.owed {
		return nil, nil
	}
	r.changed = false
	from := r.chosen()
	if from == nil {
		return nil, nil
	}
	asOf := from[0].AsOf
	for _, l := range from {
		asOf = min(asOf, l.AsOf)
	}
	if asOf < r.asOf {
		// Within a slot T changes nothing but how a trending board is shown; an earlier slot is over.
		if r.board.Slot(r.asOf) != from[0].slot {
			return nil, nil
		}
		asOf = r.asOf
	}
	next := r.describe(now, asOf)
	positions := make(codec.Positions, len(from))
	progress := make([]*codec.Leaders, len(from))
	for p, l := range from {
		next.Counted += l.of.Counted
		next.Late += l.Late
		positions[p] = codec.Position{Behavior: l.of.Behavior, Next: l.of.Next}
		progress[p] = l.of
	}
	next.Offsets, next.Since = offsetsOf(progress), sinceOf(from)
	next.Pages = r.pages(from, asOf, now)
	if !r.owed && r.newest != nil && same(r.newest, next) {
		return nil, nil
	}
	r.owed, r.newest, r.asOf = false, next, asOf
	return next, positions
}

// describe returns a board without what was counted.
func (r *boardRanker) describe(now time.Time, asOf boards.Minute) *codec.Board {
	b := &codec.Board{Board: r.definition.Name, UpdatedAt: now, Kind: r.definition.Kind.String(), AsOf: asOf.Time(),
		DefinitionHash: r.hash, Definition: r.text}
	if r.definition.Kind == boards.Calendar {
		b.Period = r.board.PeriodName(r.board.Slot(asOf))
	}
	return b
}

// sinceOf are, per input partition, the offsets from which on all of the partitions count.
func sinceOf(from []*slotLeaders) codec.Offsets {
	var since []int64
	for _, l := range from {
		for input, offset := range l.Since {
			for len(since) <= input {
				since = append(since, 0)
			}
			since[input] = max(since[input], offset)
		}
	}
	if since == nil {
		return nil
	}
	return codec.NewOffsets(since)
}

// pages merges the partitions' leaders.
func (r *boardRanker) pages(from []*slotLeaders, asOf boards.Minute, now time.Time) []codec.BoardPage {
	r.merged = r.merged[:0]
	for _, l := range from {
		for i := range l.pages {
			page := rankedSum{&l.pages[i], r.board.Score(&l.pages[i].Sum)}
			r.merged = place(r.merged, page, r.definition.Size, rankedSum.compare)
		}
	}
	pages := make([]codec.BoardPage, len(r.merged))
	for i := range pages {
		l := r.merged[i].leader
		shown := r.board.Show(&l.Sum, asOf)
		pages[i] = codec.BoardPage{Rank: i + 1, RankSince: now, Page: l.Page, Heat: codec.Decimal(shown.Heat), Clicks: codec.Decimal(shown.Clicks),
			Minutes: codec.Decimal(shown.Minutes), Likes: codec.Decimal(shown.Likes), Behaviours: shown.Behaviours}
		remember(r.newest, &pages[i])
	}
	return pages
}
