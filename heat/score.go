package heat

import (
	"cmp"
	"math/bits"
)

// Scorer says how hot a page is. [Weights] are pageheat's own; a program that uses its packages
// may have another one.
//
// Any function of the totals keeps what pageheat promises: totals are exact, so equal input gives
// equal scores, and the hottest pages of all are among the hottest of their own partition. Nothing
// else goes into a score, so a change of it needs no reprocessing.
type Scorer interface {
	// Score returns the score of a page with totals t. It depends on t alone, and neither
	// keeps nor changes it. It is called for each page of each range, by several goroutines at
	// a time.
	Score(t *Totals) Score
	// String describes the scorer, and identifies it: leaders chosen by different texts are
	// never merged. So it must change whenever a page's score may change.
	String() string
}

// heatDecimals is the maximum number of decimals of a displayed heat.
const heatDecimals = 10

// Score is a heat as a signed 128-bit whole number in units of 10⁻¹⁵. Only scores of the same
// [Scorer] may be compared. Values may be compared with ==.
type Score struct {
	hi int64
	lo uint64
}

// NewScore returns the score of hi·2⁶⁴ + lo units of 10⁻¹⁵.
func NewScore(hi int64, lo uint64) Score { return Score{hi: hi, lo: lo} }

// Words returns what [NewScore] was given.
func (s Score) Words() (hi int64, lo uint64) { return s.hi, s.lo }

// Add returns s + o modulo 2¹²⁸. The sum of the scores of parts of a page's totals cannot reach
// that: the package comment bounds the sum of their absolute values.
func (s Score) Add(o Score) Score {
	lo, carry := bits.Add64(s.lo, o.lo, 0)
	hi, _ := bits.Add64(uint64(s.hi), uint64(o.hi), carry)
	return Score{hi: int64(hi), lo: lo}
}

// Sub returns s - o modulo 2¹²⁸; see [Score.Add].
func (s Score) Sub(o Score) Score {
	lo, borrow := bits.Sub64(s.lo, o.lo, 0)
	hi, _ := bits.Sub64(uint64(s.hi), uint64(o.hi), borrow)
	return Score{hi: int64(hi), lo: lo}
}

// Cmp returns -1, 0 or 1 as s is less than, equal to or greater than o.
func (s Score) Cmp(o Score) int {
	if s.hi != o.hi {
		return cmp.Compare(s.hi, o.hi)
	}
	return cmp.Compare(s.lo, o.lo)
}

// Less reports whether s is less than o.
func (s Score) Less(o Score) bool {
	return s.hi < o.hi || s.hi == o.hi && s.lo < o.lo
}

// String returns the score as a plain decimal without trailing zeros, rounded half to even to 10
// digits after the point.
func (s Score) String() string {
	const unit = 100_000 // of what is shown, in units of a score
	magnitude := Uint128{Hi: uint64(s.hi), Lo: s.lo}
	if s.hi < 0 {
		magnitude, _ = Uint128{}.Sub(magnitude)
	}
	shown, rest := magnitude.divide(unit)
	if half := uint64(unit / 2); rest > half || rest == half && shown.Lo&1 == 1 {
		shown = shown.AddUint64(1)
	}
	var dst []byte
	if s.hi < 0 && !shown.IsZero() { // a heat rounded to nothing has no sign
		dst = append(dst, '-')
	}
	return string(appendDecimal(dst, shown, heatDecimals))
}

// Score returns the heat of t: exactly the weights times the sums. The package comment shows that
// it cannot overflow.
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
func (w Weights) Heat(t *Totals) string { return w.Score(t).String() }

// Parts returns the parts of a heat: the weight times the sum of clicks, of minutes and of
// likes, each formatted as by [Weights.Heat].
func (w Weights) Parts(t *Totals) (clicks, minutes, likes string) {
	return w.Heat(&Totals{Clicks: t.Clicks}), w.Heat(&Totals{Minutes: t.Minutes}), w.Heat(&Totals{Likes: t.Likes})
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
