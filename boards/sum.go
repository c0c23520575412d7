package boards

import (
	"math/big"
	"strings"

	"pageheat/heat"
)

// Sum is a page's sum on a board as of a slot, exactly. It is what leaders carry. Sums of the same
// page and slot can be compared with ==.
type Sum struct {
	// At is the slot that it is as of.
	At Slot
	// Behaviours is the number of behaviours in the sum.
	Behaviours uint64

	// On a trending board, the sums of behaviours times their rates in units of 2⁻¹⁰³: 40 digits of a
	// rate and 63 half-lives. On other boards, the sums of behaviours.
	clicks, minutes, likes wide
	capped                 heat.Score // the sum of steps, each at most MaxPerStep
}

// add adds a cell times 2ˢʰⁱᶠᵗ.
func (s *Sum) add(c *cell, shift uint) {
	s.clicks.add(widen(c.clicks).shifted(shift))
	s.minutes.add(widen(c.minutes).shifted(shift))
	s.likes.add(widenSigned(c.likes).shifted(shift))
	s.Behaviours += c.behaviours
}

// follow brings the sum of a page up to date after c was added to it.
func (s *Sum) follow(b *Board, c *cell, a *addition) {
	if !b.Counts(a.slot, s.At) {
		return
	}
	s.add(c, b.shift(s.At-a.slot))
	if b.capped {
		before := heat.Score{}
		if a.old.behaviours > 0 {
			before = b.cap(&a.old)
		}
		s.capped = s.capped.Add(b.cap(&a.sum)).Sub(before)
	}
}

// totals returns the sum as totals, on a board without rates.
func (s *Sum) totals() heat.Totals {
	return heat.Totals{Clicks: s.clicks.low(), Minutes: s.minutes.low(), Likes: int64(s.likes[0]), Behaviours: s.Behaviours}
}

// Score is a page's heat on a board, to compare. Only scores of one board may be compared. Those as of
// different slots of a trending board may be, too, as if all were as of the latest: the order of pages
// without new behaviours does not change when an epoch ends, so scores need not be calculated again.
// (Those of pages that lose behaviours 64 half-lives old need to, and [Holders] says which.) Values
// with the same slot may be compared with ==.
type Score struct {
	words words
	epoch Slot // of a trending board, 0 on others
}

// Cmp returns -1, 0 or 1 as s is less than, equal to or greater than o.
func (s Score) Cmp(o Score) int {
	switch {
	case s.epoch < o.epoch:
		s.words = s.words.shiftedDown(uint64(o.epoch - s.epoch))
	case s.epoch > o.epoch:
		o.words = o.words.shiftedDown(uint64(s.epoch - o.epoch))
	}
	return s.words.cmp(o.words)
}

// Before reports whether page a comes before page b on a board: the hotter page comes first, and of
// two equally hot pages the one with the smaller name, byte by byte.
func Before(a Score, aPage string, b Score, bPage string) bool {
	if c := a.Cmp(b); c != 0 {
		return c > 0
	}
	return aPage < bPage
}

// Score returns a page's place in the order of the board.
func (b *Board) Score(s *Sum) Score {
	if b.epoch > 0 {
		return Score{words: b.decayed(s), epoch: s.At}
	}
	return Score{words: wordsOf(b.plain(s))}
}

// decayed returns the weights times the sums of a trending board, in units of 10⁻¹⁵·2⁻¹⁰³.
func (b *Board) decayed(s *Sum) (sum words) {
	clicks, minutes, like := b.weights.Units()
	sum.addProduct(s.clicks, false, clicks*unitsPerMillionth)
	sum.addProduct(s.minutes, false, minutes)
	sum.addProduct(s.likes, true, like*unitsPerMillionth)
	return sum
}

// plain returns the heat on a board without rates.
func (b *Board) plain(s *Sum) heat.Score {
	if b.capped {
		return s.capped
	}
	return b.score(s.totals())
}

func wordsOf(s heat.Score) words {
	hi, lo := s.Words()
	sign := uint64(hi >> 63)
	return words{lo, uint64(hi), sign, sign}
}

// Qualifies reports whether a page with this sum has enough behaviours for the board.
func (b *Board) Qualifies(s *Sum) bool { return s.Behaviours >= b.definition.MinBehaviours }

// Shown is what a board publishes of a page's sum: plain decimals without trailing zeros. Heat and, on
// a trending board, clicks, minutes and likes are rounded half to even to 10 digits after the point.
type Shown struct {
	Heat, Clicks, Minutes, Likes string
	Behaviours                   uint64
}

// shownDecimals is the maximum number of decimals of what decays.
const shownDecimals = 10

// Show returns what is published of a sum as of a T in the slot of the sum. T matters on trending
// boards alone: all sums are multiplied by 2^(-(T mod m)/m), which is R[m - (T mod m)]·2⁻⁴¹, or 1 if
// T mod m is 0. So what is shown follows from whole numbers, too.
func (b *Board) Show(s *Sum, asOf Minute) Shown {
	if b.epoch == 0 {
		t := s.totals()
		return Shown{
			Heat: b.plain(s).String(), Clicks: t.ClicksDecimal(), Minutes: t.MinutesDecimal(), Likes: signedDecimal(s.likes),
			Behaviours: s.Behaviours,
		}
	}
	rate := uint64(2 << rateBits)
	if phase := asOf % b.epoch; phase > 0 {
		rate = b.rates[b.epoch-phase]
	}
	factor := new(big.Int).SetUint64(rate)
	show := func(sum *big.Int, scale int64) string { return decimal(sum.Mul(sum, factor), scale) }
	return Shown{
		Heat: show(b.decayed(s).int(), 15), Clicks: show(s.clicks.int(false), 0), Minutes: show(s.minutes.int(false), 9),
		Likes: show(s.likes.int(true), 0), Behaviours: s.Behaviours,
	}
}

// shownBits is how many binary digits are after the point of what is shown of a trending board: those
// of a rate, of 63 half-lives, and of the factor's 2⁴¹.
const shownBits = rateBits + halfLives - 1 + rateBits + 1

// decimal returns n·10⁻ˢᶜᵃˡᵉ·2⁻¹⁴⁴ rounded half to even to 10 decimals. It changes n.
func decimal(n *big.Int, scale int64) string {
	negative := n.Sign() < 0
	n.Abs(n).Mul(n, power10(shownDecimals))
	divisor := power10(scale)
	divisor.Lsh(divisor, shownBits)
	rest := new(big.Int)
	n.QuoRem(n, divisor, rest)
	if c := rest.Lsh(rest, 1).Cmp(divisor); c > 0 || c == 0 && n.Bit(0) == 1 {
		n.Add(n, big.NewInt(1))
	}
	digits := n.String()
	if missing := shownDecimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - shownDecimals
	text := strings.TrimRight(digits[:point]+"."+digits[point:], "0")
	text = strings.TrimSuffix(text, ".")
	if negative && n.Sign() != 0 { // what is rounded to nothing has no sign
		text = "-" + text
	}
	return text
}

func power10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// signedDecimal returns a whole number in decimal digits.
func signedDecimal(w wide) string { return w.int(true).String() }
