package boards

import (
	"math/big"
	"math/bits"
	"slices"

	"pageheat/heat"
)

// wide is a whole number of 192 bits, the lowest word first. Clicks and minutes are unsigned, likes
// are in two's complement; the package comment shows that they fit.
type wide [3]uint64

// widen returns u as a wide number.
func widen(u heat.Uint128) wide { return wide{u.Lo, u.Hi} }

// widenSigned returns u, which is in two's complement, as a wide number in two's complement.
func widenSigned(u heat.Uint128) wide { return wide{u.Lo, u.Hi, uint64(int64(u.Hi) >> 63)} }

// add adds v modulo 2¹⁹².
func (w *wide) add(v wide) {
	var carry uint64
	w[0], carry = bits.Add64(w[0], v[0], 0)
	w[1], carry = bits.Add64(w[1], v[1], carry)
	w[2], _ = bits.Add64(w[2], v[2], carry)
}

// shifted returns w·2ⁿ modulo 2¹⁹², with n below 64.
func (w wide) shifted(n uint) wide {
	// A shift by 64 gives 0.
	return wide{w[0] << n, w[1]<<n | w[0]>>(64-n), w[2]<<n | w[1]>>(64-n)}
}

// negated returns -w modulo 2¹⁹².
func (w wide) negated() wide {
	negative := wide{^w[0], ^w[1], ^w[2]}
	negative.add(wide{1})
	return negative
}

// low returns the lower 128 bits.
func (w wide) low() heat.Uint128 { return heat.Uint128{Hi: w[1], Lo: w[0]} }

// negative reports whether w is below 0 if it is in two's complement.
func (w wide) negative() bool { return int64(w[2]) < 0 }

// int returns w as a big number.
func (w wide) int(signed bool) *big.Int { return bigOf(w[:], signed && w.negative()) }

// words is a whole number of 256 bits in two's complement, the lowest word first.
type words [4]uint64

// addProduct adds w·v modulo 2²⁵⁶; w is in two's complement if signed.
func (s *words) addProduct(w wide, signed bool, v int64) {
	var top uint64 // of w
	if signed && w.negative() {
		top = ^uint64(0)
	}
	var product words
	var carry uint64
	for i, word := range [...]uint64{w[0], w[1], w[2], top} {
		hi, lo := bits.Mul64(word, uint64(v))
		var c uint64
		product[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	if v < 0 { // as a machine word it is 2⁶⁴ + v
		var borrow uint64
		product[1], borrow = bits.Sub64(product[1], w[0], 0)
		product[2], borrow = bits.Sub64(product[2], w[1], borrow)
		product[3], _ = bits.Sub64(product[3], w[2], borrow)
	}
	carry = 0
	for i := range s {
		s[i], carry = bits.Add64(s[i], product[i], carry)
	}
}

// shiftedUp returns s·2ⁿ modulo 2²⁵⁶, with n below 64.
func (s words) shiftedUp(n uint) words {
	return words{s[0] << n, s[1]<<n | s[0]>>(64-n), s[2]<<n | s[1]>>(64-n), s[3]<<n | s[2]>>(64-n)}
}

// shiftedDown returns ⌊s·2⁻ⁿ⌋.
func (s words) shiftedDown(n uint64) words {
	sign := uint64(int64(s[3]) >> 63)
	for ; n >= 64 && s != (words{sign, sign, sign, sign}); n -= 64 {
		s = words{s[1], s[2], s[3], sign}
	}
	n &= 63
	return words{s[0]>>n | s[1]<<(64-n), s[1]>>n | s[2]<<(64-n), s[2]>>n | s[3]<<(64-n), uint64(int64(s[3]) >> n)}
}

// cmp returns -1, 0 or 1 as s is less than, equal to or greater than o.
func (s words) cmp(o words) int {
	const sign = 1 << 63
	s[3], o[3] = s[3]^sign, o[3]^sign
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] < o[i]:
			return -1
		case s[i] > o[i]:
			return 1
		}
	}
	return 0
}

// int returns s as a big number.
func (s words) int() *big.Int { return bigOf(s[:], int64(s[3]) < 0) }

// bigOf returns the number of these words, lowest first, in two's complement if it is negative.
func bigOf(number []uint64, negative bool) *big.Int {
	value, word := new(big.Int), new(big.Int)
	for _, one := range slices.Backward(number) {
		value.Lsh(value, 64).Or(value, word.SetUint64(one))
	}
	if negative {
		value.Sub(value, word.Lsh(big.NewInt(1), uint(64*len(number))))
	}
	return value
}

// timesUint64 returns u·v modulo 2¹²⁸, where u may be in two's complement.
func timesUint64(u heat.Uint128, v uint64) heat.Uint128 {
	hi, lo := bits.Mul64(u.Lo, v)
	return heat.Uint128{Hi: hi + u.Hi*v, Lo: lo}
}

// signed128 returns v in two's complement.
func signed128(v int64) heat.Uint128 { return heat.Uint128{Hi: uint64(v >> 63), Lo: uint64(v)} }
