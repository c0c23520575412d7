package accesslog

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/pagename"
)

// View is a view of a page.
type View struct {
	Client, Page string
	Time         time.Time

	order int // of its log, for views of the same time
}

// Views finds the views among requests. It is not safe for concurrent use.
type Views struct {
	// Bots, if not nil, recognizes the requests that are left out.
	Bots *Bots
	// PageNames are the rules that names are changed by; nil for none.
	PageNames *pagename.Rules
	// Since is the time before which requests are left out; the zero time is for none.
	Since time.Time

	// Dropped is the number of views of bots that were left out.
	Dropped int64
}

// Of returns the view that a request is. No view and no error is a request for something else, or
// one that is left out. An error is a view of a page whose name cannot be counted.
func (v *Views) Of(r Request) (view View, ok bool, err error) {
	if r.Status/100 != 2 && r.Status/100 != 3 || string(r.Method) != "GET" || r.Time.Before(v.Since) {
		return view, false, nil
	}
	path, _, _ := bytes.Cut(r.Target, []byte{'?'})
	if isAsset(path) {
		return view, false, nil
	}
	if v.Bots != nil && v.Bots.Has(r.Agent) {
		v.Dropped++
		return view, false, nil
	}
	if v.PageNames.Query() {
		path = r.Target
	}
	page := []byte(v.PageNames.Apply(string(pageName(path))))
	// The pipeline has the last word on what is a name.
	message := codec.AppendBehaviour(nil, heat.Behaviour{Page: page})
	if _, refusal := codec.ParseBehaviour(message, heat.DefaultLimits()); refusal != nil {
		return view, false, fmt.Errorf("the page cannot be counted: %s", refusal.Detail)
	}
	return View{Client: string(r.Client), Page: string(page), Time: r.Time}, true, nil
}

// isAsset reports whether a path is that of an image, a style sheet, a script or a font, by its
// extension.
func isAsset(path []byte) bool {
	last := path[bytes.LastIndexByte(path, '/')+1:]
	dot := bytes.LastIndexByte(last, '.')
	if dot < 0 {
		return false
	}
	switch strings.ToLower(string(last[dot+1:])) {
	case "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "bmp",
		"css", "js", "mjs",
		"woff", "woff2", "ttf", "otf", "eot":
		return true
	}
	return false
}

// pageName percent-encodes what no name of a page may have: `|`, control characters, bytes that
// are not UTF-8, and a space at either end.
func pageName(path []byte) []byte {
	plain := func(c rune, size, at int) bool {
		switch {
		case c == utf8.RuneError && size <= 1, c == '|', unicode.IsControl(c):
			return false
		case c == ' ':
			return at > 0 && at < len(path)-1
		}
		return true
	}
	name := make([]byte, 0, len(path))
	for at := 0; at < len(path); {
		c, size := utf8.DecodeRune(path[at:])
		if plain(c, size, at) {
			name = append(name, path[at:at+size]...)
		} else {
			for _, b := range path[at : at+size] {
				name = fmt.Appendf(name, "%%%02X", b)
			}
		}
		at += size
	}
	return name
}
