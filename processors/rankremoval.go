package processors

import (
	"maps"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
)

const (
	// removalPause is the shortest time between two searches of the output for forgotten pages.
	removalPause = time.Second
	// removalRest is how many times as long as a search took it rests before the next one.
	removalRest = 9
	// removalAgain is the pause after a search that failed.
	removalAgain = 5 * time.Second
)

// removalStage decides when a [RankStage] has the output searched for pages that are forgotten. A search finds all
// that is to be done, so what happens during one needs one more at most.
type removalStage struct {
	wanted   bool
	underway bool
	began    time.Time
	at       time.Time        // the next one does not begin before
	taken    map[int32]uint64 // the number of requests that each heat partition has taken in, as far as it is known
}

// TakenIn takes from leaders how many requests to forget pages their heat partition has taken in. The first ones of a
// session are of before, too: an earlier owner may not have come to the end of them.
func (s *RankStage) TakenIn(partition int32, number uint64) {
	s.removal.wanted = s.removal.take(partition, number) || s.removal.wanted
}

// Removed takes what a search has found: the boards are published with the next ones. A search that failed is repeated.
func (s *RankStage) Removed(found Removed, err error, now time.Time) {
	r := &s.removal
	r.underway = false
	if err != nil {
		r.wanted, r.at = true, now.Add(removalAgain)
		return
	}
	r.wanted = r.wanted || found.More
	r.at = now.Add(max(removalPause, removalRest*now.Sub(r.began)))
	for partition, number := range found.Taken {
		r.take(partition, number)
	}
	if len(found.Boards) > 0 {
		s.removed, s.waiting = codec.AppendRemoved(nil, found.Boards), s.waiting+1
	}
}

// take reports whether the number is new.
func (r *removalStage) take(partition int32, number uint64) bool {
	if number <= r.taken[partition] {
		return false
	}
	if r.taken == nil {
		r.taken = map[int32]uint64{}
	}
	r.taken[partition] = number
	return true
}

// output takes a board that was published. A final one may be older than the requests that are known, and come after
// the search for them: heat partitions sent their leaders before, or a command counted it.
func (r *removalStage) output(b *Output) {
	if !b.Final {
		return
	}
	for partition, number := range r.taken {
		in, _ := b.Forgotten.Get(partition)
		r.wanted = r.wanted || b.Foreign != "" || number > uint64(in)
	}
	r.wanted = r.wanted || r.underway
}

// begins reports whether a search begins now.
func (r *removalStage) begins(now time.Time) bool {
	if !r.wanted || r.underway || now.Before(r.at) {
		return false
	}
	r.wanted, r.underway, r.began = false, true, now
	return true
}

// until is when the stage has to be asked again, if not before.
func (r *removalStage) until(other time.Time) time.Time {
	if r.wanted && !r.underway && (other.IsZero() || r.at.Before(other)) {
		return r.at
	}
	return other
}

// removedFrom is a board of the output without forgotten pages, to be published again.
type removedFrom struct {
	*codec.Board
	origin codec.Origin
}

// takeRemoved takes boards without the pages that were forgotten after they were published.
func (r *Ranker) takeRemoved(body []byte) error {
	all, err := codec.DecodeRemoved(body)
	if err != nil {
		return err
	}
	for _, one := range all {
		b, err := codec.DecodeBoard(one.Board)
		if err != nil {
			return err
		}
		origin, err := codec.DecodeOrigin(one.Positions)
		if err != nil {
			return err
		}
		r.removed[b.Board] = removedFrom{b, origin}
	}
	return nil
}

// publishRemoved encodes boards without the pages that were forgotten. It is told of their versions in the output: one
// that a command has counted since takes its place, and one that is no longer kept is deleted, not published again.
func (r *Ranker) publishRemoved(into *Ranked, now time.Time) error {
	if r.floor == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(r.removed)) {
		b := r.removed[key]
		delete(r.removed, key)
		switch {
		case b.Version < r.pastMade[key]:
			continue
		case r.expired(b.Board):
			into.Boards = append(into.Boards, Published{Name: key})
			continue
		}
		b.Version, b.UpdatedAt = r.version(), now
		for i := range b.Pages {
			if p := &b.Pages[i]; p.Rank != i+1 {
				p.PreviousRank, p.Rank, p.RankSince = p.Rank, i+1, now
			}
		}
		made := b.origin.Positions // whoever compares the board looks for the leaders with these
		if b.origin.Group != r.config.Group || len(made) == 0 {
			made = r.floor
		}
		if err := r.encode(into, b.Board, b.origin.Definition, made); err != nil {
			return err
		}
	}
	return nil
}

// expired reports whether the final board of a period is no longer kept.
func (r *Ranker) expired(b *codec.Board) bool {
	for _, on := range r.further {
		if !on.publishesPast(b) {
			continue
		}
		slot, _ := on.board.Period(b.Period)
		last := on.board.Begins(on.closed - 1)
		return on.board.Begins(slot) <= last-boards.Minute(on.definition.Keep/time.Minute)
	}
	return false
}
