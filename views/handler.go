package views

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/webserver"
)

// DefaultBoard is the board that the dashboard shows.
const DefaultBoard = "all-time"

// How many event streams are served at a time by default, of all and of one client.
const (
	DefaultMaxStreams          = 2000
	DefaultMaxStreamsPerClient = 50
)

// HeaderWeights is the header of a page's answer that says by which weights it is scored:
// while they are changed, one instance after the other, answers may differ.
const HeaderWeights = "Pageheat-Weights"

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
	// empty for the root. It is for NewHandler.
	Prefix string
	// Origins are the sites whose pages may read the boards, besides our own.
	Origins webserver.Origins
	// MaxStreams bounds the event streams served at a time; 0 for
	// DefaultMaxStreams. Some more are kept for an address that is for operators
	// alone (webserver.ForOperators).
	MaxStreams int
	// MaxStreamsPerClient bounds those of one client, an address or a /64 network
	// of IPv6; 0 for DefaultMaxStreamsPerClient.
	MaxStreamsPerClient int
	// Proxies are those whose X-Forwarded-For is believed.
	Proxies webserver.Proxies
	// Streams count event streams; nil for none.
	Streams *StreamMetrics
	// Logger gets errors that are not the client's; nil for none.
	Logger *slog.Logger
}

type handler struct {
	HandlerConfig
	streams      *streamPlaces
	encoded      encodedEvents
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
// count of open streams and the newest event of each board.
func NewHandler(cfg HandlerConfig) http.Handler {
	return webserver.Handler(webserver.Config{Routes: Routes(cfg), Prefix: cfg.Prefix})
}

func newHandler(cfg HandlerConfig) *handler {
	if cfg.MaxStreams <= 0 {
		cfg.MaxStreams = DefaultMaxStreams
	}
	if cfg.MaxStreamsPerClient <= 0 {
		cfg.MaxStreamsPerClient = DefaultMaxStreamsPerClient
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	places := &streamPlaces{most: cfg.MaxStreams, perClient: cfg.MaxStreamsPerClient, metrics: cfg.Streams, clients: map[netip.Addr]int{}}
	return &handler{HandlerConfig: cfg, streams: places, writeTimeout: eventTimeout}
}

// Routes returns what a handler serves, to be served beside other things. Boards
// are public, all else is for those who operate pageheat.
func Routes(cfg HandlerConfig) []webserver.Route { return newHandler(cfg).routes() }

func (h *handler) routes() []webserver.Route {
	routes := []webserver.Route{
		h.public("/api/v1/boards/{board}", h.board),
		h.public("/api/v1/boards/{board}/events", h.events),
		webserver.Get("/api/v1/page", h.page),
		webserver.Get("/api/v1/settings", h.settings),
	}
	for path, file := range map[string]string{
		"/{$}": "index.html", "/app.js": "app.js", "/names.js": "names.js", "/graph.js": "graph.js", "/operation.js": "operation.js", "/style.css": "style.css", "/icon.svg": "icon.svg",
	} {
		// The files are part of the program: one that is missing shows in
		// every test, as an empty answer.
		content, _ := web.ReadFile("web/" + file)
		routes = append(routes, webserver.Route{Path: path, Handler: webserver.NewAsset(file, content)})
	}
	checks := slices.Concat([]Check{{"boards", h.Boards.Ready}, {"pages", h.Pages.Ready}}, h.Checks)
	return append(routes, HealthRoutes(checks, h.Metrics)...)
}

// public is a route for everybody; pages of allowed sites may read it too.
func (h *handler) public(path string, serve http.HandlerFunc) webserver.Route {
	return webserver.Route{Path: path, Public: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Origins.Allow(w, r) {
			// The page may read the refusal, so that its console can say what to do.
			w.Header().Set("Access-Control-Allow-Origin", "*")
			webserver.Refuse(w, http.StatusForbidden, h.Origins.Refusal(r))
			return
		}
		serve(w, r)
	})}
}

//go:embed web
var web embed.FS

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
		webserver.Refuse(w, http.StatusServiceUnavailable, "The published boards are still being read: ask again in a moment, /readyz says when it is done.")
	case name == DefaultBoard:
		webserver.Refuse(w, http.StatusNotFound, "No board has been published yet: it appears when the first behaviour is counted. Are the roles ingest, heat and rank running?")
	default:
		webserver.Refuse(w, http.StatusNotFound, fmt.Sprintf("There is no board %q. The board over all behaviours is %q.", name, DefaultBoard))
	}
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		webserver.Refuse(w, http.StatusBadRequest, fmt.Sprintf("The query cannot be read (%v): percent-encode the name of the page.", err))
		return
	}
	name := query.Get("page")
	if name == "" {
		webserver.Refuse(w, http.StatusBadRequest, "The page is missing: ask for api/v1/page?page=NAME.")
		return
	}
	totals, ok, err := h.Pages.Get(name)
	if err == nil && !ok {
		// Under the address that a browser shows it is found, too.
		if readable := codec.ReadablePath(name); readable != name {
			name = readable
			totals, ok, err = h.Pages.Get(name)
		}
	}
	switch {
	case errors.Is(err, ErrRecovering):
		webserver.Refuse(w, http.StatusServiceUnavailable, "The heat table is still being read: ask again in a moment, /readyz says when it is done.")
	case err != nil:
		h.Logger.Error("a page cannot be answered", "page", name, "error", err)
		webserver.Refuse(w, http.StatusInternalServerError, "The totals of this page cannot be read: is this program older than the one that wrote them? The log says more.")
	case !ok:
		webserver.Refuse(w, http.StatusNotFound, fmt.Sprintf("No behaviour of page %q has been counted. Names are compared byte by byte; a new page appears after the next commit.", name))
	default:
		w.Header().Set(HeaderWeights, h.Weights.String())
		webserver.WriteJSON(w, http.StatusOK, NewPageHeat(name, totals, h.Weights))
	}
}

// settings is what the dashboard has to know to say how heat is made.
func (h *handler) settings(w http.ResponseWriter, _ *http.Request) {
	type weights struct {
		Clicks  json.Number `json:"clicks"`
		Minutes json.Number `json:"minutes"`
		Like    json.Number `json:"like"`
	}
	webserver.WriteJSON(w, http.StatusOK, struct {
		Board   string  `json:"board"`
		Weights weights `json:"weights"`
	}{DefaultBoard, weights{
		json.Number(h.Weights.Clicks()), json.Number(h.Weights.Minutes()), json.Number(h.Weights.Like()),
	}})
}
