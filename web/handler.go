package web

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Handler returns a handler of all that cfg has served on its address for operators.
// An error says what of the configuration is wrong.
func Handler(cfg Config) (http.Handler, error) {
	routes, err := Routes(cfg)
	if err != nil {
		return nil, err
	}
	return handlerOf(cfg, routes, false), nil
}

// handlerOf returns a handler of some routes, with the access rules of cfg. operators says
// that the address is for operators while another one is public: see forOperators.
func handlerOf(cfg Config, routes []Route, operators bool) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		methods := route.Methods
		if methods == nil {
			methods = []string{http.MethodGet}
		}
		handler := route.Handler
		switch {
		case route.Public:
		case cfg.Token != "":
			handler = guarded(cfg.Token, cfg.metrics, handler)
		case cfg.Hosts != nil:
			handler = cfg.Hosts.checked(cfg.metrics, handler)
		}
		if route.Embedded {
			handler = embedded(handler)
		}
		mux.Handle(route.Path, allowing(methods, handler))
	}
	mux.HandleFunc("/", notFound)
	handler := secured(under(cfg.Prefix, mux))
	if operators {
		handler = marked(handler)
	}
	return handler
}

// operatorsKey is that of the mark that marked leaves in a request's context.
type operatorsKey struct{}

func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorsKey{}, true)))
	})
}

// forOperators reports whether a request came to an address for operators only, because
// another one is public.
func forOperators(r *http.Request) bool {
	is, _ := r.Context().Value(operatorsKey{}).(bool)
	return is
}

// under serves next below a prefix. Addresses in pages are relative, so the prefix
// alone is sent on to the prefix with a slash.
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

// secured sets security headers. All pages work with them: their code, style and data are their
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
		if len(r.TransferEncoding) > 0 {
			// A message that has a Content-Length, too, may be read in two ways
			// (RFC 9112, section 6.1). net/http takes that header away before we see
			// it, so no chunked request is followed by another one.
			header.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// embedded lets pages of other sites load an answer, also as a module or with an
// integrity attribute, for which a browser asks for permission to read it. It is the
// same for every request, so it gives nothing away.
func embedded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	Refuse(w, http.StatusNotFound, "There is nothing at this address. Where the role serve runs, the dashboard is at the root, the newest board at api/v1/boards/all-time, and what else there is in api/v1/openapi.yaml.")
}

// allowing passes on requests with one of the methods. The mux could do so too, but without
// a hint.
func allowing(methods []string, next http.Handler) http.Handler {
	allow := strings.Replace(strings.Join(methods, ", "), http.MethodGet, "GET, HEAD", 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := r.Method == http.MethodHead && slices.Contains(methods, http.MethodGet)
		if !head && !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			Refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not possible here, but: %s.", r.Method, allow))
			return
		}
		next.ServeHTTP(w, r)
	})
}
