package sites

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/browser"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// program is set by TestMain, before any test.
var program string

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, func(path string) { program = path }, func() error { return nil }))
}

// documented is the address of pageheat in the pages.
const documented = "http://127.0.0.1:8080"

// static serves a site whose pages name another address of pageheat.
func static(t *testing.T, site string, pageheat *string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if strings.HasSuffix(path, "/") {
			path += "index.html"
		}
		content, err := os.ReadFile(filepath.Join(site, filepath.FromSlash(filepath.Clean(path))))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(path, ".css") {
			w.Header().Set("Content-Type", "text/css")
		} else {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			content = []byte(strings.ReplaceAll(string(content), documented, *pageheat))
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// pagesOf is the names on a board of the page, which has them as its tooltips.
func pagesOf(board string) string {
	return `[...document.querySelector('pageheat-board[board="` + board + `"]').shadowRoot.querySelectorAll('.page')].map(e => e.title)`
}

// shows tells whether a board of the page has a page by its title.
func shows(title string) string {
	return `[...document.querySelectorAll('pageheat-board')].some(b => [...b.shadowRoot.querySelectorAll('.page')].some(e => e.textContent === '` + title + `'))`
}

// TestSites: what visitors do is on the boards of the page, by section, as the settings say.
func TestSites(t *testing.T) {
	kafkatest.Long(t)
	tab := browser.Open(t)
	for _, c := range []struct {
		site    string
		read    []string // pages that are opened, each before the next
		like    string   // a button that is clicked on the last
		boards  map[string][]string
		outside string // a page that does not count
	}{
		{site: "forum", read: []string{"/t/2.html", "/t/1.html", "/t/2.html"}, like: `[data-pageheat-like="1"]`, outside: "/",
			boards: map[string][]string{"trending": {"/t/2.html", "/t/1.html"}, "today": {"/t/2.html", "/t/1.html"}}},
		{site: "news", read: []string{"/sport/chess.html", "/sport/final.html", "/sport/final.html", "/sport/marathon.html", "/sport/marathon.html",
			"/sport/marathon.html", "/science/comet.html"}, outside: "/",
			boards: map[string][]string{
				"trending":         {"/sport/marathon.html", "/sport/final.html", "/science/comet.html"},
				"trending/sport":   {"/sport/marathon.html", "/sport/final.html", "/sport/chess.html"},
				"trending/science": {"/science/comet.html"},
			}},
		{site: "docs", read: []string{"/reference/flags.html", "/reference/flags.html", "/guide/install.html"}, like: `[data-pageheat-like="1"]`, outside: "/",
			boards: map[string][]string{"week": {"/guide/install.html", "/reference/flags.html"}}},
	} {
		t.Run(c.site, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
			defer cancel()
			var pageheat string
			address := static(t, c.site, &pageheat)
			deployment := harness.NewSite(t, kafkatest.Embedded(t), program)
			deployment.Create(3)
			in := deployment.Start(c.site, "--config", filepath.Join(c.site, "pageheat.yaml"), "--allow-origins", address)
			require.NoError(t, in.WaitReady(ctx))
			listening, err := in.Address(ctx)
			require.NoError(t, err)
			pageheat = "http://" + listening
			tab := tab.For(t)
			for _, page := range c.read {
				tab.Go(address + page)
				tab.Until("document.querySelector('pageheat-board').shadowRoot !== null")
			}
			if c.like != "" {
				tab.Click(c.like)
			}
			// A view that lasts a second has the title of its page.
			tab.Do(`window.read = false; setTimeout(() => { window.read = true }, 1500)`)
			tab.Until(`window.read`)
			title := tab.Text(`document.title`)
			tab.Go(address + c.outside)
			tab.Watch()
			tab.Until(shows(title))
			for board, want := range c.boards {
				names, err := json.Marshal(want)
				require.NoError(t, err)
				tab.Until("JSON.stringify(" + pagesOf(board) + ") == " + strconv.QuoteToASCII(string(names)))
			}
			for _, size := range []struct {
				name   string
				width  int64
				height int64
			}{{"wide", 1100, 800}, {"narrow", 390, 844}} {
				tab.Size(size.width, size.height)
				tab.Keep("example-" + c.site + "-" + size.name)
			}
			assert.Empty(t, tab.Wrong())
		})
	}
}
