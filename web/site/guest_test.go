package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/browser"
	"pageheat/web"
)

// guest is a site on another origin than pageheat.
type guest struct {
	site, heat *httptest.Server
	in         *inbox
}

// guestPage is the content of a guest's pages. HEAT in its texts stands for pageheat's address.
type guestPage struct {
	headers string // "name: value" lines
	before  string // JavaScript before everything else
	head    string // HTML before the script
	script  string // its tags; the usual one by default
}

// usual loads the script as in the documentation.
const usual = `<script src="HEAT/pageheat.js" defer></script>`

// newGuest serves the same page at every path, and starts pageheat with a collector that allows the
// site.
func newGuest(t *testing.T, page guestPage) *guest {
	t.Helper()
	g := &guest{in: &inbox{came: make(chan struct{}, 1000)}}
	var origins web.Origins
	g.heat = httptest.NewServer(serve(t, web.Config{Routes: append(web.Scripts(), web.Route{
		Path: "/api/v1/behaviours", Methods: []string{"POST"}, Public: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !origins.Allow(w, r) {
				web.Refuse(w, http.StatusForbidden, origins.Refusal(w, r))
				return
			}
			g.in.ServeHTTP(w, r)
		}),
	})}))
	t.Cleanup(g.heat.Close)
	if page.script == "" {
		page.script = usual
	}
	// Errors and console messages are kept, including the site's own.
	const watch = `window.wrong = []; window.said = [];
		addEventListener('error', (e) => wrong.push(String(e.message || e.target.src)), true);
		addEventListener('unhandledrejection', (e) => wrong.push(String(e.reason)));
		console.warn = (...what) => said.push(what.join(' '));`
	html := strings.ReplaceAll(fmt.Sprintf(`<!doctype html><title>x</title><script>%s</script><script>%s</script>%s%s
		<button data-pageheat-like="1">+</button><button data-pageheat-like="-1">-</button><button data-pageheat-like="0">0</button>`,
		watch, page.before, page.head, page.script), "HEAT", g.heat.URL)
	g.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for line := range strings.Lines(page.headers) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			w.Header().Set(name, strings.ReplaceAll(value, "HEAT", g.heat.URL))
		}
		_, _ = w.Write([]byte(html))
	}))
	t.Cleanup(g.site.Close)
	var err error
	origins, err = web.NewOrigins([]string{g.site.URL})
	require.NoError(t, err)
	return g
}

// fine checks that a page has no errors, and returns its console messages.
func fine(t *testing.T, tab *browser.Tab) (said []string) {
	t.Helper()
	require.Empty(t, tab.Text(`wrong.join('\n')`))
	if text := tab.Text(`said.join('\0')`); text != "" {
		said = strings.Split(text, "\x00")
	}
	return said
}

// old removes the Navigation API, which not every browser has. The script then wraps history.
const old = `Object.defineProperty(window, 'navigation', { value: undefined });`

// TestTheScriptIsAGuest: on every page it counts two views of a single-page application, and changes
// nothing that the site can observe.
func TestTheScriptIsAGuest(t *testing.T) {
	const module = `<script type="module" src="HEAT/pageheat.js"></script>`
	cases := map[string]guestPage{
		"usual":                     {},
		"without sendBeacon":        {before: `delete Navigator.prototype.sendBeacon;`},
		"without navigation":        {before: old},
		"without either":            {before: old + `delete Navigator.prototype.sendBeacon;`},
		"module":                    {script: module},
		"module with crossorigin":   {script: strings.Replace(module, " src", " crossorigin src", 1)},
		"crossorigin":               {script: strings.Replace(usual, " src", " crossorigin src", 1)},
		"integrity":                 {script: strings.Replace(usual, " src", ` crossorigin integrity="`+integrity(t)+`" src`, 1)},
		"twice":                     {script: usual + usual},
		"twice, and as a module":    {script: usual + module},
		"by another script":         {script: `<script>addEventListener('DOMContentLoaded', () => { const s = document.createElement('script'); s.src = 'HEAT/pageheat.js'; document.head.append(s); s.remove(); })</script>`},
		"storage that throws":       {before: `for (const s of ['sessionStorage', 'localStorage']) Object.defineProperty(window, s, { get() { throw new DOMException('no', 'SecurityError'); } });`},
		"storage that is full":      {before: `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };`},
		"storage with other things": {before: `sessionStorage.setItem('pageheat HEAT/api/v1/behaviours', '{"a":[1|2]}\n|||||\n/x|Infinity\n\u0000');`},
		"trusted types":             {headers: "Content-Security-Policy: require-trusted-types-for 'script'; trusted-types 'none'"},
		"strict policy":             {headers: "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline' HEAT; connect-src HEAT"},
		"isolated":                  {headers: "Cross-Origin-Embedder-Policy: require-corp\nCross-Origin-Opener-Policy: same-origin"},
		"no-referrer":               {headers: "Referrer-Policy: no-referrer"},
		"same-origin referrer":      {headers: "Referrer-Policy: same-origin"},
		"no observers": {before: `delete window.PerformanceObserver; delete window.MutationObserver; delete window.IntersectionObserver;
			delete window.customElements; delete window.requestIdleCallback;`},
		"polluted prototypes": {before: `for (const name of ['signal', 'method', 'body', 'mode', 'credentials', 'page', 'api', 'privacy', 'storage', 'get', 'set'])
			Object.prototype[name] = 'polluted';
			Array.prototype.toJSON = function () { return 'prototype.js'; }; Object.prototype.toJSON = Array.prototype.toJSON;
			Array.prototype.extra = () => { throw 1; };`},
		"names of its own": {before: `const URL = 'https://api.example', history = ['visited'], performance = null, navigator = 7, fetch = 0, Map = 'of the town';
			var navigation = document.createElement('nav');`},
		"elements with names": {head: `<form name="scripts"></form><img name="history"><img name="pageheat"><nav id="navigation"></nav>`},
		"history replaced later": {head: `<script>addEventListener('load', () => {
			const was = history.pushState; history.pushState = function (...a) { return was.apply(history, a); }; })</script>`},
		"history replaced later, in an old browser": {before: old, head: `<script>addEventListener('load', () => {
			const was = history.pushState; history.pushState = function (...a) { return was.apply(history, a); }; })</script>`},
		"frozen history":   {before: `Object.freeze(history); Object.freeze(History.prototype);`},
		"fetch is wrapped": {before: `const was = fetch; window.fetch = function (input, init) { return was.call(window, new Request(input, init)); };`},
	}
	window := browser.Open(t)
	for name, page := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, page)
			tab := window.For(t)
			tab.Go(g.site.URL + "/one")
			assert.Equal(t, "undefined", tab.Text(`window.history.pushState({}, '', '/two')`))
			lines, _ := g.in.next(t, 1, moreThanTime)
			assert.Equal(t, []string{"/one|1|0"}, lines)
			// The site's own errors remain visible.
			assert.Equal(t, "DataCloneError", tab.Text(`(() => { try { window.history.pushState(() => 0, '') } catch (e) { return e.name } })()`))
			assert.Equal(t, "SecurityError", tab.Text(`(() => { try { window.history.replaceState(0, '', 'https://other.example/') } catch (e) { return e.name } })()`))
			assert.Empty(t, fine(t, tab))
			tab.Go(blank)
			lines, _ = g.in.next(t, 1, moreThanTime)
			assert.Equal(t, []string{"/two|1|0"}, lines)
			for _, origin := range g.in.origins {
				assert.Equal(t, g.site.URL, origin)
			}
		})
	}
}

// integrity returns the attribute by which a browser checks the script.
func integrity(t *testing.T) string {
	t.Helper()
	return "sha256-" + digest(get(t, "/pageheat.js").Body.Bytes())
}

// TestTheScriptCannotSend: the site does not notice, and its console shows the reason once.
func TestTheScriptCannotSend(t *testing.T) {
	cases := map[string]struct {
		guestPage
		says string
	}{
		"policy":               {guestPage{headers: "Content-Security-Policy: connect-src 'self'"}, "connect-src"},
		"fetch that throws":    {guestPage{before: `window.fetch = () => { throw new Error('blocked'); };`}, "no answer"},
		"fetch that is a stub": {guestPage{before: `window.fetch = () => undefined;`}, "no answer"},
		"no fetch":             {guestPage{before: `delete window.fetch; delete Navigator.prototype.sendBeacon;`}, "no answer"},
		"no address":           {guestPage{script: `<script type="module">import('HEAT/pageheat.js')</script>`}, `<script src=".../pageheat.js">`},
		"bad address":          {guestPage{script: `<script src="HEAT/pageheat.js" data-api="http://["></script>`}, "URL"},
		"wrong address":        {guestPage{script: `<script src="HEAT/pageheat.js" data-api="HEAT/elsewhere"></script>`}, "no answer"},
		"frozen history":       {guestPage{before: old + `Object.freeze(history);`}, "pushState"},
		"too long":             {guestPage{script: `<script src="HEAT/pageheat.js" data-page="` + strings.Repeat("x", 1025) + `"></script>`}, "1024 bytes"},
	}
	window := browser.Open(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, c.guestPage)
			tab := window.For(t)
			tab.Go(g.site.URL + "/one")
			for _, path := range []string{"/two", "/three", "/four"} {
				assert.Equal(t, "undefined", tab.Text(`history.pushState({}, '', '`+path+`')`))
				tab.Click(`[data-pageheat-like="1"]`)
			}
			tab.Until(`said.length > 0`)
			said := fine(t, tab)
			require.Len(t, said, 1)
			assert.Contains(t, said[0], "pageheat: ")
			assert.Contains(t, said[0], c.says)
		})
	}
}

// TestARefusedSiteIsToldSo: the console shows the collector's message once, and refused lines are not
// sent again and again.
func TestARefusedSiteIsToldSo(t *testing.T) {
	g := newGuest(t, guestPage{})
	other := httptest.NewServer(g.site.Config.Handler)
	t.Cleanup(other.Close)
	tab := browser.Open(t)
	tab.Go(other.URL + "/one")
	tab.Do(`history.pushState({}, '', '/two')`)
	tab.Until(`said.length > 0`)
	tab.Do(`history.pushState({}, '', '/three'); history.pushState({}, '', '/four')`)
	said := fine(t, tab)
	require.Len(t, said, 1)
	assert.Contains(t, said[0], "403")
	assert.Contains(t, said[0], strconv.Quote(other.URL)[1:len(other.URL)])
	assert.Contains(t, said[0], "--allow-origins")
}
