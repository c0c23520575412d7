package webserver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins are the sites whose pages may ask from a browser, besides our own. The
// zero value allows no others.
type Origins struct {
	any  bool
	list []string
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
		return false
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	return true
}

// sameHost says whether an origin is that of the host that was asked.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// Preflight answers the question that a browser asks before it sends what is not a
// simple request, for the given methods and headers.
func (o Origins) Preflight(methods, headers string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !o.Allow(w, r) {
			Refuse(w, http.StatusForbidden, o.Refusal(r))
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", methods)
		w.Header().Set("Access-Control-Allow-Headers", headers)
		w.Header().Set("Access-Control-Max-Age", "7200")
		w.WriteHeader(http.StatusNoContent)
	}
}

// Refusal says what to do about an origin that is not allowed.
func (o Origins) Refusal(r *http.Request) string {
	return fmt.Sprintf("Pages of %q may not ask here: their origin has to be in --allow-origins.", r.Header.Get("Origin"))
}
