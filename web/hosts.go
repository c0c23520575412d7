package web

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

// Hosts are the host names that operators may use in a browser. A page of another site can make
// its own name resolve to this machine (DNS rebinding), and the browser then treats us as that
// site; the Host header reveals this. localhost, the name of this machine and the address that
// the client is connected to are always allowed. Make it with NewHosts; it is safe for
// concurrent use.
type Hosts struct {
	any   bool
	names []string // in lower case, without port
}

// NewHosts reads a list of additional names, such as heat.internal; "*" allows all. The error
// names an invalid item.
func NewHosts(list []string) (*Hosts, error) {
	h := &Hosts{names: []string{"localhost"}}
	if name, err := os.Hostname(); err == nil {
		h.names = append(h.names, strings.ToLower(name))
	}
	for _, item := range list {
		item = strings.TrimSpace(item)
		if item == "*" {
			h.any = true
			continue
		}
		name := hostname(item)
		if name == "" || strings.ContainsAny(item, "/?#@ *") {
			return nil, fmt.Errorf("%q is not a host: use a name such as heat.internal, or * for all", item)
		}
		h.names = append(h.names, name)
	}
	return h, nil
}

// allow reports whether a request's host is allowed. A request without a host does not come
// from a browser.
func (h *Hosts) allow(r *http.Request) bool {
	name := hostname(r.Host)
	if h.any || name == "" || slices.Contains(h.names, name) {
		return true
	}
	who := parseAddress(name)
	if who.IsLoopback() || who.IsUnspecified() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && who.IsValid() && parseAddress(local.String()) == who
}

// hostname returns a host without its port, brackets and trailing dot.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// checked answers 421 for hosts that are not allowed.
func (h *Hosts) checked(metrics *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.allow(r) {
			metrics.refuse(refusedHost)
			Refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("This route is for operators, and %q is not one of this instance's hosts: use localhost or its address, add the host to --allow-hosts, or set a token.", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}
