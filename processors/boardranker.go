package processors

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
)

// boardRanker merges the leaders of all heat partitions into one further board, and into those of its
// groups. It merges those that are as of the same slot alone: it keeps the newest two slots of each
// partition, and has a board of a slot when all partitions have reached it. Between two slots nothing
// waits. It belongs to the goroutine of its [Ranker].
type boardRanker struct {
	board      *boards.Board
	definition boards.Definition
	hash       string
	text       jsontext.Value   // the definition, for readers
	chosenBy   codec.Definition // the same, for the header

	latest, grouped slots
	differs         []bool                         // per heat partition, whether its last leaders have another definition, or no such board
	newest          map[string]*codec.Board        // by key
	asOf            boards.Minute                  // T of the newest board that was published by any owner
	floor           codec.Positions                // what it was made from, or another published one if that is higher
	finals          map[boards.Slot][]*slotLeaders // of closed periods, by heat partition
	closed          boards.Slot                    // final boards of all periods before are published
	said            boards.Slot                    // closed, as the header of the newest board has it
	out             boards.Slot                    // closed, as headers of boards in the output have it
	told            []int32                        // differing
	toldDue         boards.Minute                  // when the next board is due
	least           offsetFloor                    // of the first board after the output was handed over
	changed         bool
	owed            bool
	merged          []rankedSum
	groups          *boards.Groups
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
	return &boardRanker{board: b, definition: d, hash: d.Hash(), text: boardsettings.Object(d), chosenBy: codec.DefineBoard(d),
		newest: map[string]*codec.Board{}, finals: map[boards.Slot][]*slotLeaders{}, groups: boards.NewGroups(d.MaxGroups)}
}

// begin starts an epoch with a number of heat partitions. Leaders from before the positions are dropped.
func (r *boardRanker) begin(partitions int, floor codec.Positions) {
	if len(r.latest) != partitions {
		r.latest, r.grouped = make(slots, partitions), make(slots, partitions)
		r.differs = make([]bool, partitions)
		clear(r.finals)
	}
	r.closed, r.said = r.out, r.out // what this ranker has made since may never have gone out
	r.latest.drop(floor)
	r.grouped.drop(floor)
	r.changed, r.owed = true, true
}

// has reports whether a key is the board's, or that of one of its groups.
func (r *boardRanker) has(key string) bool { return isOf(key, r.definition.Name) }

// isOf reports whether a key of the output is that of a board, or of a part of it.
func isOf(key, board string) bool {
	rest, ok := strings.CutPrefix(key, board)
	return ok && (rest == "" || rest[0] == '/')
}

// seen takes a board of the output and the positions that it was made from. What is published after it must
// not be as of an earlier T, nor made from older leaders.
func (r *boardRanker) seen(b *codec.Board, made codec.Positions) {
	if newest := r.newest[b.Board]; newest == nil || b.Version > newest.Version {
		r.newest[b.Board] = b
	}
	r.notBefore(boards.MinuteOf(b.AsOf))
	r.floor = raised(r.floor, made)
}

// notBefore says that a board as of T was published.
func (r *boardRanker) notBefore(asOf boards.Minute) { r.asOf = max(r.asOf, asOf) }

// published takes what the header of any board says of this one.
func (r *boardRanker) published(b codec.OriginBoard) {
	r.notBefore(b.AsOf)
	if r.definition.Kind == boards.Calendar && b.Closed > 0 {
		r.out = max(r.out, r.board.Slot(b.Closed))
		r.closed, r.said = max(r.closed, r.out), max(r.said, r.out)
	}
}

// origin is what headers say of the board.
func (r *boardRanker) origin() codec.OriginBoard {
	b := codec.OriginBoard{Name: r.definition.Name, AsOf: r.asOf}
	if r.said > 0 {
		b.Closed = r.board.Begins(r.said)
	}
	return b
}

// take takes the leaders of a heat partition. During a turn it has none of the board; what it sent before
// is still right.
func (r *boardRanker) take(l *codec.Leaders) error {
	r.dropForgotten(l.Partition, l.Forget.Taken)
	known := false
	for i := range l.Boards {
		b := &l.Boards[i]
		if b.Name != r.definition.Name || b.Hash != r.hash {
			continue
		}
		known = true
		if b.Turning {
			continue
		}
		if err := r.takeBoard(l, b); err != nil {
			return fmt.Errorf("board %s: %w", b.Name, err)
		}
	}
	if r.differs[l.Partition] = !known; !known {
		r.latest[l.Partition], r.grouped[l.Partition] = [2]*slotLeaders{}, [2]*slotLeaders{}
	}
	return nil
}

// dropForgotten drops what was taken from leaders of a heat partition with less than a number of requests to forget
// pages in. Final leaders come again within a minute.
func (r *boardRanker) dropForgotten(partition int32, taken uint64) {
	r.latest.dropForgotten(partition, taken)
	r.grouped.dropForgotten(partition, taken)
	for _, from := range r.finals {
		if l := from[partition]; l != nil && l.of.Forget.Taken < taken {
			from[partition] = nil
		}
	}
}

// differing are the heat partitions that do not count the board as it is defined here. While there are
// some, it stays as it is.
func (r *boardRanker) differing() (partitions []int32) {
	for p, differs := range r.differs {
		if differs {
			partitions = append(partitions, int32(p))
		}
	}
	return partitions
}

func (r *boardRanker) takeBoard(l *codec.Leaders, b *codec.BoardLeaders) error {
	into := r.latest
	if b.Grouped {
		into = r.grouped
	}
	pages, err := codec.DecodeBoardPages(b.Pages, r.board)
	if err != nil {
		return err
	}
	s := &slotLeaders{BoardLeaders: b, slot: r.board.Slot(b.AsOf), of: l, pages: pages}
	for i := range pages {
		if pages[i].Sum.At != s.slot {
			return fmt.Errorf("%w: as of %s: page %q is as of slot %d and not %d", codec.ErrMalformed, b.AsOf, pages[i].Page, pages[i].Sum.At, s.slot)
		}
	}
	if b.Final {
		r.takeFinal(s)
		return nil
	}
	into.put(l.Partition, s)
	r.changed = true
	return nil
}

// takeFinal takes the leaders of a closed period.
func (r *boardRanker) takeFinal(s *slotLeaders) {
	if s.slot < r.closed {
		return
	}
	if r.finals[s.slot] == nil {
		r.finals[s.slot] = make([]*slotLeaders, len(r.latest))
	}
	r.finals[s.slot][s.of.Partition] = s
	r.changed = true
}

// addFinals adds the final boards of the periods that all heat partitions have closed, oldest first: of all that
// they hold, which come with several leaders. Of a period without any behaviour there is none, nor of one that a
// heat partition has given up: later ones do not wait for it. For each period, the board of the one that is no longer kept
// is deleted.
func (r *boardRanker) addFinals(to []made, now time.Time) []made {
	for _, period := range slices.Sorted(maps.Keys(r.finals)) {
		from := r.finals[period]
		if period < r.closed {
			delete(r.finals, period) // by another owner
			continue
		}
		if period > max(r.closed, r.held()) {
			break // an earlier one has not come
		}
		waits, lost := r.missing(from, period)
		if lost {
			delete(r.finals, period)
			continue
		}
		if waits {
			break
		}
		delete(r.finals, period)
		r.closed = period + 1
		if expired := r.board.Begins(period) - boards.Minute(r.definition.Keep/time.Minute); expired > 0 {
			to = append(to, made{deleted: r.definition.Name + "/" + r.board.PeriodName(r.board.Slot(expired))})
		}
		if !slices.ContainsFunc(from, func(l *slotLeaders) bool { return len(l.pages) > 0 }) {
			continue
		}
		name, asOf := r.board.PeriodName(period), r.board.Closes(period)
		b := r.make(from, r.definition.Name+"/"+name, true, asOf, now, r.all(from))
		b.Period, b.Final, b.closed = name, true, r.closed
		to = append(to, b)
	}
	return to
}

// held is the oldest period that all heat partitions hold. They send the final boards of all that they hold, with pages
// or without.
func (r *boardRanker) held() (oldest boards.Slot) {
	for p := range r.latest {
		if newest := r.latest[p][0]; newest != nil {
			oldest = max(oldest, r.board.Held(newest.AsOf))
		}
	}
	return oldest
}

// missing reports whether leaders of a closed period are missing that may still come, and whether some will
// never come: of a heat partition that does not hold the period any more.
func (r *boardRanker) missing(from []*slotLeaders, period boards.Slot) (waits, lost bool) {
	for p, l := range from {
		if l == nil {
			waits = true
			newest := r.latest[p][0]
			lost = lost || newest != nil && period < r.board.Held(newest.AsOf)
		}
	}
	return waits, lost
}

// made is a board to be published with its positions, or the key of one to be deleted.
type made struct {
	*codec.Board
	positions codec.Positions
	closed    boards.Slot // of a final board, as of which all periods before have theirs
	deleted   string
}

// says is called before a board goes out: its header says of which periods final boards are out with it. An owner that
// crashes may have sent the first ones only.
func (r *boardRanker) says(b *made) { r.said = cmp.Or(b.closed, r.closed) }

// next returns the next boards, which have no version yet: none while partitions are not as of one slot,
// and none that would say the same as the last unless it is owed.
func (r *boardRanker) next(now time.Time, again bool) []made {
	r.owed = r.owed || again
	if !r.changed && !r.owed {
		return nil
	}
	r.changed = false
	boards := r.addFinals(nil, now)
	r.latest.drop(r.floor)
	r.grouped.drop(r.floor)
	from := r.latest.chosen()
	if from == nil {
		return boards
	}
	asOf, ok := r.common(from)
	if !ok {
		return boards
	}
	all := r.make(from, r.definition.Name, true, asOf, now, r.all(from))
	if !r.least.reached(all.Offsets) {
		return boards
	}
	boards = r.add(boards, all)
	boards = r.addGroups(boards, now)
	r.owed, r.asOf, r.floor, r.least = false, asOf, all.positions, nil
	return boards
}

// common returns the T of a board that is made of leaders; not ok if it would go back.
func (r *boardRanker) common(from []*slotLeaders) (asOf boards.Minute, ok bool) {
	asOf = from[0].AsOf
	for _, l := range from {
		asOf = min(asOf, l.AsOf)
	}
	if asOf >= r.asOf {
		return asOf, true
	}
	// Within a slot T changes nothing but how a trending board is shown; an earlier slot is over. A board of
	// this name with shorter steps may have been as of a T that is none of this one's.
	return r.asOf, r.board.Slot(r.asOf) == from[0].slot && r.board.AsOf(r.asOf.Time()) == r.asOf
}

// add adds a board unless it says the same as the last.
func (r *boardRanker) add(to []made, m made) []made {
	newest := r.newest[m.Board.Board]
	if !r.owed && newest != nil && same(newest, m.Board) {
		return to
	}
	r.newest[m.Board.Board] = m.Board
	return append(to, m)
}

// addGroups adds the boards of groups. A group that is on none any more has an empty one, which says nothing that
// changes.
func (r *boardRanker) addGroups(to []made, now time.Time) []made {
	from := r.grouped.chosen()
	if from == nil {
		return to
	}
	asOf, ok := r.common(from)
	if !ok {
		return to
	}
	byGroup := map[string][]*codec.BoardLeader{}
	r.groups.Reset()
	for page := range r.all(from) {
		if group, ok := r.board.Group(page.Page); ok {
			r.groups.Note(group)
			byGroup[group] = append(byGroup[group], page)
		}
	}
	for _, group := range r.groups.Names() {
		to = r.addGroup(to, from, group, asOf, now, byGroup[group])
	}
	for _, key := range slices.Sorted(maps.Keys(r.newest)) {
		newest := r.newest[key]
		empty := len(newest.Pages) == 0 && newest.DefinitionHash == r.hash
		if group := newest.Group; group != "" && !r.groups.Has(group) && (r.owed || !empty) {
			to = r.addGroup(to, from, group, asOf, now, nil)
		}
	}
	return to
}

func (r *boardRanker) addGroup(to []made, from []*slotLeaders, group string, asOf boards.Minute, now time.Time, pages []*codec.BoardLeader) []made {
	b := r.make(from, r.definition.Name+"/"+group, false, asOf, now, slices.Values(pages))
	b.Group = group
	return r.add(to, b)
}

// all yields the pages of all partitions.
func (r *boardRanker) all(from []*slotLeaders) iter.Seq[*codec.BoardLeader] {
	return func(yield func(*codec.BoardLeader) bool) {
		for _, l := range from {
			for i := range l.pages {
				if !yield(&l.pages[i]) {
					return
				}
			}
		}
	}
}

// labelled fills in what the pages of a board are called.
func labelled(pages []codec.BoardPage, from []*slotLeaders) {
	for _, l := range from {
		if len(l.of.Labels) == 0 {
			continue
		}
		for i := range pages {
			if _, known := l.of.Labels[pages[i].Page]; known {
				label(&pages[i], l.of.Labels)
			}
		}
	}
}

// make returns a board with a key, of leaders and of those of their pages that it is to have, which are
// those of all groups or of one.
func (r *boardRanker) make(from []*slotLeaders, key string, allGroups bool, asOf boards.Minute, now time.Time, pages iter.Seq[*codec.BoardLeader]) made {
	b := &codec.Board{Board: key, UpdatedAt: now, Kind: r.definition.Kind.String(), AsOf: asOf.Time(),
		DefinitionHash: r.hash, Definition: r.text}
	if r.definition.Kind == boards.Calendar {
		b.Period = r.board.PeriodName(r.board.Slot(asOf))
	}
	positions := make(codec.Positions, len(from))
	progress := make([]*codec.Leaders, len(from))
	for p, l := range from {
		of, late := l.counted()
		b.Counted += of.Counted
		b.Late += late
		positions[p] = positionOf(l.of)
		progress[p] = of
	}
	b.Offsets, b.Since, b.Forgotten = offsetsOf(progress), sinceOf(from), forgottenIn(positions)
	b.Pages = r.rank(key, pages, allGroups && r.definition.MaxPerGroup > 0, asOf, now)
	labelled(b.Pages, from)
	return made{Board: b, positions: positions}
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

// rank merges the partitions' leaders. A board of all groups may have a maximum for each.
func (r *boardRanker) rank(key string, pages iter.Seq[*codec.BoardLeader], capped bool, asOf boards.Minute, now time.Time) []codec.BoardPage {
	r.merged = r.merged[:0]
	for l := range pages {
		page := rankedSum{l, r.board.Score(&l.Sum)}
		if capped {
			r.merged = append(r.merged, page)
		} else {
			r.merged = place(r.merged, page, r.definition.Size, rankedSum.compare)
		}
	}
	if capped {
		r.cap()
	}
	ranked := make([]codec.BoardPage, len(r.merged))
	for i := range ranked {
		l := r.merged[i].leader
		shown := r.board.Show(&l.Sum, asOf)
		ranked[i] = codec.BoardPage{Rank: i + 1, RankSince: now, Page: l.Page, Heat: codec.Decimal(shown.Heat), Clicks: codec.Decimal(shown.Clicks),
			Minutes: codec.Decimal(shown.Minutes), Likes: codec.Decimal(shown.Likes), Behaviours: shown.Behaviours}
		remember(r.newest[key], &ranked[i])
	}
	return ranked
}

// cap keeps the first merged pages of which no group has too many; boards.PerGroup proves that the
// partitions' own are enough.
func (r *boardRanker) cap() {
	slices.SortFunc(r.merged, rankedSum.compare)
	choice, kept := boards.NewPerGroup(r.definition.MaxPerGroup), 0
	for _, page := range r.merged {
		if group, ok := r.board.Group(page.leader.Page); choice.Take(group, ok) {
			r.merged[kept] = page
			kept++
		}
	}
	r.merged = r.merged[:min(kept, r.definition.Size)]
}
