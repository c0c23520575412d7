package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Origins are the sites whose pages may ask from a browser, besides our own. The
// zero value allows no others.
type Origins struct {
	any     bool
	list    []string
	refused *refusedOrigins // nil: refusals are not reported
}

// NewOrigins reads a list of origins such as "https://forum.example"; "*" allows
// all. An error names the one that is none.
func NewOrigins(list []string) (Origins, error) {
	var o Origins
	for _, item := range list {
		item = strings.TrimSpace(item)
		if item == "*" {
			o.any = true
			continue
		}
		u, err := url.Parse(item)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || item != u.Scheme+"://"+u.Host {
			return Origins{}, fmt.Errorf("%q is no origin: say scheme and host, and the port where it is not the usual one, such as https://forum.example", item)
		}
		o.list = append(o.list, strings.ToLower(item))
	}
	return o, nil
}

// Allow reports whether the page that sends a request may, and sets the headers
// that tell the browser so (https://fetch.spec.whatwg.org/#http-cors-protocol). A
// request without an origin does not come from another site's page: it is
// allowed.
func (o Origins) Allow(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || r.Header.Get("Sec-Fetch-Site") == "same-origin" || sameHost(origin, r.Host) {
		return true
	}
	switch {
	case slices.Contains(o.list, strings.ToLower(origin)):
		w.Header().Set("Access-Control-Allow-Origin", origin)
	case o.any:
		w.Header().Set("Access-Control-Allow-Origin", "*")
	default:
		o.refused.note(origin, r)
		return false
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	return true
}

// told returns the same origins, of which a refused one is told: to the log once a
// minute for each, and to the metrics, which may be nil.
func (o Origins) told(log *slog.Logger, metrics *metrics) (Origins, error) {
	last, err := lru.New[string, time.Time](toldOrigins)
	if err != nil {
		return Origins{}, fmt.Errorf("remembering refused origins: %w", err)
	}
	o.refused = &refusedOrigins{log: log, metrics: metrics, last: last, lines: rate.NewLimiter(rate.Every(toldEvery/toldOrigins), toldOrigins)}
	return o, nil
}

const (
	// toldEvery is the least time between two log lines about one origin.
	toldEvery = time.Minute
	// toldOrigins is how many origins are remembered, and how many lines a minute
	// there are at most about all: strangers choose what they send.
	toldOrigins = 20
	// toldBytes is how much is shown of an origin.
	toldBytes = 200
)

// refusedOrigins tells of origins that were refused: a site whose pages are not
// counted sees nothing of it, and neither do its visitors.
type refusedOrigins struct {
	log     *slog.Logger
	metrics *metrics
	last    *lru.Cache[string, time.Time] // when an origin was told of
	lines   *rate.Limiter
}

func (f *refusedOrigins) note(origin string, r *http.Request) {
	if f == nil {
		return
	}
	f.metrics.refuse(refusedOrigin)
	origin = origin[:min(len(origin), toldBytes)]
	now := time.Now()
	if at, ok := f.last.Get(origin); ok && now.Sub(at) < toldEvery || !f.lines.AllowN(now, 1) {
		return
	}
	f.last.Add(origin, now)
	hint := "name it in --allow-origins if it is yours"
	if origin == "null" {
		hint = "its page hides where it is: by its Referrer-Policy, in a sandboxed frame, or as a file"
	}
	f.log.Warn("requests from an origin are refused", "origin", origin, "path", r.URL.Path, "hint", hint)
}

// sameHost says whether an origin is that of the host that was asked.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// preflight answers the question that a browser asks before it sends what is not a
// simple request, for the given methods and headers.
func (o Origins) preflight(w http.ResponseWriter, r *http.Request, methods, headers string) {
	if !o.Allow(w, r) {
		Refuse(w, http.StatusForbidden, why(r))
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", methods)
	w.Header().Set("Access-Control-Allow-Headers", headers)
	w.Header().Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusNoContent)
}

// Refusal says what to do about an origin that Allow did not allow, and sets the header
// that lets the page read it, so that its console can show it.
func (o Origins) Refusal(w http.ResponseWriter, r *http.Request) string {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	return why(r)
}

// why says what to do about the origin of a request.
func why(r *http.Request) string {
	if r.Header.Get("Origin") == "null" {
		return "This page hides its origin (null), so it may not ask here: serve it with a Referrer-Policy that shows the origin, such as strict-origin-when-cross-origin, and outside of sandboxed frames."
	}
	return fmt.Sprintf("Pages of %q may not ask here: their origin has to be in --allow-origins.", r.Header.Get("Origin"))
}
