package web

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"pageheat/codec"
)

// PageLink makes the addresses of pages from their names, for feeds and lists, by the rules of
// the element's attribute link (addressOf in site/widget.js). The zero value makes none. It is
// safe for concurrent use.
type PageLink struct {
	template string
	place    *url.URL // what is before the name
}

// ServedHere is for a server that has the pages themselves, as in the demo: names are paths of it. The dashboard
// then links to them. Feeds and lists do not: they need whole addresses.
func ServedHere() PageLink { return PageLink{template: pageVariable} }

// pageVariable is what the name of a page replaces in a template.
const pageVariable = "{page}"

var errPageLink = errors.New("must be an address that starts with http:// or https:// and has {page} for the name, such as https://forum.example/t/{page}")

// NewPageLink reads a template, such as "https://forum.example/t/{page}" or
// "https://news.example{page}". An empty one makes no addresses. The error says what is wrong
// with it.
func NewPageLink(template string) (PageLink, error) {
	if template == "" {
		return PageLink{}, nil
	}
	before, _, found := strings.Cut(template, pageVariable)
	place, err := url.Parse(before)
	if err != nil {
		return PageLink{}, fmt.Errorf("%q %w: %w", template, errPageLink, err)
	}
	if !found || place.Scheme != "http" && place.Scheme != "https" || place.Host == "" || place.User != nil {
		return PageLink{}, fmt.Errorf("%q %w", template, errPageLink)
	}
	return PageLink{template: template, place: place}, nil
}

// Of returns the address of a page on a board, or "" if there is none. It is made from the name. What a
// behaviour said (its url) counts where the name makes none, if it is on the site and below the path of
// the template; without a template, a whole address is taken as it is.
func (l PageLink) Of(p *codec.BoardPage) string {
	if l.place == nil {
		return codec.WebAddress(p.URL)
	}
	if to := l.To(p.Page); to != "" {
		return to
	}
	said, err := url.Parse(p.URL)
	if err != nil || p.URL == "" {
		return ""
	}
	return l.within(l.place.ResolveReference(said).String())
}

// To returns the address that a page's name makes, or "" if it makes none. Names come from strangers: an
// address on another site, or outside of the template's path, is none.
func (l PageLink) To(page string) string {
	if l.place == nil {
		return ""
	}
	isPath := strings.HasPrefix(page, "/") && !strings.HasPrefix(page, "//") && !strings.HasPrefix(page, `/\`)
	if isPath && strings.HasSuffix(l.template, pageVariable) && l.place.RawQuery == "" && !l.place.ForceQuery && l.place.Fragment == "" {
		// For ".../t/{page}" the page "/t/42" is in its place already.
		if itself := l.within(origin(l.place) + escape(page, inAddress)); itself != "" {
			return itself
		}
	}
	name := escape(page, inSegment)
	if isPath {
		name = escape(page, inPath)
		if before, _, _ := strings.Cut(l.template, pageVariable); strings.HasSuffix(before, "/") {
			name = name[1:]
		}
	}
	return l.within(strings.ReplaceAll(l.template, pageVariable, name))
}

// Site returns the address of the site's root, or "" if it is not known.
func (l PageLink) Site() string {
	if l.place == nil {
		return ""
	}
	return origin(l.place) + "/"
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// within returns an address in its plain form if it is on the template's site and below its
// path, else "".
func (l PageLink) within(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || origin(u) != origin(l.place) {
		return ""
	}
	u = u.JoinPath() // resolves dots, as a browser does
	if !strings.HasPrefix(u.EscapedPath(), l.place.EscapedPath()) {
		return ""
	}
	return u.String()
}

// Characters that stay as they are in a part of an address, besides letters and digits, as in
// JavaScript's encodeURIComponent and encodeURI.
const (
	inSegment = "-_.!~*'()"
	inPath    = inSegment + "/"
	inAddress = inPath + ";?:@&=+$,#"
)

// escaped matches what is percent-encoded.
var escaped = regexp.MustCompile(`^%[0-9A-Fa-f]{2}`)

// escape percent-encodes a name. What is percent-encoded in it stays so.
func escape(name, kept string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte(kept, c) >= 0, c == '%' && escaped.MatchString(name[i:]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
