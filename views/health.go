package views

import (
	"net/http"

	"pageheat/webserver"
)

// Check is a part of the program that has to be ready before /readyz says so.
type Check struct {
	// Part names it, for the answer of /readyz.
	Part string
	// Ready returns nil, or the reason why it is not ready. It is called for
	// each request, from many goroutines, and should answer from memory.
	Ready func() error
}

// HealthRoutes are what tells machines how an instance does: /healthz, which is
// public since it only says that it answers, /readyz, and /metrics unless metrics
// is nil. [Routes] has them already.
func HealthRoutes(checks []Check, metrics http.Handler) []webserver.Route {
	routes := []webserver.Route{
		{Path: "/healthz", Public: true, Handler: http.HandlerFunc(healthz)},
		webserver.Get("/readyz", func(w http.ResponseWriter, _ *http.Request) { readyz(w, checks) }),
	}
	if metrics != nil {
		routes = append(routes, webserver.Get("/metrics", metrics.ServeHTTP))
	}
	return routes
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	webserver.WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// reason says why one part of the program is not ready.
type reason struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

// notReady is a problem that lists the reasons.
type notReady struct {
	webserver.Problem
	Reasons []reason `json:"reasons"`
}

func readyz(w http.ResponseWriter, checks []Check) {
	var reasons []reason
	for _, check := range checks {
		if err := check.Ready(); err != nil {
			reasons = append(reasons, reason{check.Part, err.Error()})
		}
	}
	if len(reasons) > 0 {
		const status = http.StatusServiceUnavailable
		webserver.WriteProblem(w, status, notReady{
			webserver.NewProblem(status, "Not ready yet: wait until what is listed has recovered."), reasons})
		return
	}
	webserver.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
