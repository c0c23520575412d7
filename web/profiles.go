package web

import (
	"net/http"
	"net/http/pprof"
)

// profiles are the routes under which operators take profiles and execution traces of the
// process, as "go tool pprof" asks for them. The command line is not shown: a flag may hold
// a secret.
func profiles() []Route {
	const under = "/debug/pprof/"
	return []Route{
		{Path: under, Handler: http.HandlerFunc(pprof.Index)},
		{Path: under + "cmdline", Handler: http.HandlerFunc(notFound)},
		{Path: under + "profile", Handler: http.HandlerFunc(pprof.Profile)},
		{Path: under + "trace", Handler: http.HandlerFunc(pprof.Trace)},
	}
}
