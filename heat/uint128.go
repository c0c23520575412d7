package heat

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Uint128 is an unsigned 128-bit whole number, Hi·2⁶⁴ + Lo. The zero value is 0.
// Values may be compared with ==.
type Uint128 struct{ Hi, Lo uint64 }

// Add returns u + v modulo 2¹²⁸. The totals of this package cannot reach that;
// see the package comment.
func (u Uint128) Add(v Uint128) Uint128 {
	lo, carry := bits.Add64(u.Lo, v.Lo, 0)
	hi, _ := bits.Add64(u.Hi, v.Hi, carry)
	return Uint128{Hi: hi, Lo: lo}
}

// AddUint64 returns u + v modulo 2¹²⁸.
func (u Uint128) AddUint64(v uint64) Uint128 {
	lo, carry := bits.Add64(u.Lo, v, 0)
	return Uint128{Hi: u.Hi + carry, Lo: lo}
}

// Sub returns u - v, and false if that is below zero.
func (u Uint128) Sub(v Uint128) (difference Uint128, ok bool) {
	lo, borrow := bits.Sub64(u.Lo, v.Lo, 0)
	hi, borrow := bits.Sub64(u.Hi, v.Hi, borrow)
	return Uint128{Hi: hi, Lo: lo}, borrow == 0
}

// Cmp returns -1, 0 or 1 as u is less than, equal to or greater than v.
func (u Uint128) Cmp(v Uint128) int {
	switch {
	case u == v:
		return 0
	case u.Hi < v.Hi || u.Hi == v.Hi && u.Lo < v.Lo:
		return -1
	default:
		return 1
	}
}

// IsZero reports whether u is 0.
func (u Uint128) IsZero() bool { return u.Hi|u.Lo == 0 }

// String returns u in decimal digits.
func (u Uint128) String() string { return string(u.Append(nil)) }

// Append appends what String returns to dst.
func (u Uint128) Append(dst []byte) []byte {
	if u.Hi == 0 {
		return strconv.AppendUint(dst, u.Lo, 10)
	}
	return appendDecimal(dst, u, 0)
}

// divide returns u / d and the remainder. d must not be 0.
func (u Uint128) divide(d uint64) (quotient Uint128, remainder uint64) {
	hi, r := u.Hi/d, u.Hi%d
	lo, r := bits.Div64(r, u.Lo, d)
	return Uint128{Hi: hi, Lo: lo}, r
}

// ParseDecimal returns a plain decimal, such as "250.61037345", in units of 10⁻ˢᶜᵃˡᵉ. The error says
// what is wrong: it has a sign, an exponent, more decimals, or does not fit 128 bits. scale is at
// most 30.
func ParseDecimal(text string, scale int) (Uint128, error) {
	whole, fraction, point := strings.Cut(text, ".")
	if whole == "" || point && fraction == "" || len(fraction) > scale {
		return Uint128{}, fmt.Errorf("%q is not a plain decimal with at most %d decimals", text, scale)
	}
	var u Uint128
	for _, digits := range []string{whole, fraction, strings.Repeat("0", scale-len(fraction))} {
		for _, c := range []byte(digits) {
			if c < '0' || c > '9' {
				return Uint128{}, fmt.Errorf("%q is not a plain decimal", text)
			}
			var ok bool
			if u, ok = u.timesTen(uint64(c - '0')); !ok {
				return Uint128{}, fmt.Errorf("%q is too large", text)
			}
		}
	}
	return u, nil
}

// timesTen returns 10·u + digit, and false if that does not fit.
func (u Uint128) timesTen(digit uint64) (product Uint128, ok bool) {
	carry, lo := bits.Mul64(u.Lo, 10)
	over, hi := bits.Mul64(u.Hi, 10)
	var c uint64
	lo, c = bits.Add64(lo, digit, 0)
	hi, c = bits.Add64(hi, carry, c)
	return Uint128{Hi: hi, Lo: lo}, over == 0 && c == 0
}

// maxDigits is the number of decimal digits of the largest Uint128 (3.4·10³⁸).
const maxDigits = 39

// appendDecimal appends u·10⁻ˢᶜᵃˡᵉ as a plain decimal: no exponent, no trailing
// zeros after the point, no point without digits after it. scale is at most 30.
func appendDecimal(dst []byte, u Uint128, scale int) []byte {
	var digits [maxDigits]byte
	first := maxDigits
	for !u.IsZero() || first > maxDigits-scale-1 {
		var digit uint64
		u, digit = u.divide(10)
		first--
		digits[first] = byte('0' + digit)
	}
	point, end := maxDigits-scale, maxDigits
	for end > point && digits[end-1] == '0' {
		end--
	}
	dst = append(dst, digits[first:point]...)
	if end > point {
		dst = append(dst, '.')
		dst = append(dst, digits[point:end]...)
	}
	return dst
}
