package site_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/integration/browser"
)

// A view that has lasted a second has the title of its page.
func TestTitlesOfPages(t *testing.T) {
	const og = `<meta property="og:title" content='A "b" \ | &lt;c&gt;'>`
	script := func(attributes string) string { return strings.Replace(usual, " defer", " defer "+attributes, 1) }
	window := browser.Open(t)
	for name, c := range map[string]struct {
		guestPage
		want []string
	}{
		"of the page":  {guestPage{}, []string{"x"}},
		"of og:title":  {guestPage{head: og}, []string{`A "b" \ | <c>`}},
		"given":        {guestPage{head: og, script: script(`data-title="mine"`)}, []string{"mine"}},
		"switched off": {guestPage{head: og, script: script(`data-title="mine" data-titles="off"`)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, c.guestPage)
			tab := window.For(t)
			tab.Go(g.site.URL + "/x")
			tab.Do(`window.ready = 0; setTimeout(() => { window.ready = 1 }, 1500)`)
			tab.Until(`window.ready`)
			assert.Empty(t, fine(t, tab))
			tab.Go(blank)
			lines, _ := g.in.next(t, 1, moreThanTime)
			assert.Equal(t, []string{"/x|1|0"}, lines)
			assert.Equal(t, c.want, g.in.titles)
		})
	}
}

// A view that has told something within its first second tells its title later, once.
func TestTitleAfterAnEarlyLike(t *testing.T) {
	g := newGuest(t, guestPage{head: `<button data-pageheat-like="1">Like</button>`})
	tab := browser.Open(t)
	tab.Go(g.site.URL + "/x")
	tab.Do(`window.ready = 0; setTimeout(() => { window.ready = 1 }, 1500); document.querySelector('button').click()`)
	tab.Until(`window.ready`)
	lines, _ := g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/x|1|1"}, lines)
	assert.Empty(t, g.in.titles)
	tab.Go(blank)
	lines, _ = g.in.next(t, 1, func(string) bool { return true })
	assert.Equal(t, []string{"/x|0|0"}, lines)
	assert.Equal(t, []string{"x"}, g.in.titles)
}
