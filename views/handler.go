package views

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"pageheat/heat"
)

// DefaultBoard is the board that the dashboard shows.
const DefaultBoard = "all-time"

// DefaultMaxStreams is how many event streams are served at a time by default.
const DefaultMaxStreams = 256

// BoardReader gives the newest boards. *Boards is one.
type BoardReader interface {
	// Newest returns the newest version of a board.
	Newest(name string) (Board, bool)
	// Changed returns a channel that is closed at the next change.
	Changed() <-chan struct{}
	// Ready returns nil while all that is published has been read, else why not.
	Ready() error
}

// PageReader gives the totals of pages. *Pages is one.
type PageReader interface {
	// Get returns the totals of a page, and whether it is known, or
	// ErrRecovering.
	Get(page string) (heat.Totals, bool, error)
	// Ready returns nil while the whole table has been read, else why not.
	Ready() error
}

// Check is a part of the program that has to be ready before /readyz says so.
type Check struct {
	// Part names it, for the answer of /readyz.
	Part string
	// Ready returns nil, or the reason why it is not ready. It is called for
	// each request, from many goroutines, and should answer from memory.
	Ready func() error
}

// HandlerConfig says what NewHandler serves.
type HandlerConfig struct {
	// Boards and Pages are what is shown. Both are needed.
	Boards BoardReader
	Pages  PageReader
	// Weights make heat of a page's totals.
	Weights heat.Weights
	// Checks are asked by /readyz, after the boards and pages themselves.
	Checks []Check
	// Metrics answers /metrics; nil for not found.
	Metrics http.Handler
	// Prefix is the path under which everything is served, such as "/heat";
	// empty for the root.
	Prefix string
	// MaxStreams bounds the event streams served at a time; 0 for
	// DefaultMaxStreams.
	MaxStreams int
	// Logger gets errors that are not the client's; nil for none.
	Logger *slog.Logger
}

type handler struct {
	HandlerConfig
	streams      chan struct{} // holds one token for each open stream
	writeTimeout time.Duration // for one event
}

// NewHandler returns the HTTP API and the dashboard:
//
//	GET /                              the dashboard
//	GET /api/v1/boards/{board}         the newest board, as it was published
//	GET /api/v1/boards/{board}/events  the same as server-sent events
//	GET /api/v1/page?page=...          one page
//	GET /api/v1/settings               the weights and the dashboard's board
//	GET /healthz, /readyz, /metrics    for those who operate it
//
// Errors are application/problem+json (RFC 9457) with a sentence that says what
// to do. The handler is safe for concurrent use and keeps no state but the
// count of open streams.
func NewHandler(cfg HandlerConfig) http.Handler { return newHandler(cfg).routes() }

func newHandler(cfg HandlerConfig) *handler {
	if cfg.MaxStreams <= 0 {
		cfg.MaxStreams = DefaultMaxStreams
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &handler{HandlerConfig: cfg, streams: make(chan struct{}, cfg.MaxStreams), writeTimeout: eventTimeout}
}

func (h *handler) routes() http.Handler {
	mux := http.NewServeMux()
	get := func(pattern string, serve http.HandlerFunc) {
		mux.HandleFunc("GET "+pattern, serve)
		mux.HandleFunc(pattern, notAllowed)
	}
	get("/api/v1/boards/{board}", h.board)
	get("/api/v1/boards/{board}/events", h.events)
	get("/api/v1/page", h.page)
	get("/api/v1/settings", h.settings)
	get("/healthz", h.healthz)
	get("/readyz", h.readyz)
	if h.Metrics != nil {
		get("/metrics", h.Metrics.ServeHTTP)
	}
	for _, a := range dashboard() {
		get(a.pattern, a.serve)
	}
	mux.HandleFunc("/", notFound)
	return secured(under(h.Prefix, mux))
}

// under serves next below a prefix. The dashboard's addresses are relative, so
// the prefix alone is sent on to the prefix with a slash.
func under(prefix string, next http.Handler) http.Handler {
	prefix = strings.TrimSuffix(path.Clean("/"+prefix), "/")
	below := http.StripPrefix(prefix, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case prefix != "" && p == prefix:
			w.Header().Set("Location", prefix+"/")
			w.WriteHeader(http.StatusPermanentRedirect)
		case !strings.HasPrefix(p, prefix+"/"), !plain(p):
			// The mux would send an odd path on to a plain one, without the
			// prefix.
			notFound(w, r)
		default:
			below.ServeHTTP(w, r)
		}
	})
}

// plain says whether a path has neither empty nor dotted segments; it may end in
// a slash.
func plain(p string) bool {
	return p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/") && p != "//"
}

// secured sets the headers that keep a browser from doing with an answer what
// it is not for. The dashboard lives with them: its code, style and data are its
// own, and nothing else is loaded.
func secured(next http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
		"img-src 'self' data:", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusNotFound, "There is nothing at this address. The dashboard is at the root, the newest board at api/v1/boards/"+DefaultBoard+".")
}

func notAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not possible here: everything is read with GET.", r.Method))
}

// board answers with the published bytes. A version is published once, so it
// says which bytes they are.
func (h *handler) board(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("board")
	board, ok := h.Boards.Newest(name)
	if !ok {
		h.noBoard(w, name)
		return
	}
	w.Header().Set("ETag", strconv.Quote(eventID(board)))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(board.Value))
}

// noBoard says why there is no board of that name.
func (h *handler) noBoard(w http.ResponseWriter, name string) {
	switch {
	case h.Boards.Ready() != nil:
		refuse(w, http.StatusServiceUnavailable, "The published boards are still being read: ask again in a moment, /readyz says when it is done.")
	case name == DefaultBoard:
		refuse(w, http.StatusNotFound, "No board has been published yet: it appears when the first behaviour is counted. Are the roles ingest, heat and rank running?")
	default:
		refuse(w, http.StatusNotFound, fmt.Sprintf("There is no board %q. The board over all behaviours is %q.", name, DefaultBoard))
	}
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("The query cannot be read (%v): percent-encode the name of the page.", err))
		return
	}
	name := query.Get("page")
	if name == "" {
		refuse(w, http.StatusBadRequest, "The page is missing: ask for api/v1/page?page=NAME.")
		return
	}
	totals, ok, err := h.Pages.Get(name)
	switch {
	case errors.Is(err, ErrRecovering):
		refuse(w, http.StatusServiceUnavailable, "The heat table is still being read: ask again in a moment, /readyz says when it is done.")
	case err != nil:
		h.Logger.Error("a page cannot be answered", "page", name, "error", err)
		refuse(w, http.StatusInternalServerError, "The totals of this page cannot be read: is this program older than the one that wrote them? The log says more.")
	case !ok:
		refuse(w, http.StatusNotFound, fmt.Sprintf("No behaviour of page %q has been counted. Names are compared byte by byte; a new page appears after the next commit.", name))
	default:
		writeJSON(w, "application/json", http.StatusOK, NewPageHeat(name, totals, h.Weights))
	}
}

// settings is what the dashboard has to know to say how heat is made.
func (h *handler) settings(w http.ResponseWriter, _ *http.Request) {
	type weights struct {
		Clicks  json.Number `json:"clicks"`
		Minutes json.Number `json:"minutes"`
		Like    json.Number `json:"like"`
	}
	writeJSON(w, "application/json", http.StatusOK, struct {
		Board   string  `json:"board"`
		Weights weights `json:"weights"`
	}{DefaultBoard, weights{
		json.Number(h.Weights.Clicks()), json.Number(h.Weights.Minutes()), json.Number(h.Weights.Like()),
	}})
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, "application/json", http.StatusOK, map[string]string{"status": "alive"})
}

func (h *handler) readyz(w http.ResponseWriter, _ *http.Request) {
	checks := slices.Concat([]Check{
		{"boards", h.Boards.Ready},
		{"pages", h.Pages.Ready},
	}, h.Checks)
	var reasons []reason
	for _, check := range checks {
		if err := check.Ready(); err != nil {
			reasons = append(reasons, reason{check.Part, err.Error()})
		}
	}
	if len(reasons) > 0 {
		refuse(w, http.StatusServiceUnavailable, "Not ready yet: wait until what is listed has recovered.", reasons...)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, map[string]string{"status": "ready"})
}
