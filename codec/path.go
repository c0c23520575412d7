package codec

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ReadablePath returns the name that the script of a site gives to the page at a path,
// however the path is percent-encoded: as text, where that is UTF-8 and the same
// address, and otherwise encoded with upper-case digits. It is for finding a page under
// the address that a browser shows. site/pageheat.js has the same rules.
func ReadablePath(path string) string {
	var out strings.Builder
	for path != "" {
		code := escapes(path)
		if code == "" {
			out.WriteByte(path[0])
			path = path[1:]
			continue
		}
		path = path[len(code):]
		text, _ := url.PathUnescape(code) // what escapes found can be undone
		ambiguous := text == "%" && path != "" && (path[0] == '%' || isHex(path[0]))
		plain := utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl) && !strings.ContainsAny(text, `|/?#\`) && !ambiguous
		if plain {
			out.WriteString(text)
		} else {
			out.WriteString(strings.ToUpper(code))
		}
	}
	name := strings.ReplaceAll(out.String(), "|", "%7C")
	if short, ok := strings.CutSuffix(name, " "); ok {
		name = short + "%20"
	}
	return name
}

// escapes returns the percent-encoding of one character at the beginning of s: one
// byte, or one that begins a sequence of UTF-8 with all that continue it.
func escapes(s string) string {
	n := escape(s)
	if n == 0 || s[1]|0x20 < 'c' { // of digits too this is below
		return s[:n]
	}
	for escape(s[n:]) > 0 && strings.IndexByte("89abAB", s[n+1]) >= 0 {
		n += 3
	}
	return s[:n]
}

// escape returns 3 where s begins with a percent-encoded byte, or 0.
func escape(s string) int {
	if len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) {
		return 3
	}
	return 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
