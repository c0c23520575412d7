package codec

import (
	"bytes"
	"encoding/binary"
	"slices"

	"pageheat/heat"
)

// minutesScale is how many decimals of a minute are kept; see [heat.Minutes].
const minutesScale = 9

// parseText reads page|clicks|minutes|like from valid UTF-8 without line ending.
func parseText(line []byte, l heat.Limits) (b heat.Behaviour, refusal *Refusal) {
	const separators = 3
	if n := bytes.Count(line, []byte{'|'}); n != separators {
		return heat.Behaviour{}, refuse(CodeFieldCount,
			"The message has %d fields, a behaviour has 4 (page|clicks|minutes|like): %s.", n+1, excerpt(line))
	}
	page, rest, _ := bytes.Cut(line, []byte{'|'})
	clicks, rest, _ := bytes.Cut(rest, []byte{'|'})
	minutes, like, _ := bytes.Cut(rest, []byte{'|'})
	return parseFields(trimBlanks(page), trimBlanks(clicks), trimBlanks(minutes), trimBlanks(like), l)
}

// parseFields reads the trimmed fields of a behaviour, in their order.
func parseFields(page, clicks, minutes, like []byte, l heat.Limits) (b heat.Behaviour, refusal *Refusal) {
	if refusal = checkPage(page); refusal != nil {
		return heat.Behaviour{}, refusal
	}
	b.Page = slices.Clip(page) // so that appending to it spares the message
	if b.Clicks, refusal = parseClicks(clicks, l); refusal != nil {
		return heat.Behaviour{}, refusal
	}
	if b.Minutes, refusal = parseMinutes(minutes, l); refusal != nil {
		return heat.Behaviour{}, refusal
	}
	if b.Like, refusal = parseLike(like); refusal != nil {
		return heat.Behaviour{}, refusal
	}
	return b, nil
}

// parsePlainText reads the usual form of a valid text quickly: an ASCII page, no
// blanks around fields, short plain numbers within the limits. It reports false
// for all else, which parseAny then judges; what it accepts, parseAny reads the
// same.
func parsePlainText(line []byte, l heat.Limits) (b heat.Behaviour, ok bool) {
	i := bytes.IndexByte(line, '|')
	if i < 1 || i > MaxPageBytes || line[0] == ' ' || line[i-1] == ' ' || !isPrintableASCII(line[:i]) {
		return heat.Behaviour{}, false
	}
	b.Page = line[:i:i]

	clicks, digits := leadingDigits(line[i+1:])
	if i += 1 + digits; digits == 0 || clicks > uint64(l.MaxClicks) || i >= len(line) || line[i] != '|' {
		return heat.Behaviour{}, false
	}
	b.Clicks = uint32(clicks)

	minutes, digits := leadingDigits(line[i+1:])
	if i += 1 + digits; digits == 0 || i >= len(line) {
		return heat.Behaviour{}, false
	}
	minutes *= powersOfTen[minutesScale]
	if line[i] == '.' {
		fraction, digits := leadingDigits(line[i+1:])
		if digits == 0 {
			return heat.Behaviour{}, false
		}
		minutes += fraction * powersOfTen[minutesScale-digits]
		i += 1 + digits
	}
	if minutes > uint64(heat.WholeMinutes(l.MaxMinutes)) || i >= len(line) || line[i] != '|' {
		return heat.Behaviour{}, false
	}
	b.Minutes = heat.Minutes(minutes)

	like := line[i+1:]
	switch {
	case len(like) == 1 && like[0]-'0' <= 1:
		b.Like = int8(like[0] - '0')
	case len(like) == 2 && like[0] == '-' && like[1] == '1':
		b.Like = -1
	default:
		return heat.Behaviour{}, false
	}
	return b, true
}

// leadingDigits reads the decimal digits that s begins with. It reports none where
// there are more than nine.
func leadingDigits(s []byte) (value uint64, digits int) {
	for ; digits < len(s); digits++ {
		d := s[digits] - '0'
		if d > 9 {
			break
		}
		if digits == 9 {
			return 0, 0
		}
		value = value*10 + uint64(d)
	}
	return value, digits
}

// isPrintableASCII reports whether all bytes are from 0x20 to 0x7E. It may look
// like too much care, but page names are most of the bytes of a message.
func isPrintableASCII(s []byte) bool {
	const each = 0x0101010101010101
	for len(s) >= 8 {
		// The top bit of a byte is set in x for 0x80 and above, in x-0x20 below
		// 0x20, in x+1 for 0x7F. A borrow or carry into the next byte comes only
		// from a byte that is already found.
		x := binary.LittleEndian.Uint64(s)
		if (x|(x-0x20*each)|(x+each))&(0x80*each) != 0 {
			return false
		}
		s = s[8:]
	}
	for _, c := range s {
		if c-' ' > '~'-' ' {
			return false
		}
	}
	return true
}

// isASCIIPage reports whether a name is a page's and of ASCII alone.
func isASCIIPage[N string | []byte](name N) bool {
	const each, bar = 0x0101010101010101, '|'
	if len(name) < 8 {
		for i := range len(name) {
			if c := name[i]; c-' ' > '~'-' ' || c == bar {
				return false
			}
		}
		return len(name) > 0
	}
	if len(name) > MaxPageBytes {
		return false
	}
	for i := 0; ; i += 8 {
		i = min(i, len(name)-8) // the last ones are looked at twice
		// As in isPrintableASCII; y has a byte of 0 where x has a bar, and a borrow
		// comes only from a byte that is already found.
		x := eightBytes(name, i)
		y := x ^ bar*each
		if (x|(x-0x20*each)|(x+each)|(y-each)&^y)&(0x80*each) != 0 {
			return false
		}
		if i == len(name)-8 {
			return true
		}
	}
}

// eightBytes are those from an index on, the first one lowest.
func eightBytes[N string | []byte](s N, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// powersOfTen holds 10⁰ to 10⁹ (only read).
var powersOfTen = [minutesScale + 1]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}
