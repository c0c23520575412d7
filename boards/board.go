package boards

import (
	"errors"
	"time"

	"pageheat/heat"
)

// Slot is where a board keeps behaviours: a step of a window, an epoch of a half-life, a period of a
// calendar. Later slots are greater, and consecutive ones follow each other, except in periods that a
// clock skips. Slots of different boards have nothing to do with each other.
type Slot int64

// Place is where a board keeps the behaviours of one minute.
type Place struct {
	// Slot is the slot of the minute.
	Slot Slot
	// key is what a state's cell is found by: the slot, and the step of a calendar board within it.
	key uint64
	// rate is what the sums are multiplied by.
	rate uint64
}

// Board is a definition made ready for counting. It does not change, and may be used by several
// goroutines.
//
// How to use it: once for each minute of a range, [Board.Place] and [Board.Late]; for each page,
// [State.Add]; when T advances, [Holders] says which pages have a different sum, and [State.Drop]
// takes away what is no longer needed; [Board.Sum] is a page's sum as of a slot, [Board.Score] its
// place in the order, and [Board.Show] what is published.
type Board struct {
	Chooser
	definition Definition
	step       Minute // of a window, 0 for other boards
	slots      Slot   // how many slots count at once
	epoch      Minute // the half-life, 0 for other boards
	rates      []uint64
	capped     bool
	limit      heat.Score // for one step, if capped
	steps      Minute     // of a capped calendar board
	weights    heat.Weights
	weighs     bool // the scorer is weights
}

// halfLives is how many half-lives a behaviour counts.
const halfLives = 64

// A cell of a capped calendar board has the period in its upper bits and the step in the lower ones:
// stepBits fit MaxSteps and the hour that a clock may show twice.
const (
	stepBits = 11
	lastStep = 1<<stepBits - 1
)

// ErrAllTime is returned by [New] for a board of all time.
var ErrAllTime = errors.New("a board of all time is counted in heat.Totals")

// New returns the board of a definition, after [Definition.Complete] and [Definition.Validate]. It
// is [ErrAllTime] for a board of all time.
func New(d Definition) (*Board, error) {
	d = d.Complete()
	if err := d.Validate(); err != nil {
		return nil, err
	}
	chooser, err := NewChooser(d)
	if err != nil {
		return nil, err
	}
	b := &Board{Chooser: chooser, definition: d}
	b.weights, b.weighs = d.Scorer.(heat.Weights)
	switch d.Kind {
	case AllTime:
		return nil, ErrAllTime
	case Window:
		b.step, b.slots = Minute(d.Step/time.Minute), Slot(d.Window/d.Step)
	case Trending:
		b.epoch, b.slots = Minute(d.HalfLife/time.Minute), halfLives
		b.rates = rates(int(b.epoch))
	case Calendar:
		b.slots = 1
	}
	if b.capped = d.MaxPerStep != ""; b.capped {
		if b.limit, err = parseHeat(d.MaxPerStep); err != nil {
			return nil, err
		}
		if d.Kind == Calendar {
			b.steps = Minute(d.Step / time.Minute)
		}
	}
	return b, nil
}

// Definition returns the complete definition. Its slices must not be changed.
func (b *Board) Definition() Definition { return b.definition }

// AsOf returns the board's T when the clock shows now: cut to the step of a window, and to the
// minute on other boards.
func (b *Board) AsOf(now time.Time) Minute {
	m := MinuteOf(now)
	if b.step > 0 {
		m -= m % b.step
	}
	return m
}

// After returns the first T of the board after a minute.
func (b *Board) After(m Minute) Minute {
	if b.step > 0 {
		return m - m%b.step + b.step
	}
	return m + 1
}

// Place returns where the behaviours of a minute are kept. A calendar board looks into its time zone:
// ask once for all pages with behaviours of that minute.
func (b *Board) Place(m Minute) Place {
	switch b.definition.Kind {
	case Window:
		// The step that ends with T has the minutes in (T - step, T].
		s := (m + b.step - 1) / b.step
		return Place{Slot: Slot(s), key: uint64(s), rate: 1}
	case Trending:
		return Place{Slot: Slot(m / b.epoch), key: uint64(m / b.epoch), rate: b.rates[m%b.epoch]}
	default:
		s := b.calendar.slot(m)
		key := uint64(s)
		if b.steps > 0 {
			first, _ := b.calendar.bounds(s)
			key = key<<stepBits | uint64(min((m-first)/b.steps, lastStep))
		}
		return Place{Slot: s, key: key, rate: 1}
	}
}

// Slot returns the slot of T: the last step that a window has, the epoch, the period that T is in.
func (b *Board) Slot(asOf Minute) Slot {
	switch b.definition.Kind {
	case Window:
		return Slot(asOf / b.step)
	case Trending:
		return Slot(asOf / b.epoch)
	default:
		return b.calendar.slot(asOf)
	}
}

// First returns the first slot that takes behaviours as of T: the first step that a window has, the
// first of 64 epochs, the oldest period that is not closed. It never decreases as T grows. Behaviours
// of earlier slots are late: they must not be added.
func (b *Board) First(asOf Minute) Slot {
	if b.calendar != nil {
		return b.calendar.firstOpen(asOf)
	}
	return max(0, b.Slot(asOf)-b.slots+1)
}

// Late reports whether behaviours of a slot come too late as of T.
func (b *Board) Late(s Slot, asOf Minute) bool { return s < b.First(asOf) }

// Counts reports whether behaviours of a slot are part of the sum as of the slot at.
func (b *Board) Counts(s, at Slot) bool { return s <= at && s > at-b.slots }

// Begins returns a minute before which no minute has its place in a slot, nor in a later one: the first
// minute of a step, an epoch, a period.
func (b *Board) Begins(s Slot) Minute {
	switch b.definition.Kind {
	case Window:
		return max(0, (Minute(s)-1)*b.step+1)
	case Trending:
		return Minute(s) * b.epoch
	default:
		first, _ := b.calendar.bounds(s)
		return first
	}
}

// Closes returns the T of the final board of a period of a calendar board: its end and the grace.
// As of that minute, and later, the period is closed.
func (b *Board) Closes(period Slot) Minute { return b.calendar.closes(period) }

// PeriodName returns the name of a period of a calendar board, such as "2026-01-02".
func (b *Board) PeriodName(period Slot) string { return b.calendar.name(period) }

// Period returns the period of a calendar board with a name, and whether there is one.
func (b *Board) Period(name string) (Slot, bool) { return b.calendar.named(name) }

// slotOf returns the slot of a cell.
func (b *Board) slotOf(key uint64) Slot {
	if b.steps > 0 {
		key >>= stepBits
	}
	return Slot(key)
}

// shift returns what an epoch's sums are multiplied by, as a power of 2, when they are as many epochs
// old: so that halves of 63 epochs before remain whole numbers. It is 0 on other boards.
func (b *Board) shift(age Slot) uint {
	if b.epoch == 0 {
		return 0
	}
	return uint(halfLives - 1 - age)
}

// score returns the score of totals by the board's scorer.
func (b *Board) score(t heat.Totals) heat.Score {
	if b.weighs {
		return b.weights.Score(&t) // here t does not escape
	}
	return scoreBy(b.definition.Scorer, t)
}

func scoreBy(by heat.Scorer, t heat.Totals) heat.Score { return by.Score(&t) }

// cap returns the heat of one step, at most the limit.
func (b *Board) cap(c *cell) heat.Score {
	score := b.score(c.totals())
	if b.limit.Less(score) {
		return b.limit
	}
	return score
}
