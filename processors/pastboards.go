package processors

import (
	"fmt"
	"strings"
	"time"

	"pageheat/codec"
)

// takePast takes the final board of a past period that a command has counted from the input. It reports whether it
// will be published: the board must be defined as here, and the period must be one of which this ranking publishes
// no board any more.
func (r *Ranker) takePast(value []byte) (bool, error) {
	b, err := codec.DecodeBoard(value)
	if err != nil {
		return false, fmt.Errorf("the board of a past period: %w", err)
	}
	for _, on := range r.further {
		if on.publishesPast(b) {
			r.past = append(r.past, pastBoard{b, on})
			return true, nil
		}
	}
	return false, nil
}

// pastBoard is the board of a past period to be published.
type pastBoard struct {
	*codec.Board
	of *boardRanker
}

// publishesPast reports whether a board is a final one of this board that no heat partition will send.
func (r *boardRanker) publishesPast(b *codec.Board) bool {
	name, period, _ := strings.Cut(b.Board, "/")
	if name != r.definition.Name || b.DefinitionHash != r.hash || !b.Final || b.Period != period {
		return false
	}
	slot, known := r.board.Period(period)
	return known && slot < r.closed
}

// publishPast encodes the boards of past periods, once others were published: they are made of nothing newer.
func (r *Ranker) publishPast(into *Ranked, now time.Time) error {
	if r.floor == nil {
		return nil
	}
	past := r.past
	r.past = nil
	for _, b := range past {
		b.Version, b.UpdatedAt = r.version(), now
		r.pastMade[b.Board.Board] = b.Version
		for i := range b.Pages {
			b.Pages[i].PreviousRank, b.Pages[i].RankSince = 0, now
		}
		if err := r.encode(into, b.Board, b.of.chosenBy, r.floor); err != nil {
			return err
		}
	}
	return nil
}
