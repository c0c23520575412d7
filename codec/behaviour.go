package codec

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/heat"
)

const (
	// MaxTextBytes is the longest message that is read as text, in bytes.
	MaxTextBytes = 64 << 10
	// MaxJSONBytes is the longest message that is read as JSON, in bytes: an object
	// may have members besides those of a behaviour. Every longer message is refused.
	MaxJSONBytes = 1 << 20
	// MaxPageBytes is the longest name of a page, in bytes of UTF-8.
	MaxPageBytes = 1024
)

// ByteOrderMark is U+FEFF in UTF-8. Editors and .NET begin a file or message with
// it; it is no part of what follows.
const ByteOrderMark = "\ufeff"

// ParseBehaviour reads one behaviour: the text page|clicks|minutes|like, such as
// "page37|5|1.5119122|-1", or, where the first character after white space is '{',
// the same as one JSON object. A message that begins with '{' and is not JSON but valid text
// is text: there are sites with pages such as "{D79E94C5-9D1A}", and no JSON object is a valid text.
// It returns a nil refusal for a valid one. The behaviour's page aliases
// msg where it can; msg is not kept. Valid text costs no allocation.
//
// The rules, which hold for text and JSON alike:
//
//   - A UTF-8 byte order mark at the start is ignored.
//   - ASCII spaces and tabs around a field, and one CR, LF or CR LF at the end of
//     the message, are ignored. So is JSON's white space around an object.
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
// counts, members of other names are ignored (but must be JSON), an escape that is
// half of a surrogate pair is a syntax error. Of clicks, minutes and like one that
// is missing or null is 0; an object with none of them is no behaviour. A missing
// page is refused as empty.
//
// Checks are made in a fixed order, and the first that fails is the refusal:
// [CodeEmpty], [CodeTooLarge], [CodeNotUTF8], then the form ([CodeFieldCount]; or
// [CodeJSONSyntax], [CodeJSONType], [CodeFieldCount]), then page (empty, too long,
// characters), clicks, minutes and like (number, range). A message above the size
// limit is too large whatever is in it: [MaxJSONBytes] where it begins like a JSON
// object, [MaxTextBytes] otherwise.
func ParseBehaviour(msg []byte, l heat.Limits) (heat.Behaviour, *Refusal) {
	return ParseLabelled(msg, l, nil)
}

// ParseLabelled is [ParseBehaviour], and puts what the message calls the page into label, which may be nil. Only
// a valid behaviour in JSON has a label: its members title and url, if they are strings that [NewLabel] can use.
// Of all others label stays as it is.
func ParseLabelled(msg []byte, l heat.Limits, label *Label) (heat.Behaviour, *Refusal) {
	if len(msg) <= MaxTextBytes {
		line := trimLineEnd(msg)
		if len(line) > 0 && line[0] != '{' {
			if b, ok := parsePlainText(line, l); ok {
				return b, nil
			}
		}
	}
	return parseAny(msg, l, label)
}

// parseAny reads a behaviour of any form.
func parseAny(msg []byte, l heat.Limits, label *Label) (heat.Behaviour, *Refusal) {
	msg = bytes.TrimPrefix(msg, []byte(ByteOrderMark))
	object, isObject := beginsObject(msg)
	if most := MaxBytes(msg); int64(len(msg)) > most {
		return heat.Behaviour{}, TooLarge(int64(len(msg)), most)
	}
	line := trimLineEnd(msg)
	if len(trimBlanks(line)) == 0 {
		return heat.Behaviour{}, refuse(CodeEmpty, "The message is empty.")
	}
	if !utf8.Valid(line) {
		return heat.Behaviour{}, refuse(CodeNotUTF8, "The message is not UTF-8: %s.", excerpt(line))
	}
	if !isObject {
		return parseText(line, l)
	}
	b, refusal := parseJSON(object, l, label)
	if refusal != nil && refusal.Code == CodeJSONSyntax && len(msg) <= MaxTextBytes {
		if text, none := parseText(line, l); none == nil {
			return text, nil
		}
	}
	return b, refusal
}

// beginsObject reports whether a message without byte order mark begins like a JSON
// object, and where.
func beginsObject(msg []byte) (object []byte, yes bool) {
	object = bytes.TrimLeft(msg, " \t\r\n")
	return object, len(object) > 0 && object[0] == '{'
}

// MaxBytes is the maximum size, in bytes, of a message that begins like this.
func MaxBytes(msg []byte) int64 {
	if _, yes := beginsObject(bytes.TrimPrefix(msg, []byte(ByteOrderMark))); yes {
		return MaxJSONBytes
	}
	return MaxTextBytes
}

// TooLarge is the refusal of a message of size bytes, which is above limit.
func TooLarge(size, limit int64) *Refusal {
	return refuse(CodeTooLarge, "The message has %d bytes, the most is %d.", size, limit)
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
	switch fault := pageFault(page); {
	case fault.code == "":
		return nil
	case fault.code == CodePageEmpty:
		return refuse(fault.code, "The page has no name.")
	case fault.code == CodePageTooLong:
		return refuse(fault.code, "The page's name has %d bytes, the most is %d: %s.", len(page), MaxPageBytes, excerpt(page))
	case page[fault.at] == '|':
		return refuse(fault.code, "The page's name contains '|', which no name may: %s.", excerpt(page))
	default:
		return refuse(fault.code, "The page's name contains a control character at byte %d: %s.", fault.at, excerpt(page))
	}
}

// fault is what is wrong with a name, and at which byte; no code if nothing is.
type fault struct {
	code Code
	at   int
}

// pageFault is what makes a valid UTF-8 name no page's.
func pageFault[N string | []byte](page N) fault {
	switch {
	case len(page) == 0:
		return fault{code: CodePageEmpty}
	case len(page) > MaxPageBytes:
		return fault{code: CodePageTooLong}
	}
	control := -1
	for i := range len(page) {
		switch c := page[i]; {
		case c == '|':
			return fault{CodePageCharacters, i}
		// In UTF-8, U+0080 to U+009F are 0xC2 0x80 to 0xC2 0x9F.
		case control < 0 && (c < ' ' || c == 0x7F || c == 0xC2 && page[i+1] < 0xA0):
			control = i
		}
	}
	if control >= 0 {
		return fault{CodePageCharacters, control}
	}
	return fault{}
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
	if bytes.HasPrefix(b.Page, []byte(ByteOrderMark)) {
		dst = append(dst, ByteOrderMark...) // the first one is no part of the page
	}
	dst = append(dst, b.Page...)
	dst = append(dst, '|')
	dst = strconv.AppendUint(dst, uint64(b.Clicks), 10)
	dst = append(dst, '|')
	dst = b.Minutes.Append(dst)
	dst = append(dst, '|')
	return strconv.AppendInt(dst, int64(b.Like), 10)
}

// AppendLabelled appends a valid behaviour with a label as one JSON object. [ParseLabelled] reads it back the same.
func AppendLabelled(dst []byte, b heat.Behaviour, label *Label) []byte {
	dst = appendMember(append(dst, '{'), "page", string(b.Page))
	dst = append(dst, `,"clicks":`...)
	dst = strconv.AppendUint(dst, uint64(b.Clicks), 10)
	dst = append(dst, `,"minutes":`...)
	dst = b.Minutes.Append(dst)
	dst = append(dst, `,"like":`...)
	dst = strconv.AppendInt(dst, int64(b.Like), 10)
	if label.Title != "" {
		dst = appendMember(append(dst, ','), "title", label.Title)
	}
	if label.URL != "" {
		dst = appendMember(append(dst, ','), "url", label.URL)
	}
	return append(dst, '}')
}

func appendMember(dst []byte, name, text string) []byte {
	dst = append(append(append(dst, '"'), name...), `":`...)
	dst, _ = jsontext.AppendQuote(dst, text) // valid UTF-8 can always be quoted
	return dst
}
