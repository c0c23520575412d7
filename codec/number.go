package codec

// number is a decimal number as it was written, so that it can be taken exactly:
// 0.d₁d₂d₃... · 10^order, where d₁ is the first digit that is not 0. Its digits
// stay where they are, in the message.
type number struct {
	negative bool
	// digits run from d₁ to the end of the mantissa; a '.' among them is skipped.
	digits []byte
	// significant is how many digits there are up to the last that is not 0.
	// The number is 0 if there are none.
	significant int
	// order is as above. It is clamped to a range far beyond all limits.
	order int
}

// maxExponent is where written exponents are clamped. No limit comes near it, and
// order, with a message's length added, is far from overflowing.
const maxExponent = 1 << 30

// parseNumber reads an optional sign, digits with an optional point (at least one
// digit), and an optional exponent. Nothing else is a number: no blanks, no
// hexadecimal, no '_', no NaN, no infinity.
func parseNumber(text []byte) (n number, ok bool) {
	i := 0
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		n.negative = text[i] == '-'
		i++
	}
	first, end := -1, i // where d₁ is; where the mantissa ends
	seen, pointSeen, count := false, false, 0
mantissa:
	for ; end < len(text); end++ {
		switch c := text[end]; {
		case c == '.' && !pointSeen:
			pointSeen = true
		case c == '0' && first < 0:
			seen = true
			if pointSeen {
				n.order--
			}
		case c >= '0' && c <= '9':
			seen = true
			if first < 0 {
				first = end
			}
			count++
			if c != '0' {
				n.significant = count
			}
			if !pointSeen {
				n.order++
			}
		default:
			break mantissa
		}
	}
	if !seen {
		return number{}, false
	}
	if first >= 0 {
		n.digits = text[first:end]
	}
	if end == len(text) {
		return n, true
	}
	exponent, ok := parseExponent(text[end:])
	n.order += exponent
	return n, ok
}

// parseExponent reads 'e' or 'E', an optional sign and at least one digit.
func parseExponent(text []byte) (exponent int, ok bool) {
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text = text[1:]
	negative := false
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		negative = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		exponent = min(exponent*10+int(c-'0'), maxExponent)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

func (n number) isZero() bool { return n.significant == 0 }

// isWhole reports whether n has no fraction.
func (n number) isWhole() bool { return n.isZero() || n.significant <= n.order }

// tooManyDigits is where scaled gives up: 10¹⁸ still fits 64 bits.
const tooManyDigits = 18

// scaled returns |n|·10^scale, rounded half to even, and false if that is 10¹⁸
// or more.
func (n number) scaled(scale int) (value uint64, ok bool) {
	if n.isZero() {
		return 0, true
	}
	whole := n.order + scale // how many digits are before the point
	if whole > tooManyDigits {
		return 0, false
	}
	if whole < 0 {
		return 0, true // below 0.1
	}
	position := 0
	for _, c := range n.digits {
		if c == '.' {
			continue
		}
		if position == whole {
			// c is the first digit that is cut off.
			beyondHalf := c > '5' || c == '5' && n.significant > whole+1
			if beyondHalf || c == '5' && value&1 == 1 {
				value++
			}
			return value, true
		}
		value = value*10 + uint64(c-'0')
		position++
	}
	for ; position < whole; position++ {
		value *= 10
	}
	return value, true
}
