package heat

import (
	"math/bits"
)

// heatDecimals is the maximum number of decimals of a displayed heat.
const heatDecimals = 10

// Score is a heat as a signed 128-bit whole number in units of 10⁻⁽⁹⁺ᵏ⁾, where k
// is the number of decimals of the [Weights] that it was made with. Only scores
// made with the same weights may be compared. The package comment shows that it
// cannot overflow. Values may be compared with ==.
type Score struct {
	hi int64
	lo uint64
}

// scoreOf returns the score of v units.
func scoreOf(v int64) Score { return Score{hi: v >> 63, lo: uint64(v)} }

// Cmp returns -1, 0 or 1 as s is less than, equal to or greater than o.
func (s Score) Cmp(o Score) int {
	switch {
	case s == o:
		return 0
	case s.Less(o):
		return -1
	default:
		return 1
	}
}

// Less reports whether s is less than o.
func (s Score) Less(o Score) bool {
	return s.hi < o.hi || s.hi == o.hi && s.lo < o.lo
}

// Score returns the heat of t: exactly the weights times the sums.
func (w Weights) Score(t *Totals) Score {
	// The sum is taken modulo 2¹²⁸. A negative weight is -w = 2⁶⁴ - |w| as a
	// machine word, and its product is corrected by 2⁶⁴ times the other factor.
	hi, lo := timesSigned(t.Clicks, w.clicks*unitsPerMinute)
	minutesHi, minutesLo := timesSigned(t.Minutes, w.minutes)
	likesHi, likesLo := timesSigned(Uint128{Hi: uint64(t.Likes >> 63), Lo: uint64(t.Likes)}, w.like*unitsPerMinute)
	lo, carry := bits.Add64(lo, minutesLo, 0)
	hi, _ = bits.Add64(hi, minutesHi, carry)
	lo, carry = bits.Add64(lo, likesLo, 0)
	hi, _ = bits.Add64(hi, likesHi, carry)
	return Score{hi: int64(hi), lo: lo}
}

// timesSigned returns u·v modulo 2¹²⁸; u may itself be a negative number in two's
// complement.
func timesSigned(u Uint128, v int64) (hi, lo uint64) {
	hi, lo = bits.Mul64(u.Lo, uint64(v))
	// v>>63 is all ones for a negative v: its upper half in two's complement.
	hi += u.Hi*uint64(v) + u.Lo*uint64(v>>63)
	return hi, lo
}

// Heat returns the heat of t as a plain decimal without trailing zeros, rounded half to even to
// 10 digits after the point. With weights of one decimal, like the default ones, it is exact.
func (w Weights) Heat(t *Totals) string {
	return w.Score(t).decimal(minutesScale + int(w.decimals))
}

// Parts returns the parts of a heat: the weight times the sum of clicks, of minutes and of
// likes, each formatted as by [Weights.Heat].
func (w Weights) Parts(t *Totals) (clicks, minutes, likes string) {
	return w.Heat(&Totals{Clicks: t.Clicks}), w.Heat(&Totals{Minutes: t.Minutes}), w.Heat(&Totals{Likes: t.Likes})
}

// decimal returns s·10⁻ˢᶜᵃˡᵉ rounded half to even to heatDecimals digits.
func (s Score) decimal(scale int) string {
	magnitude := Uint128{Hi: uint64(s.hi), Lo: s.lo}
	if s.hi < 0 {
		magnitude, _ = Uint128{}.Sub(magnitude)
	}
	if excess := scale - heatDecimals; excess > 0 {
		divisor := powersOfTen[excess]
		quotient, remainder := magnitude.divide(divisor)
		if half := divisor / 2; remainder > half || remainder == half && quotient.Lo&1 == 1 {
			quotient = quotient.AddUint64(1)
		}
		magnitude, scale = quotient, heatDecimals
	}
	var dst []byte
	if s.hi < 0 && !magnitude.IsZero() { // a heat rounded to nothing has no sign
		dst = append(dst, '-')
	}
	return string(appendDecimal(dst, magnitude, scale))
}

// Before reports whether page a comes before page b on a board: the hotter page comes first,
// and of two equally hot pages the one with the smaller name, byte by byte. Names differ, so
// this is a total order.
func Before(a Score, aPage string, b Score, bPage string) bool {
	if a != b {
		return b.Less(a)
	}
	return aPage < bPage
}
