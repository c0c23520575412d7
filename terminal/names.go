package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"golang.org/x/text/unicode/bidi"

	"pageheat/codec"
)

// name returns the displayed name of a page: its title, if it has one.
func (l layout) name(p *codec.BoardPage) string {
	if p.Title != "" {
		return Title(p.Title)
	}
	return Printable(p.Page)
}

// Title is [Printable] for a title of a page. It also takes away what joins characters to one or chooses a
// color of it: terminals disagree about the width of what results. The characters themselves stay.
func Title(title string) string {
	return Printable(strings.Map(func(r rune) rune {
		const nonJoiner, joiner = '\u200c', '\u200d'
		if r == nonJoiner || r == joiner || unicode.Is(unicode.Variation_Selector, r) || r >= '\U0001f3fb' && r <= '\U0001f3ff' {
			return -1
		}
		return r
	}, title))
}

// nameCell draws a name in a column of a width that is followed by the column at next (from 0). On a terminal
// it is a link to the page, where its address is known.
func (l layout) nameCell(p *codec.BoardPage, bold bool, width, next int) string {
	name := fit(l.name(p), width)
	fill := strings.Repeat(" ", max(0, width-ansi.StringWidth(name)))
	if rightToLeft(name) {
		name += "\u200e" // or a terminal that knows the direction of text would draw the numbers after it to the left of it
	}
	drawn := l.style.NewStyle().Bold(bold).Render(name)
	if l.style.ColorProfile() == termenv.Ascii {
		return drawn + fill
	}
	if address := hyperlink(p.URL); address != "" {
		drawn = ansi.SetHyperlink(address) + drawn + ansi.ResetHyperlink()
	}
	drawn += fill
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		// A terminal may give a character another width. What follows still begins at its column.
		drawn += ansi.EraseLineRight + ansi.CursorHorizontalAbsolute(next+1)
	}
	return drawn
}

// rightToLeft reports whether a text has characters that are written from right to left.
func rightToLeft(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		properties, _ := bidi.LookupRune(r)
		return properties.Class() == bidi.R || properties.Class() == bidi.AL
	})
}

// mostHyperlink is the longest address that terminals take for a link, in bytes.
const mostHyperlink = 2000

// hyperlink returns an address as an escape sequence may have it, in printable ASCII, empty if it cannot be
// a link.
func hyperlink(address string) string {
	var out strings.Builder
	for _, c := range []byte(codec.WebAddress(address)) {
		if c < ' ' || c >= 0x7f {
			fmt.Fprintf(&out, "%%%02X", c)
			continue
		}
		out.WriteByte(c)
	}
	if out.Len() > mostHyperlink {
		return ""
	}
	return out.String()
}
