package events

import (
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"pageheat/codec"
)

// Follower compares each board with the one before. It belongs to one goroutine.
//
// Its state is a [codec.Trail] for each board. Events follow from the trail and the board alone, so a
// follower that has the trails of another goes on as that one would have.
type Follower struct {
	rules   Rules
	trails  map[string]*codec.Trail
	changed map[string]struct{}
}

// NewFollower returns a follower that has seen no board.
func NewFollower(rules Rules) *Follower {
	return &Follower{rules: rules, trails: map[string]*codec.Trail{}, changed: map[string]struct{}{}}
}

// Restore takes the trail of a board, as [Follower.Changes] gave it to an earlier follower; nil if the
// trail was deleted.
func (f *Follower) Restore(board string, trail *codec.Trail) {
	if trail == nil {
		delete(f.trails, board)
		return
	}
	f.trails[board] = trail
}

// Forget drops all trails: the boards begin anew.
func (f *Follower) Forget() {
	for board := range f.trails {
		f.delete(board)
	}
}

// basisOf identifies what a board is made of: its definition and its period. made is the definition in
// the header of the board: the board of all behaviours has no hash of its own.
func basisOf(b *codec.Board, made codec.Definition) string {
	basis := b.DefinitionHash
	if basis == "" {
		basis = hex.EncodeToString(made.Order[:]) + " " + strconv.Itoa(made.Top)
	}
	if b.Period != "" {
		basis += " " + b.Period
	}
	return basis
}

// take takes the next board of the output and returns what happened, in the order of the board: first
// pages that left, then the others by rank. Nothing happened
//
//   - on a board that is not newer than the one before: somebody who owned the ranking once was late;
//   - on the first board of a name, of another definition or of another period: its pages did not enter
//     now;
//   - on the final board of a period, which follows no other. It is only published again without forgotten pages.
func (f *Follower) take(b *codec.Board, basis string) []codec.Event {
	before := f.trails[b.Board]
	if b.Final || before != nil && b.Version <= before.Version {
		return nil
	}
	trail := &codec.Trail{Version: b.Version, At: b.UpdatedAt.UnixMilli(), Basis: basis, Pages: make([]codec.TrailPage, len(b.Pages))}
	for i := range b.Pages {
		trail.Pages[i].Page = b.Pages[i].Page
	}
	f.trails[b.Board] = trail
	f.changed[b.Board] = struct{}{}
	if before == nil || before.Basis != basis {
		return nil
	}
	trail.At = max(trail.At, before.At) // the clocks of two owners differ
	return f.compare(before, trail, b)
}

// compare returns what happened between two boards of one basis, and completes the trail of the second.
func (f *Follower) compare(before, trail *codec.Trail, b *codec.Board) []codec.Event {
	was := make(map[string]int, len(before.Pages))
	for i := range before.Pages {
		was[before.Pages[i].Page] = i + 1
	}
	var happened []codec.Event
	add := func(e codec.Event) *codec.Event {
		if !f.rules.has(e.Kind) {
			return &codec.Event{}
		}
		e.Board, e.Version, e.PreviousVersion, e.At = b.Board, b.Version, before.Version, b.UpdatedAt
		happened = append(happened, e)
		return &happened[len(happened)-1]
	}
	is := make(map[string]bool, len(b.Pages))
	for i := range b.Pages {
		is[b.Pages[i].Page] = true
	}
	for i := range before.Pages {
		if page := before.Pages[i].Page; !is[page] {
			add(codec.Event{Kind: codec.Left, Page: page, PreviousRank: i + 1})
		}
	}
	for i := range b.Pages {
		p, rank := &b.Pages[i], i+1
		previous := was[p.Page]
		of := func(kind codec.EventKind) codec.Event {
			return codec.Event{Kind: kind, Page: p.Page, Rank: rank, PreviousRank: previous,
				Title: p.Title, URL: p.URL,
				Heat: p.Heat, Clicks: p.Clicks, Minutes: p.Minutes, Likes: p.Likes, Behaviours: p.Behaviours}
		}
		if previous == 0 {
			add(of(codec.Entered))
		}
		if rank == 1 && previous != 1 {
			e := add(of(codec.TookRank1))
			if len(before.Pages) > 0 {
				e.PreviousLeader = before.Pages[0].Page
			}
		}
		if previous == 0 || !f.rules.has(codec.Rose) {
			continue
		}
		at, old := &trail.Pages[i], &before.Pages[previous-1]
		at.Rose, at.Held = old.Rose, moved(old.Held, previous, rank, trail.At, f.rules.within.Milliseconds())
		if from, rose := f.rules.rise(at, previous, rank, trail.At); rose {
			at.Rose = trail.At
			e := add(of(codec.Rose))
			e.Places, e.FromRank, e.Since = from.Rank-rank, from.Rank, timeOf(from.Until)
		}
	}
	return happened
}

// delete takes the end of a board. Its pages did not leave; a later board of the name is the first.
func (f *Follower) delete(board string) {
	if f.trails[board] != nil {
		delete(f.trails, board)
		f.changed[board] = struct{}{}
	}
}

// Change is the trail of a board that has changed; nil if it was deleted.
type Change struct {
	Board string
	Trail *codec.Trail
}

// Changes returns what has changed since they were asked for last, by the names of the boards.
func (f *Follower) Changes() []Change {
	var all []Change
	for _, board := range slices.Sorted(maps.Keys(f.changed)) {
		all = append(all, Change{board, f.trails[board]})
	}
	clear(f.changed)
	return all
}
