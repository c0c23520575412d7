package boards

import (
	"math"
	"slices"

	"pageheat/heat"
)

// Bound is not below the score of a page on a board, as of any slot from some slot on, whatever leaves the board
// meanwhile. It is much cheaper to keep up to date than a score, and most pages are so far from the hottest that
// nothing else need be known of them. It is in units of 10⁻¹⁵ as of the slot; the zero value is that of a page without
// behaviours.
//
// Each addition rounds up. A sum of behaviours adds its heat, or nothing if that is negative, since others may leave
// before it does: so the bound is at least the heat of whichever of the additions remain, and of each step cut to
// a maximum.
type Bound float32

// Reach says what behaviours at a place add to the bounds as of a slot.
type Reach struct{ clicks, minutes, likes float64 }

// A sum of three float64 products has an error below slack times the sum of their absolute values; roundUp is more
// than the rounding of a float32 takes away.
const (
	slack   = 1e-12
	roundUp = 1 + 1.0/(1<<22)
	// farthest is the greatest power of 2: beyond the greatest float32, and so that no float64 overflows.
	farthest = 500
)

// Bounded reports whether the board has bounds: a scorer of a program's own may be no sum.
func (b *Board) Bounded() bool { return b.weighs }

// Reach returns what behaviours at a place add to the bounds as of a slot.
func (b *Board) Reach(p Place, at Slot) Reach {
	if b.epoch > 0 {
		return b.reach(float64(p.rate), p.Slot-at)
	}
	return b.reach(1, 0)
}

// reach returns what sums times a rate add, that many epochs ahead.
func (b *Board) reach(rate float64, ahead Slot) Reach {
	if b.epoch > 0 {
		rate = math.Ldexp(rate, int(max(-farthest, min(ahead, farthest)))-rateBits)
	}
	clicks, minutes, like := b.weights.Units()
	return Reach{clicks: float64(clicks) * unitsPerMillionth * rate, minutes: float64(minutes) * rate, likes: float64(like) * unitsPerMillionth * rate}
}

// Add returns the bound after behaviours were added.
func (r *Reach) Add(to Bound, t *heat.Totals) Bound {
	return r.add(to, floatOf(t.Clicks), floatOf(t.Minutes), float64(t.Likes))
}

func (r *Reach) add(to Bound, clicks, minutes, likes float64) Bound {
	clicks, minutes, likes = r.clicks*clicks, r.minutes*minutes, r.likes*likes
	sum := clicks + minutes + likes + slack*(math.Abs(clicks)+math.Abs(minutes)+math.Abs(likes))
	if sum <= 0 {
		return to
	}
	return Bound((float64(to) + sum) * roundUp)
}

func floatOf(u heat.Uint128) float64 {
	if u.Hi == 0 {
		return float64(u.Lo)
	}
	return float64(u.Hi)*(1<<64) + float64(u.Lo)
}

// signedFloat is floatOf of a number in two's complement.
func signedFloat(u heat.Uint128) float64 { return float64(int64(u.Hi))*(1<<64) + float64(u.Lo) }

// Below returns a bound that is not above a score, as of a slot not before its own.
func (b *Board) Below(s Score, at Slot) Bound {
	if int64(s.words[3]) < 0 {
		return 0
	}
	var value float64
	for _, word := range slices.Backward(s.words[:]) {
		value = value*(1<<64) + float64(word)
	}
	if b.epoch > 0 {
		value = math.Ldexp(value, -int(min(at-s.epoch, farthest))-rateBits-halfLives+1)
	}
	return Bound(min(value/roundUp, math.MaxFloat32))
}
