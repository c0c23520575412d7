package codec

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxTitle is the longest title of a page, in characters. What is beyond it is cut off.
	MaxTitle = 200
	// MaxURLBytes is the longest address of a page, in bytes.
	MaxURLBytes = 2048

	maxTitleBytes = MaxTitle * utf8.UTFMax
	maxTitleRead  = 16 << 10 // bytes of a message that a title is made of
)

// Label is what a page is called, and where it is, as a behaviour said. It comes from strangers: it is text
// without control characters and without marks that change the direction of the text around it, and nothing
// else is certain. The zero Label says nothing.
type Label struct {
	// Title is for people: 1 to [MaxTitle] characters on one line, empty for none.
	Title string
	// URL is an address with the scheme http or https, or a path, of up to [MaxURLBytes] bytes; empty for none.
	URL string
}

// IsZero reports whether the label says nothing.
func (l *Label) IsZero() bool { return l.Title == "" && l.URL == "" }

// NewLabel makes a label of what a behaviour says. A title that is too long is cut; a title or an address that
// cannot be used is left out: a behaviour is worth more than what it calls its page.
func NewLabel(title, address string) Label {
	return Label{Title: cleanTitle(title), URL: cleanURL(address)}
}

// cleanTitle is text on one line.
func cleanTitle(s string) string {
	if len(s) > maxTitleRead {
		s = s[:maxTitleRead]
	}
	var b strings.Builder
	characters, marks, space := 0, 0, false
	for _, c := range strings.ToValidUTF8(s, "") {
		switch {
		case unicode.IsSpace(c):
			space, marks = characters > 0, 0
			continue
		case isUnseen(c):
			continue
		case !isMark(c):
			marks = 0
		case characters == 0 || space || marks == mostMarks:
			continue
		default:
			marks++
		}
		more := 1
		if space {
			more = 2
		}
		if characters += more; characters > MaxTitle {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(c)
	}
	return b.String()
}

const (
	nonJoiner, joiner = '\u200C', '\u200D'
	braillePattern    = '\u2800' // without dots
	// mostMarks is the number of marks that a character may carry: towers of them cover what is around the title.
	mostMarks = 4
)

// isMark reports whether a character is drawn on or beside the one before.
func isMark(c rune) bool {
	return unicode.In(c, unicode.Mn, unicode.Me) || c == nonJoiner || c == joiner
}

// isUnseen reports whether a character has no place in a title: control characters, marks of direction and all
// else that formats or is not seen, but what joins letters and emoji.
func isUnseen(c rune) bool {
	if c == nonJoiner || c == joiner {
		return false
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) ||
		c == braillePattern || c == utf8.RuneError
}

// cleanURL is an address that a link may lead to, or nothing.
func cleanURL(s string) string {
	if s = strings.TrimSpace(s); !isURL(s) || strings.ContainsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || isUnseen(c) }) {
		return ""
	}
	if u, err := url.Parse(s); err != nil || u.User != nil || u.Scheme != "" && u.Hostname() == "" {
		return ""
	}
	return s
}

// The checks of what was stored are those that no later version of Unicode, or of package url, changes.

func isTitle(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= MaxTitle && !strings.ContainsFunc(s, controls)
}

func isURL(s string) bool {
	// Browsers take a backslash for a slash; the others are in no address (RFC 3986), and end one in HTML.
	if len(s) > MaxURLBytes || !utf8.ValidString(s) || strings.ContainsAny(s, "\\ \"<>`") || strings.ContainsFunc(s, controls) {
		return false
	}
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") || hasSchemeOfWeb(s)
}

// WebAddress returns s if it is a whole address of http or https that a link may lead to, by the rules of
// [NewLabel], else "".
func WebAddress(s string) string {
	if !hasSchemeOfWeb(s) || cleanURL(s) != s {
		return ""
	}
	return s
}

func hasSchemeOfWeb(s string) bool {
	scheme, _, found := strings.Cut(s, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// controls reports whether a character is a control character or a mark of direction.
func controls(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// Stamp is where a label comes from. The newest label of a page is that with the greatest stamp, so it does not
// depend on the order in which behaviours arrive, nor on how they are grouped.
type Stamp struct {
	// Timestamp is that of the record, in ms since 1970. It decides first.
	Timestamp int64
	// Partition and Offset are those of the record in the input.
	Partition int32
	Offset    int64
}

// Compare returns -1, 0 or 1 as s is older than, equal to or newer than o.
func (s Stamp) Compare(o Stamp) int {
	return cmp.Or(cmp.Compare(s.Timestamp, o.Timestamp), cmp.Compare(s.Partition, o.Partition), cmp.Compare(s.Offset, o.Offset))
}

// StampedLabel is a label with where it comes from.
type StampedLabel struct {
	Label
	Stamp
}

func appendLabel(dst []byte, l *Label) []byte {
	return appendName(appendName(dst, l.Title), l.URL)
}

// label reads what appendLabel wrote.
func (r *reader) label() Label {
	l := Label{Title: string(r.bytes("title", maxTitleBytes)), URL: string(r.bytes("url", MaxURLBytes))}
	switch {
	case r.err != nil:
		return Label{}
	case l.IsZero():
		r.fail("a label says nothing")
	case !isTitle(l.Title):
		r.fail("%s is not a title", excerpt([]byte(l.Title)))
	case l.URL != "" && !isURL(l.URL):
		r.fail("%s is not an address", excerpt([]byte(l.URL)))
	}
	return l
}

func appendStampedLabel(dst []byte, l *StampedLabel) []byte {
	dst = binary.AppendVarint(dst, l.Timestamp)
	dst = binary.AppendUvarint(dst, uint64(l.Partition))
	dst = appendOffset(dst, l.Offset)
	return appendLabel(dst, &l.Label)
}

func (r *reader) stampedLabel() (l StampedLabel) {
	l.Timestamp = r.varint("timestamp of a label")
	partition := r.uvarint("input partition of a label")
	if partition > math.MaxInt32 {
		r.fail("input partition %d of a label is out of range", partition)
	}
	l.Partition = int32(partition)
	l.Offset = r.offset("offset of a label")
	l.Label = r.label()
	return l
}

// MaxLabelBytes is the most that [AppendPageLabel] appends.
const MaxLabelBytes = 2 + 2*binary.MaxVarintLen64 + 2 + maxTitleBytes + 2 + MaxURLBytes

// LabelBytes bounds what [AppendPageLabel] appends for a label.
func LabelBytes(l *Label) int {
	return MaxLabelBytes - maxTitleBytes - MaxURLBytes + len(l.Title) + len(l.URL)
}
