package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/samples"
	"pageheat/views"
)

// requireBody compares a response as text: a JSON decoder might round a number.
func requireBody(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	require.Equal(t, want, strings.TrimSpace(w.Body.String()))
}

// requireProblem checks that the response is a problem document that contains a text.
func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, speaksOf string) notReady {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p notReady
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, status, p.Status)
	require.Equal(t, http.StatusText(status), p.Title)
	require.Contains(t, p.Detail, speaksOf)
	return p
}

func served() (*fakeBoards, *fakePages, Config) {
	boards, pages := newFakeBoards(), &fakePages{pages: map[string]heat.Totals{}}
	return boards, pages, Config{Serve: Serve{Boards: boards, Pages: pages, Weights: heat.DefaultWeights(), MaxStreams: 2000, MaxStreamsPerClient: 50}}
}

// handler returns a handler for everything in a configuration.
func handler(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	h, err := Handler(cfg)
	require.NoError(t, err)
	return h
}

func TestBoardIsServedAsPublished(t *testing.T) {
	boards, _, cfg := served()
	h := handler(t, cfg)
	boards.publish(views.Board{Key: views.DefaultBoard, Version: 42, Value: []byte("{\"version\":42, \"odd\" : 1}")})

	w := ask(h, "GET", "/api/v1/boards/all-time")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "{\"version\":42, \"odd\" : 1}", w.Body.String(), "byte for byte")
	require.Equal(t, `"42"`, w.Header().Get("ETag"))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))

	for _, known := range []string{`"42"`, `"41", "42"`, `W/"42"`, `*`} {
		w = ask(h, "GET", "/api/v1/boards/all-time", "If-None-Match", known)
		require.Equal(t, http.StatusNotModified, w.Code, known)
		require.Empty(t, w.Body.String())
		require.Equal(t, `"42"`, w.Header().Get("ETag"))
	}
	boards.publish(boardOf(43, 0))
	w = ask(h, "GET", "/api/v1/boards/all-time", "If-None-Match", `"42"`)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `"43"`, w.Header().Get("ETag"))

	w = ask(h, "HEAD", "/api/v1/boards/all-time")
	require.Equal(t, http.StatusOK, w.Code)
	require.Empty(t, w.Body.String())
}

func TestBoardThatIsNotThere(t *testing.T) {
	boards, _, cfg := served()
	h := handler(t, cfg)
	requireProblem(t, ask(h, "GET", "/api/v1/boards/all-time"), http.StatusNotFound, "first behaviour")
	requireProblem(t, ask(h, "GET", "/api/v1/boards/weekly"), http.StatusNotFound, `"weekly"`)
	requireProblem(t, ask(h, "GET", "/api/v1/boards/weekly/events"), http.StatusNotFound, `"weekly"`)

	boards.err = views.ErrRecovering
	w := ask(h, "GET", "/api/v1/boards/all-time")
	requireProblem(t, w, http.StatusServiceUnavailable, "try again")
	require.NotEmpty(t, w.Header().Get("Retry-After"))

	// What was read before is better than nothing.
	boards.publish(boardOf(1, 0))
	require.Equal(t, http.StatusOK, ask(h, "GET", "/api/v1/boards/all-time").Code)
}

func TestPage(t *testing.T) {
	boards, pages, cfg := served()
	h := handler(t, cfg)
	pages.pages["a page/ü&<b>"] = samples.Totals(heat.Behaviour{Clicks: 1, Minutes: 500_000_000, Like: 1})

	w := ask(h, "GET", "/api/v1/page?page=a%20page%2F%C3%BC%26%3Cb%3E")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "0.8 x clicks + 0.8 x minutes + 1 x likes", w.Header().Get(headerWeights))
	const want = `{"page":"a page/ü&<b>","heat":2.2,"clicks":1,"minutes":0.5,"likes":1,"behaviours":1}`
	requireBody(t, w, want)

	requireProblem(t, ask(h, "GET", "/api/v1/page?page=other"), http.StatusNotFound, `"other"`)

	// On further boards, but not on those of closed periods.
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	named := samples.BoardPage("a page/ü&<b>", "2.2")
	second := samples.BoardPage("a page/ü&<b>", "1.1")
	named.Rank, second.Rank = 1, 2
	for _, b := range []*codec.Board{
		{Board: "all-time", Version: 1, UpdatedAt: at, Pages: []codec.BoardPage{named}},
		{Board: "day", Version: 2, UpdatedAt: at, Kind: "calendar", AsOf: at, Pages: []codec.BoardPage{samples.BoardPage("other", "3"), second}},
		{Board: "day/2026-01-01", Version: 3, UpdatedAt: at, Kind: "calendar", AsOf: at, Final: true, Pages: []codec.BoardPage{named}},
		{Board: "hour", Version: 4, UpdatedAt: at, Kind: "window", AsOf: at, Pages: []codec.BoardPage{samples.BoardPage("other", "3")}},
	} {
		boards.publishBoard(t, b)
	}
	w = ask(handler(t, cfg), "GET", "/api/v1/page?page=a%20page%2F%C3%BC%26%3Cb%3E") // with a list of boards of its own
	requireBody(t, w, strings.TrimSuffix(want, "}")+`,"boards":{`+
		`"day":{"rank":2,"as_of":"2026-01-02T03:04:00Z","heat":1.1,"clicks":3,"minutes":1.5,"likes":1,"behaviours":2}}}`)

	// Under the address that a browser shows.
	pages.pages["/日"] = samples.Totals(heat.Behaviour{Clicks: 1})
	for _, path := range []string{"/日", "/%25e6%2597%25a5", "/%25E6%2597%25A5"} {
		require.Contains(t, ask(h, "GET", "/api/v1/page?page="+path).Body.String(), `"page":"/日"`, path)
	}
	requireProblem(t, ask(h, "GET", "/api/v1/page"), http.StatusBadRequest, "?page=")
	requireProblem(t, ask(h, "GET", "/api/v1/page?page="), http.StatusBadRequest, "?page=")
	requireProblem(t, ask(h, "GET", "/api/v1/page?page=%zz"), http.StatusBadRequest, "percent-encode")

	pages.err = views.ErrRecovering
	requireProblem(t, ask(h, "GET", "/api/v1/page?page=other"), http.StatusServiceUnavailable, "try again")
	pages.err = errors.New("secret detail")
	p := requireProblem(t, ask(h, "GET", "/api/v1/page?page=other"), http.StatusInternalServerError, "log")
	require.NotContains(t, p.Detail, "secret")
}

// All digits of large totals are told: they do not pass through a float.
func TestPageHasAllItsDigits(t *testing.T) {
	_, pages, cfg := served()
	pages.pages["big"] = heat.Totals{
		Clicks: heat.Uint128{Lo: 12345678901234567890}, Minutes: heat.Uint128{Lo: 1234567890123456789}, Likes: -3, Behaviours: 7,
	}
	w := ask(handler(t, cfg), "GET", "/api/v1/page?page=big")
	const want = `{"page":"big","heat":9876543121975308621.0987654312,"clicks":12345678901234567890,"minutes":1234567890.123456789,"likes":-3,"behaviours":7}`
	requireBody(t, w, want)
}

func TestReadiness(t *testing.T) {
	boards, pages, cfg := served()
	var heatErr error
	cfg.Checks = []Check{{"heat", func() error { return heatErr }}}
	h := handler(t, cfg)
	require.Equal(t, http.StatusOK, ask(h, "GET", "/readyz").Code)

	pages.err, heatErr = views.ErrRecovering, errors.New("partition 3 is restored: 12 % are done")
	p := requireProblem(t, ask(h, "GET", "/readyz"), http.StatusServiceUnavailable, "wait")
	require.Equal(t, []reason{{"pages", views.ErrRecovering.Error()}, {"heat", heatErr.Error()}}, p.Reasons)

	boards.err, pages.err, heatErr = views.ErrRecovering, nil, nil
	p = requireProblem(t, ask(h, "GET", "/readyz"), http.StatusServiceUnavailable, "wait")
	require.Len(t, p.Reasons, 1)
	require.Equal(t, http.StatusOK, ask(h, "GET", "/healthz").Code, "alive while it recovers")
}

func TestSettingsAndMetrics(t *testing.T) {
	_, _, cfg := served()
	var err error
	cfg.Serve.Weights, err = heat.NewWeights("0.25", "-1", "2")
	require.NoError(t, err)
	require.JSONEq(t, `{"board":"all-time","weights":{"clicks":0.25,"minutes":-1,"like":2}}`,
		ask(handler(t, cfg), "GET", "/api/v1/settings").Body.String())
	requireProblem(t, ask(handler(t, cfg), "GET", "/metrics"), http.StatusNotFound, "nothing at this address")
	cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
	require.Equal(t, "up 1\n", ask(handler(t, cfg), "GET", "/metrics").Body.String())
}

func TestWrongMethodsAndPaths(t *testing.T) {
	_, _, cfg := served()
	h := handler(t, cfg)
	for _, path := range []string{"/", "/app.js", "/api/v1/boards/all-time", "/api/v1/boards/all-time/events", "/api/v1/page", "/healthz", "/readyz"} {
		w := ask(h, "POST", path)
		requireProblem(t, w, http.StatusMethodNotAllowed, "POST")
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	for _, path := range []string{"/nothing", "/api/v1/boards/", "/api/v1/boards/all-time/", "/api/v1/boards/a/b/c", "/web/app.js", "//", "/api//v1/page", "/api/../healthz", "/healthz/"} {
		requireProblem(t, ask(h, "GET", path), http.StatusNotFound, "nothing at this address")
	}
}

func TestPrefix(t *testing.T) {
	boards, _, cfg := served()
	boards.publish(boardOf(1, 0))
	for _, prefix := range []string{"/a/heat", "a/heat", "/a/heat/"} {
		cfg.Prefix = prefix
		h := handler(t, cfg)
		require.Equal(t, http.StatusOK, ask(h, "GET", "/a/heat/").Code)
		require.Equal(t, http.StatusOK, ask(h, "GET", "/a/heat/app.js").Code)
		require.Equal(t, http.StatusOK, ask(h, "GET", "/a/heat/api/v1/boards/all-time").Code)
		w := ask(h, "GET", "/a/heat")
		require.Equal(t, http.StatusPermanentRedirect, w.Code)
		require.Equal(t, "/a/heat/", w.Header().Get("Location"))
		requireProblem(t, ask(h, "GET", "/"), http.StatusNotFound, "")
		requireProblem(t, ask(h, "GET", "/a/heater/"), http.StatusNotFound, "")
	}
}

func TestSecurityHeaders(t *testing.T) {
	_, _, cfg := served()
	h := handler(t, cfg)
	for _, path := range []string{"/", "/app.js", "/readyz", "/nothing"} {
		header := ask(h, "GET", path).Header()
		csp := header.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.Contains(t, csp, "script-src 'self'")
		require.NotContains(t, csp, "unsafe")
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
	}
}

// The dashboard takes nothing from elsewhere, works below any path, and keeps to
// its own policy.
func TestDashboardFiles(t *testing.T) {
	_, _, cfg := served()
	h := handler(t, cfg)
	for path, contentType := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/boards.js": "text/javascript", "/common.js": "text/javascript", "/compare.js": "text/javascript", "/compare": "text/html", "/graph.js": "text/javascript", "/operation.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"} {
		w := ask(h, "GET", path)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Header().Get("Content-Type"), contentType)
		require.Greater(t, w.Body.Len(), 100)
		body := w.Body.String()
		body = strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")
		require.NotContains(t, body, "http://")
		require.NotContains(t, body, "https://")
		require.NotContains(t, body, "innerHTML")
		require.NotContains(t, body, " style=")
		require.NotContains(t, body, `href="/`, "addresses are relative")
		require.NotContains(t, body, `src="/`, "addresses are relative")
		require.NotContains(t, body, `'/api`, "addresses are relative")
		require.Equal(t, http.StatusNotModified, ask(h, "GET", path, "If-None-Match", w.Header().Get("ETag")).Code)
	}
}
