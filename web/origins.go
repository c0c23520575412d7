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

// Origins are the other sites whose pages may send requests from a browser. The zero value
// allows none.
type Origins struct {
	any     bool
	list    []string
	refused *refusedOrigins // nil: refusals are not reported
}

// NewOrigins reads a list of origins such as "https://forum.example"; "*" allows all. The error
// names an invalid item.
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
			return Origins{}, fmt.Errorf("%q is not an origin: use scheme and host, and the port if it is not the default, such as https://forum.example", item)
		}
		o.list = append(o.list, strings.ToLower(item))
	}
	return o, nil
}

// Allow reports whether the page that sends a request is allowed to, and sets the headers that
// tell the browser (https://fetch.spec.whatwg.org/#http-cors-protocol). A request without an
// origin does not come from another site's page, so it is allowed.
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

// frames returns the sites that may show an answer in a frame, as the source list of the
// directive frame-ancestors (https://www.w3.org/TR/CSP3/#directive-frame-ancestors).
func (o Origins) frames() string {
	if o.any {
		return "*"
	}
	return strings.Join(append([]string{"'self'"}, o.list...), " ")
}

// told returns the same origins with reporting of refusals: to the log once a minute per
// origin, and to the metrics, which may be nil.
func (o Origins) told(log *slog.Logger, metrics *metrics) (Origins, error) {
	last, err := lru.New[string, time.Time](toldOrigins)
	if err != nil {
		return Origins{}, fmt.Errorf("remembering refused origins: %w", err)
	}
	o.refused = &refusedOrigins{log: log, metrics: metrics, last: last, lines: rate.NewLimiter(rate.Every(toldEvery/toldOrigins), toldOrigins)}
	return o, nil
}

const (
	// toldEvery is the minimum time between two log lines about one origin.
	toldEvery = time.Minute
	// toldOrigins is the number of origins that are remembered, and the maximum number of log
	// lines a minute: strangers choose what they send.
	toldOrigins = 20
	// toldBytes is the maximum length of an origin in the log.
	toldBytes = 200
)

// refusedOrigins reports refused origins. Otherwise nobody would notice that a site is not
// counted, neither the site nor its visitors.
type refusedOrigins struct {
	log     *slog.Logger
	metrics *metrics
	last    *lru.Cache[string, time.Time] // last report by origin
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
	hint := "add it to --allow-origins if it is yours"
	if origin == "null" {
		hint = "its page hides its origin: because of its Referrer-Policy, a sandboxed frame, or a local file"
	}
	f.log.Warn("refusing requests from an origin", "origin", origin, "path", r.URL.Path, "hint", hint)
}

// sameHost reports whether an origin has the host of the request.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// preflight answers the browser's CORS preflight request for the given methods and headers.
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

// Refusal explains how to allow a refused origin, and sets the header that lets the page read
// it, so that its console can show it.
func (o Origins) Refusal(w http.ResponseWriter, r *http.Request) string {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	return why(r)
}

// why explains how to allow the origin of a request.
func why(r *http.Request) string {
	if r.Header.Get("Origin") == "null" {
		return "This page hides its origin (null), so it is not allowed: serve it with a Referrer-Policy that shows the origin, such as strict-origin-when-cross-origin, and not in a sandboxed frame."
	}
	return fmt.Sprintf("Pages of %q are not allowed: add their origin to --allow-origins.", r.Header.Get("Origin"))
}
