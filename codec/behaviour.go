package codec

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"pageheat/heat"
)

const (
	// MaxMessageBytes is the longest message that is read as a behaviour.
	MaxMessageBytes = 64 << 10
	// MaxPageBytes is the longest name of a page, in bytes of UTF-8.
	MaxPageBytes = 1024
)

// ParseBehaviour reads one behaviour: the text page|clicks|minutes|like, such as
// "page37|5|1.5119122|-1", or, where the first byte is '{', the same as one JSON
// object. What begins with '{' and is no JSON, but a valid text, is one: there are
// sites with pages such as "{D79E94C5-9D1A}", and no JSON object is a valid text.
// It returns a nil refusal for a valid one. The behaviour's page aliases
// msg where it can; msg is not kept. Valid text costs no allocation.
//
// The rules, which hold for text and JSON alike:
//
//   - ASCII spaces and tabs around a field, and one CR, LF or CR LF at the end of
//     the message, are ignored.
//   - page is 1 to 1024 bytes of UTF-8 without control characters (category Cc,
//     U+0080 to U+009F among them) and without '|'.
//   - Numbers are decimal, with optional sign, point and exponent, and are taken
//     exactly, whatever their length.
//   - clicks and like must be whole numbers; a fraction of zero is none (5.0,
//     50e-1), any other fraction makes them no number (5.5). Only then is the
//     range checked. -0 is 0.
//   - minutes must not be below zero, by however little; they are then rounded
//     half to even to 9 decimals, and the rounded value must be within the limit.
//
// In JSON a member's name is matched exactly, of a member given twice the last
// counts, members of other names are ignored (but must be JSON), a null is of the
// wrong type, an escape that is half of a surrogate pair is a syntax error. like
// may be missing; a missing page, clicks or minutes is refused as empty or as no
// number.
//
// Checks are made in a fixed order, and the first that fails is the refusal:
// [CodeEmpty], [CodeTooLarge], [CodeNotUTF8], then the form ([CodeFieldCount]; or
// [CodeJSONSyntax], [CodeJSONType]), then page (empty, too long, characters),
// clicks, minutes and like (number, range). A message above the size limit is too
// large whatever is in it.
func ParseBehaviour(msg []byte, l heat.Limits) (heat.Behaviour, *Refusal) {
	if len(msg) > MaxMessageBytes {
		return heat.Behaviour{}, refuse(CodeTooLarge, "The message has %d bytes, the most is %d.", len(msg), MaxMessageBytes)
	}
	line := trimLineEnd(msg)
	if len(line) > 0 && line[0] != '{' {
		if b, ok := parsePlainText(line, l); ok {
			return b, nil
		}
	}
	return parseAny(line, l)
}

// parseAny reads a behaviour of any form, from a message without its line ending.
func parseAny(line []byte, l heat.Limits) (heat.Behaviour, *Refusal) {
	if len(trimBlanks(line)) == 0 {
		return heat.Behaviour{}, refuse(CodeEmpty, "The message is empty.")
	}
	if !utf8.Valid(line) {
		return heat.Behaviour{}, refuse(CodeNotUTF8, "The message is not UTF-8: %s.", excerpt(line))
	}
	if line[0] != '{' {
		return parseText(line, l)
	}
	b, refusal := parseJSON(line, l)
	if refusal != nil && refusal.Code == CodeJSONSyntax {
		if text, none := parseText(line, l); none == nil {
			return text, nil
		}
	}
	return b, refusal
}

// trimLineEnd takes one trailing CR, LF or CR LF off.
func trimLineEnd(msg []byte) []byte {
	if n := len(msg); n > 0 && msg[n-1] == '\n' {
		msg = msg[:n-1]
		if n > 1 && msg[n-2] == '\r' {
			msg = msg[:n-2]
		}
	} else if n > 0 && msg[n-1] == '\r' {
		msg = msg[:n-1]
	}
	return msg
}

// trimBlanks takes ASCII spaces and tabs off both ends.
func trimBlanks(field []byte) []byte {
	for len(field) > 0 && (field[0] == ' ' || field[0] == '\t') {
		field = field[1:]
	}
	for n := len(field); n > 0 && (field[n-1] == ' ' || field[n-1] == '\t'); n-- {
		field = field[:n-1]
	}
	return field
}

// checkPage returns why a trimmed, valid UTF-8 name is no page's, or nil.
func checkPage(page []byte) *Refusal {
	switch {
	case len(page) == 0:
		return refuse(CodePageEmpty, "The page has no name.")
	case len(page) > MaxPageBytes:
		return refuse(CodePageTooLong, "The page's name has %d bytes, the most is %d: %s.", len(page), MaxPageBytes, excerpt(page))
	case bytes.IndexByte(page, '|') >= 0:
		return refuse(CodePageCharacters, "The page's name contains '|', which no name may: %s.", excerpt(page))
	}
	for i, c := range page {
		// In UTF-8, U+0080 to U+009F are 0xC2 0x80 to 0xC2 0x9F.
		if c < ' ' || c == 0x7F || c == 0xC2 && page[i+1] < 0xA0 {
			return refuse(CodePageCharacters, "The page's name contains a control character at byte %d: %s.", i, excerpt(page))
		}
	}
	return nil
}

func parseClicks(field []byte, l heat.Limits) (uint32, *Refusal) {
	n, ok := parseNumber(field)
	if !ok || !n.isWhole() {
		return 0, refuse(CodeClicksNotANumber, "clicks is not a whole number: %s.", excerpt(field))
	}
	clicks, ok := n.scaled(0)
	if !ok || clicks > uint64(l.MaxClicks) || n.negative && clicks > 0 {
		return 0, refuse(CodeClicksOutOfRange, "clicks must be from 0 to %d: %s.", l.MaxClicks, excerpt(field))
	}
	return uint32(clicks), nil
}

func parseMinutes(field []byte, l heat.Limits) (heat.Minutes, *Refusal) {
	n, ok := parseNumber(field)
	if !ok {
		return 0, refuse(CodeMinutesNotANumber, "minutes is not a decimal number: %s.", excerpt(field))
	}
	minutes, ok := n.scaled(minutesScale)
	if !ok || minutes > uint64(heat.WholeMinutes(l.MaxMinutes)) || n.negative && !n.isZero() {
		return 0, refuse(CodeMinutesOutOfRange, "minutes must be from 0 to %d: %s.", l.MaxMinutes, excerpt(field))
	}
	return heat.Minutes(minutes), nil
}

func parseLike(field []byte) (int8, *Refusal) {
	n, ok := parseNumber(field)
	if !ok || !n.isWhole() {
		return 0, refuse(CodeLikeNotANumber, "like is not a whole number: %s.", excerpt(field))
	}
	like, ok := n.scaled(0)
	if !ok || like > 1 {
		return 0, refuse(CodeLikeOutOfRange, "like must be -1, 0 or 1: %s.", excerpt(field))
	}
	if n.negative {
		return -int8(like), nil
	}
	return int8(like), nil
}

// AppendBehaviour appends a valid behaviour as canonical text: no blanks, no line
// ending, plain decimals. [ParseBehaviour] reads it back the same.
func AppendBehaviour(dst []byte, b heat.Behaviour) []byte {
	dst = append(dst, b.Page...)
	dst = append(dst, '|')
	dst = strconv.AppendUint(dst, uint64(b.Clicks), 10)
	dst = append(dst, '|')
	dst = b.Minutes.Append(dst)
	dst = append(dst, '|')
	return strconv.AppendInt(dst, int64(b.Like), 10)
}
