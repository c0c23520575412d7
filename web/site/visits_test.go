package site_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/integration/browser"
)

// TestNamesOfPages: one page has one name, readable if possible, however its address is spelled, and
// no more views than a person would count.
func TestNamesOfPages(t *testing.T) {
	script := func(attributes string) string { return strings.Replace(usual, " defer", " defer "+attributes, 1) }
	long := strings.Repeat("日", 120)
	cases := map[string]struct {
		guestPage
		path string
		do   string
		want []string
	}{
		"plain":                  {path: "/t/42?q=1#part", want: []string{"/t/42|1|0"}},
		"lower case of hex":      {path: "/%e6%97%a5", want: []string{"/日|1|0"}},
		"upper case of hex":      {path: "/%E6%97%A5", want: []string{"/日|1|0"}},
		"not encoded":            {path: "/日 x", want: []string{"/日 x|1|0"}},
		"120 characters":         {path: "/" + long, want: []string{"/" + long + "|1|0"}},
		"not UTF-8":              {path: "/caf%e9/%e6%97%a5/%ff%C3", want: []string{"/caf%E9/日/%FF%C3|1|0"}},
		"bars and controls":      {path: "/a%7cb|c%0a%00%7f%c2%85", want: []string{"/a%7Cb%7Cc%0A%00%7F%C2%85|1|0"}},
		"what makes an address":  {path: "/a%2fb%3fc%23d%5ce%20", want: []string{"/a%2Fb%3Fc%23d%5Ce%20|1|0"}},
		"percent signs":          {path: "/100%25/%2541/%25%34%31", want: []string{"/100%/%2541/%254" + "1|1|0"}},
		"invisible":              {path: "/%E2%80%AEx", want: []string{"/\u202ex|1|0"}},
		"given":                  {guestPage{script: script(`data-page="/a b"`)}, "/x", "", []string{"/a b|1|0"}},
		"given over lines":       {guestPage{script: script("data-page=\"\n  A  page\r\n\t of | mine\u0085\n\"")}, "/x", "", []string{"A page of %7C mine|1|0"}},
		"given, but empty":       {guestPage{script: script(`data-page=" "`)}, "/x", "", []string{"/x|1|0"}},
		"canonical":              {guestPage{head: `<link rel="canonical" href="/true/%e6%97%a5?x=1">`}, "/x", "", []string{"/true/日|1|0"}},
		"canonical that is late": {guestPage{script: usual + `<link rel="canonical" href="/true">`}, "/x", "", []string{"/true|1|0"}},
		"canonical elsewhere":    {guestPage{head: `<link rel="canonical" href="https://other.example/true">`}, "/x", "", []string{"/x|1|0"}},
		"canonical and given":    {guestPage{head: `<link rel="canonical" href="/true">`, script: script(`data-page="mine"`)}, "/x", "", []string{"mine|1|0"}},
		"canonical of the page before": {guestPage{head: `<link rel="canonical" href="/true">`}, "/x",
			`history.pushState(0, '', '/y'); history.pushState(0, '', '/x?again')`, []string{"/true|1|0", "/y|1|0", "/true|1|0"}},
		// A router corrects the address.
		"replaced at load":                 {path: "/x/", do: `history.replaceState(0, '', '/x')`, want: []string{"/x|1|0"}},
		"replaced at load, in old browser": {guestPage{before: old}, "/x/", `history.replaceState(0, '', '/x')`, []string{"/x|1|0"}},
		"pushed, then replaced": {path: "/x", do: `history.pushState(0, '', '/y/'); history.replaceState(0, '', '/y')`,
			want: []string{"/x|1|0", "/y|1|0"}},
		"replaced later": {path: "/x", do: `setTimeout(() => history.replaceState(0, '', '/y'), 1200); setTimeout(() => { window.ready = 1 }, 1300)`,
			want: []string{"/x|1|0", "/y|1|0"}},
		// A router that uses the Navigation API.
		"navigation": {path: "/x", do: `navigation.addEventListener('navigate', (e) => { if (e.canIntercept) e.intercept({ async handler() {} }); }, { once: true });
			window.ready = 0; navigation.navigate('/y').finished.then(() => { window.ready = 1 })`, want: []string{"/x|1|0", "/y|1|0"}},
		"navigation and history": {path: "/x", do: `navigation.addEventListener('navigate', (e) => { if (e.canIntercept) e.intercept({ async handler() { history.replaceState(0, '', '/z'); window.ready = 1; } }); }, { once: true });
			window.ready = 0; navigation.navigate('/y').finished.catch(() => {})`, want: []string{"/x|1|0", "/z|1|0"}},
		"like of a name in every object": {guestPage{script: script(`data-page="toString"`)}, "/x", `document.querySelector('[data-pageheat-like="1"]').click()`, []string{"toString|1|1"}},
		"like of another":                {guestPage{script: script(`data-page="__proto__"`)}, "/x", `document.querySelector('[data-pageheat-like="-1"]').click()`, []string{"__proto__|1|-1"}},
		"and of another":                 {guestPage{script: script(`data-page="constructor"`)}, "/x", `document.querySelector('[data-pageheat-like="1"]').click()`, []string{"constructor|1|1"}},
	}
	window := browser.Open(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, c.guestPage)
			tab := window.For(t)
			tab.Go(g.site.URL + c.path)
			tab.Do("window.ready = !" + fmt.Sprint(strings.Contains(c.do, "window.ready")) + ";" + c.do)
			tab.Until(`window.ready`)
			assert.Empty(t, fine(t, tab))
			tab.Go(blank)
			lines, _ := g.in.next(t, len(c.want), moreThanTime)
			assert.ElementsMatch(t, c.want, lines) // requests may arrive in any order
		})
	}
}

// stores is the key under which the script stores pending lines, in JavaScript.
func (g *guest) stores() string { return `'pageheat ` + g.heat.URL + `/api/v1/behaviours'` }

// TestWhatWaitsIsSentInParts: lines that could not be sent are sent later, in requests that no
// browser and no collector refuses for their size.
func TestWhatWaitsIsSentInParts(t *testing.T) {
	g := newGuest(t, guestPage{})
	tab := browser.Open(t)
	tab.Go(g.site.URL + "/favicon.ico") // a path of the site without the script
	tab.Do(`sessionStorage.setItem(` + g.stores() + `, Array.from({ length: 700 }, (_, i) => '/' + i + 'x'.repeat(200) + '|1|0|0').join('\n'))`)
	// The first requests get a response to try again.
	g.in.refuse = []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}
	tab.Go(g.site.URL + "/first")
	for told := 1; told <= 2; told++ {
		tab.Until(fmt.Sprintf(`said.length === %d`, told))
		tab.Do(`dispatchEvent(new Event('online'))`)
	}
	lines, _ := g.in.next(t, 500, func(line string) bool { return strings.Contains(line, "xxx") })
	assert.Len(t, lines, 500, "the newest 500 are kept")
	seen := map[string]bool{}
	for _, line := range lines {
		seen[line] = true
	}
	assert.Len(t, seen, 500)
	assert.True(t, seen["/699"+strings.Repeat("x", 200)+"|1|0"])
	for _, size := range g.in.sizes {
		assert.LessOrEqual(t, size, 32<<10)
	}
	tab.Go(g.site.URL + "/second")
	lines, _ = g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/first|1|0"}, lines)
}

// TestNotYetSeen: a page that a browser only prerenders, or does not show, is not a view.
func TestNotYetSeen(t *testing.T) {
	g := newGuest(t, guestPage{before: `if (location.pathname === '/prepared') {
		let prerendering = true;
		Object.defineProperty(document, 'prerendering', { get: () => prerendering });
		window.activate = () => { prerendering = false; document.dispatchEvent(new Event('prerenderingchange')); };
	}`})
	tab := browser.Open(t)
	tab.Go(g.site.URL + "/favicon.ico")
	tab.Do(`sessionStorage.setItem(` + g.stores() + `, '/waits|1|0|0')`)
	tab.Go(g.site.URL + "/prepared")
	tab.Do(`history.replaceState(0, '', '/prepared/too')`)
	assert.Equal(t, "/waits|1|0|0", tab.Text(`sessionStorage.getItem(`+g.stores()+`)`), "the page before sends it")
	tab.Do(`activate()`)
	lines, _ := g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/waits|1|0"}, lines)
	// In the background.
	other := tab.Another()
	other.Go(blank)
	other.Look()
	lines, _ = g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/prepared/too|1|0"}, lines)
	tab.Go(g.site.URL + "/hidden")
	tab.Do(`history.pushState(0, '', '/shown')`)
	tab.Look()
	tab.Until(`document.visibilityState === 'visible'`)
	tab.Go(blank)
	lines, _ = g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/shown|1|0"}, lines)
}

// TestInAFrame: a frame counts its own page. A frame without an origin does no harm and counts
// nothing.
func TestInAFrame(t *testing.T) {
	g := newGuest(t, guestPage{})
	tab := browser.Open(t)
	tab.Go(g.site.URL + "/outer")
	frame := func(attributes string) {
		tab.Do(`window.came = 0; addEventListener('message', (e) => { window.came = e.data; }, { once: true });
			const f = document.createElement('iframe'); f.src = '/inner'; ` + attributes + `; document.body.append(f)`)
	}
	frame(`f.onload = () => f.remove()`)
	lines, _ := g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/inner|1|0"}, lines)
	frame(`f.sandbox = 'allow-scripts'; f.onload = () => { window.came = 1; }`)
	tab.Until(`came`)
	assert.Empty(t, fine(t, tab))
	tab.Go(blank)
	lines, _ = g.in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/outer|1|0"}, lines)
}

// TestTheKeyStaysOutOfTheTab: the storage key contains only the address.
func TestTheKeyStaysOutOfTheTab(t *testing.T) {
	g := newGuest(t, guestPage{script: strings.Replace(usual, " defer", ` defer data-key="secret &amp; key"`, 1)})
	tab := browser.Open(t)
	tab.Go(g.site.URL + "/x")
	tab.Do(`history.pushState(0, '', '/y')`)
	g.in.next(t, 1, moreThanTime)
	assert.NotContains(t, tab.Text(`Object.keys(sessionStorage).join()`), "secret")
	key, err := url.ParseQuery(g.in.queries[0])
	assert.NoError(t, err)
	assert.Equal(t, "secret & key", key.Get("key"))
}
