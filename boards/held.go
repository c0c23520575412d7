package boards

import "time"

// How long a closed period is held: as long as the ranking of all pages may be away without a final board
// being missed.
const (
	holdHours = Minute(24 * time.Hour / time.Minute)
	holdOther = 7 * holdHours
)

// Held returns the first slot that is kept as of T. On a calendar board that is the oldest period that was
// closed less than a day ago if it is an hour, and a week ago if it is longer: from its sums the final board
// is made. On other boards it is [Board.First]. It never decreases as T grows.
func (b *Board) Held(asOf Minute) Slot {
	if b.calendar == nil {
		return b.First(asOf)
	}
	hold := holdOther
	if b.definition.Period == Hour {
		hold = holdHours
	}
	return b.calendar.firstOpen(max(0, asOf-hold))
}

// Reach returns the longest time that a behaviour counts on a board of the definition, which must be complete: a
// window, 64 half-lives, or the longest period with its grace. It is 0 for a board of all time, on which it counts for
// ever.
func (d *Definition) Reach() time.Duration {
	switch d.Kind {
	case Window:
		return d.Window
	case Trending:
		return halfLives * d.HalfLife
	case Calendar:
		return time.Duration(d.Period.minutes())*time.Minute + d.Grace
	default:
		return 0
	}
}
