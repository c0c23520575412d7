package web

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Handler returns a handler for all routes of cfg, as on its address for operators. The error
// names what is wrong with the configuration.
func Handler(cfg Config) (http.Handler, error) {
	routes, err := Routes(cfg)
	if err != nil {
		return nil, err
	}
	return handlerOf(cfg, routes, false), nil
}

// handlerOf returns a handler of some routes with the access rules of cfg. operators means that
// the address is only for operators because another one is public: see forOperators.
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
		case cfg.Token != nil:
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

// operatorsKey is the context key of the value that marked sets.
type operatorsKey struct{}

func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorsKey{}, true)))
	})
}

// forOperators reports whether a request came in on an address only for operators, because
// another one is public.
func forOperators(r *http.Request) bool {
	is, _ := r.Context().Value(operatorsKey{}).(bool)
	return is
}

// under serves next below a prefix. Pages use relative addresses, so the prefix without a slash
// redirects to the prefix with one.
func under(prefix string, next http.Handler) http.Handler {
	prefix = strings.TrimSuffix(path.Clean("/"+prefix), "/")
	below := http.StripPrefix(prefix, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case prefix != "" && p == prefix:
			w.Header().Set("Location", prefix+"/")
			w.WriteHeader(http.StatusPermanentRedirect)
		case !strings.HasPrefix(p, prefix+"/"), !plain(p):
			// The mux would redirect an unclean path to a clean one without the prefix.
			notFound(w, r)
		default:
			below.ServeHTTP(w, r)
		}
	})
}

// plain reports whether a path has no empty or dotted segments; it may end in a slash.
func plain(p string) bool {
	return p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/") && p != "//"
}

// secured sets security headers. All pages comply: they load only their own code, style and
// data.
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
			// A message that also has a Content-Length can be read in two ways (RFC 9112,
			// section 6.1). net/http removes that header before we see it, so a chunked request
			// is the last one on its connection.
			header.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// embedded lets pages of other sites load an answer, also as a module or with an integrity
// attribute, which both need CORS. The answer is the same for every request, so it reveals
// nothing.
func embedded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	Refuse(w, http.StatusNotFound, "There is nothing at this address. On an instance with the role serve, the dashboard is at the root and the newest board at api/v1/boards/all-time; api/v1/openapi.yaml describes the other routes.")
}

// allowing passes on requests with one of the methods. The mux could do this too, but without a
// hint.
func allowing(methods []string, next http.Handler) http.Handler {
	allow := strings.Replace(strings.Join(methods, ", "), http.MethodGet, "GET, HEAD", 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := r.Method == http.MethodHead && slices.Contains(methods, http.MethodGet)
		if !head && !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			Refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not allowed here. Use one of: %s.", r.Method, allow))
			return
		}
		next.ServeHTTP(w, r)
	})
}
