package events

import (
	"time"

	"pageheat/codec"
)

// moved returns the lower places that a page held within the time before at, given those of the board
// before, its place there, and its place now. A place that is higher than a later one never counts
// again: a rise from the later one is larger and ends no later. So the places rise from the first to
// the last, all of them lie below that of the page, and there are fewer than places on the board.
func moved(held []codec.HeldRank, was, is int, at, within int64) []codec.HeldRank {
	var kept []codec.HeldRank
	for _, h := range held {
		if h.Until >= at-within && h.Rank > is {
			kept = append(kept, h)
		}
	}
	if was > is {
		kept = append(kept, codec.HeldRank{Rank: was, Until: at})
	}
	return kept
}

// rise returns the lowest place from which a page has risen far enough, if there is one. A rise is an
// event of the board on which the page moved, and of none within the time after that.
func (r *Rules) rise(p *codec.TrailPage, was, is int, at int64) (from codec.HeldRank, ok bool) {
	if was <= is || len(p.Held) == 0 || p.Rose > 0 && at-p.Rose <= r.within.Milliseconds() {
		return codec.HeldRank{}, false
	}
	from = p.Held[0]
	return from, from.Rank-is >= r.places
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
