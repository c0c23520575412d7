package site_test

import (
	"encoding/json"
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

// boardServer serves the scripts and a board with pages of these names.
func boardServer(t *testing.T, names ...string) string {
	t.Helper()
	type page struct {
		Rank      int     `json:"rank"`
		RankSince string  `json:"rank_since"`
		Page      string  `json:"page"`
		Heat      float64 `json:"heat"`
	}
	var pages []page
	for i, name := range names {
		pages = append(pages, page{i + 1, "2026-01-02T03:04:05Z", name, float64(100 - i)})
	}
	board, err := json.Marshal(map[string]any{"version": 1, "pages": pages})
	require.NoError(t, err)
	everybody, err := web.NewOrigins([]string{"*"})
	require.NoError(t, err)
	// The page of the board today has the group in its name.
	today := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		everybody.Allow(w, r)
		if r.PathValue("name") != "today" {
			http.NotFound(w, r)
			return
		}
		format := "%s"
		if r.PathValue("form") == "events" {
			w.Header().Set("Content-Type", "text/event-stream")
			format = "id: 1\ndata: %s\n\n"
		}
		_, _ = fmt.Fprintf(w, format, fmt.Sprintf(`{"version":1,"pages":[{"rank":1,"page":"of %s","url":"https://news.example/a","heat":1,"clicks":0.1234567891,"minutes":0,"likes":0}]}`, r.URL.Query().Get("part")))
	})
	server := httptest.NewServer(serve(t, web.Config{Routes: append(web.Scripts(),
		web.Route{Path: "/api/v1/boards/all-time", Public: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			everybody.Allow(w, r)
			_, _ = w.Write(board)
		})},
		web.Route{Path: "/api/v1/boards/{name}", Public: true, Handler: today},
		web.Route{Path: "/api/v1/boards/{name}/{form}", Public: true, Handler: today})}))
	t.Cleanup(server.Close)
	return server.URL
}

// pageServer serves HTML at every path.
func pageServer(t *testing.T, html, policy string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/titles.json" {
			_, _ = w.Write([]byte(`{"/t/1":"The first","__proto__":"x","/t/2":7}`))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write([]byte(html))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// inWidget are the nodes with page names.
const inWidget = `[...document.querySelector('pageheat-board').shadowRoot.querySelectorAll('.page')]`

const watched = `<!doctype html><script>window.wrong = []; window.said = [];
	addEventListener('error', (e) => wrong.push(String(e.message))); addEventListener('unhandledrejection', (e) => wrong.push(String(e.reason)));
	console.warn = (...what) => said.push(what.join(' '));</script>`

// TestLinksOfTheWidget: where each name leads, with each template.
func TestLinksOfTheWidget(t *testing.T) {
	cases := []struct{ link, name, want string }{
		// A path links to itself.
		{"", "/t/42", "/t/42"},
		{"", "/日/ä b", "/%E6%97%A5/%C3%A4%20b"},
		{"", "/caf%E9/%E6%97%A5", "/caf%E9/%E6%97%A5"},
		{"", "/100%/%2541/a%2Fb%3Fc%23d", "/100%25/%2541/a%2Fb%3Fc%23d"},
		{"", "/search?q=a+b&c=d", "/search?q=a+b&c=d"},
		{"", "page37", ""},
		{"", "javascript:alert(1)", ""},
		{"", "//other.example/", ""},
		{"", `/\other.example/`, ""},
		{"", "https://other.example/", ""},
		// A template.
		{"/t/{page}", "/t/42", "/t/42"},
		{"/t/{page}", "/t/日", "/t/%E6%97%A5"},
		{"/t/{page}", "/t/%e6%97%a5", "/t/%e6%97%a5"},
		{"/t/{page}", "/other/42", "/t/other/42"},
		{"/t/{page}", "42", "/t/42"},
		{"/t/{page}", "a/b?c#d", "/t/a%2Fb%3Fc%23d"},
		{"/t/{page}", "100% ä", "/t/100%25%20%C3%A4"},
		{"/t/{page}", "a%2Fb", "/t/a%2Fb"},
		{"/t/{page}", "../x", "/t/..%2Fx"},
		{"/t/{page}", "/../x", ""},
		{"/t/{page}", "..", ""},
		{"/t/{page}", "javascript:alert(1)", "/t/javascript%3Aalert(1)"},
		{"/t{page}", "/42", "/t/42"},
		{"{page}", "/t/42", "/t/42"},
		{"{page}", "page37", "/here/page37"},
		{"{page}", "javascript:alert(1)", "/here/javascript%3Aalert(1)"},
		{"{page}", "//other.example/", "/here/%2F%2Fother.example%2F"},
		{"/go?to={page}&x=1", "/t/4&2", "/go?to=/t/4%262&x=1"},
		{"/{page}/comments", "/t/42", "/t/42/comments"},
		{"/all", "page37", "/all"},
		{"https://forum.example/{page}", "/t/42", "https://forum.example/t/42"},
		{"https://forum.example/t/{page}", "/t/42", "https://forum.example/t/42"},
		{"https://forum.example{page}", "/t/42", "https://forum.example/t/42"},
		{"https://forum.example{page}", ".evil.example", ""},
		{"//{page}", "other.example", ""},
		{"javascript:{page}", "alert(1)", ""},
		{"javascript:alert(1)", "x", ""},
		{"data:text/html,{page}", "x", ""},
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	heat := boardServer(t, names...)
	site := pageServer(t, watched+`<script src="`+heat+`/widget.js"></script><pageheat-board limit="100"></pageheat-board>`, "")
	tab := browser.Open(t)
	tab.Go(site + "/here/")
	tab.Until(fmt.Sprintf("%s.length === %d", inWidget, len(distinct(names))))
	for _, c := range cases {
		tab.Do(`document.querySelector('pageheat-board').setAttribute('link', ` + strconv.QuoteToASCII(c.link) + `)`)
		want := c.want
		if strings.HasPrefix(want, "/") {
			want = site + want
		}
		got := tab.Text(inWidget + `.find((n) => n.title === ` + strconv.QuoteToASCII(c.name) + `).href || ''`)
		assert.Equal(t, want, got, "link=%q, page %q", c.link, c.name)
	}
	assert.Empty(t, tab.Text(`wrong.concat(said).join()`))
}

// TestAddressesOfBehaviours: what a behaviour said is a link where it may be one, and the site's own word
// comes first.
func TestAddressesOfBehaviours(t *testing.T) {
	heat := boardServer(t)
	site := pageServer(t, watched+`<script src="`+heat+`/widget.js"></script>`, "")
	tab := browser.Open(t)
	tab.Go(site + "/here/")
	for _, c := range []struct{ link, name, url, want string }{
		{"", "page37", "https://x.example/a", "https://x.example/a"},
		{"", "/t/42", "https://x.example/a", "https://x.example/a"},
		{"", "page37", "/t/42", "/t/42"},
		{"", "page37", "", ""},
		{"", "page37", "javascript:alert(1)", ""},
		{"", "page37", "java\tscript:alert(1)", ""},
		{"", "page37", "data:text/html,x", ""},
		{"", "page37", "https://me:secret@x.example/", ""},
		{"", "page37", "https://[", ""},
		{"", "/t/42", "javascript:alert(1)", "/t/42"},
		{"", "page37", "/\u202egnp", "/%E2%80%AEgnp"},
		{"/t/{page}", "42", "https://x.example/a", "/t/42"},
		{"/t/{page}", "42", "/t/42-tomatoes", "/t/42"},
		// The name makes none in the place of the template.
		{"https://forum.example{page}", "42", "/t/42-tomatoes", "https://forum.example/t/42-tomatoes"},
		{"https://forum.example{page}", "42", "https://x.example/t/42", ""},
		{"https://forum.example{page}", "42", "//x.example/t/42", ""},
		{"/t/{page}", "..", "/t/../other", ""},
		{"/t/{page}", "..", "javascript:alert(1)", ""},
	} {
		want := c.want
		if strings.HasPrefix(want, "/") {
			want = site + want
		}
		got := tab.Text(fmt.Sprintf(`customElements.get('pageheat-board').addressOf(%s, %s, %s) || ''`,
			strconv.QuoteToASCII(c.name), strconv.QuoteToASCII(c.link), strconv.QuoteToASCII(c.url)))
		assert.Equal(t, want, got, "%+v", c)
	}
}

func distinct(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// TestTheWidgetIsAGuest: it works on any site. If it cannot, it only prints a sentence on the
// console.
func TestTheWidgetIsAGuest(t *testing.T) {
	const tag = `<script src="HEAT/widget.js" defer></script>`
	cases := map[string]struct {
		policy, html string
		works        bool
		says         string
	}{
		"usual":         {html: tag, works: true},
		"module":        {html: `<script type="module" crossorigin src="HEAT/widget.js"></script>`, works: true},
		"twice":         {html: tag + tag, works: true},
		"trusted types": {policy: "require-trusted-types-for 'script'; trusted-types 'none'", html: tag, works: true},
		"strict policy": {policy: "default-src 'none'; script-src 'unsafe-inline' HEAT; connect-src HEAT 'self'", html: tag, works: true},
		"names of its own": {html: `<script>const URL = 1, Map = 2, Set = 3, Intl = 4, fetch = 5;
			for (const name of ['signal', 'method', 'body', 'mode', 'title']) Object.prototype[name] = name === 'title' ? '' : 'polluted';
			Array.prototype.toJSON = () => 'prototype.js';</script>` + tag, works: true},
		"no style sheets of its own": {html: `<script>window.CSSStyleSheet = undefined;</script>` + tag, works: true},
		"no events":                  {html: `<script>delete window.EventSource;</script>` + tag, works: true},
		"no custom elements":         {html: `<script>delete window.customElements;</script>` + tag},
		"policy without connect-src": {policy: "connect-src 'self'", html: tag},
		"no address":                 {html: `<script type="module">import('HEAT/widget.js')</script>`, says: "widget.js"},
		"bad address":                {html: tag + `<script>addEventListener('load', () => document.querySelector('pageheat-board').setAttribute('api', 'http://['))</script>`, says: "URL"},
	}
	heat := boardServer(t, "/t/1", "/t/2", "\u202egnp.exe", "__proto__")
	window := browser.Open(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			site := pageServer(t, strings.ReplaceAll(watched+c.html+`<pageheat-board heading="Hot" titles="/titles.json"></pageheat-board>`, "HEAT", heat),
				strings.ReplaceAll(c.policy, "HEAT", heat))
			tab := window.For(t)
			tab.Go(site + "/")
			if c.works {
				tab.Until(inWidget + `.map((n) => n.textContent).join() === 'The first,/t/2,\u202egnp.exe,x'`)
				assert.Equal(t, "true", tab.Text(inWidget+`.every((n) => n.firstChild.tagName === 'BDI')`))
			}
			if c.says != "" {
				tab.Until(`said.length > 0`)
				assert.Contains(t, tab.Text(`said[0]`), c.says)
				assert.Equal(t, "1", tab.Text(`said.length`))
			} else if name != "policy without connect-src" {
				assert.Empty(t, tab.Text(`said.join('\n')`))
			}
			// A site may do anything with an element.
			tab.Do(`const board = document.createElement('pageheat-board'); document.body.append(board);
				board.setAttribute('api', '::'); board.setAttribute('limit', 'x'); board.setAttribute('link', '//'); board.remove();`)
			assert.Empty(t, tab.Text(`wrong.join('\n')`))
		})
	}
}

// TestBoardsOfTheWidget: it shows the board that it is told, also one of a group.
func TestBoardsOfTheWidget(t *testing.T) {
	heat := boardServer(t, "/t/1")
	tab := browser.Open(t)
	tab.Go(pageServer(t, watched+`<script src="`+heat+`/widget.js"></script><pageheat-board board="today"></pageheat-board>`, "") + "/")
	const names = inWidget + `.map((n) => n.textContent).join()`
	tab.Until(names + ` === 'of '`)
	tab.Until(inWidget + `[0].href === 'https://news.example/a'`)
	tab.Until(inWidget + `[0].parentNode.children[3].title === 'heat: 0.1 clicks, 0.0 minutes, 0 likes'`)
	for _, group := range []string{"sport", "events", "a b&c=d"} {
		tab.Do(`document.querySelector('pageheat-board').setAttribute('board', ` + strconv.Quote("today/"+group) + `)`)
		tab.Until(names + ` === ` + strconv.Quote("of "+group))
	}
	assert.Empty(t, tab.Text(`wrong.concat(said).join()`))
	tab.Do(`document.querySelector('pageheat-board').setAttribute('board', 'tody')`)
	tab.Until(`said.length === 1`)
	tab.Until(names + ` === ''`)
	assert.Contains(t, tab.Text(`said[0]`), "/api/v1/boards/tody answers 404: ")
	assert.Empty(t, tab.Text(`wrong.join()`))
}
