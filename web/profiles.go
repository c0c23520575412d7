package web

import (
	"net/http"
	"net/http/pprof"
)

// profiles are the routes for profiles and execution traces of the process, as "go tool pprof"
// requests them. The command line is not served: a flag may hold a secret.
func profiles() []Route {
	const under = "/debug/pprof/"
	return []Route{
		{Path: under, Handler: http.HandlerFunc(pprof.Index)},
		{Path: under + "cmdline", Handler: http.HandlerFunc(notFound)},
		{Path: under + "profile", Handler: http.HandlerFunc(pprof.Profile)},
		{Path: under + "trace", Handler: http.HandlerFunc(pprof.Trace)},
	}
}
