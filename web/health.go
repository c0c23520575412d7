package web

import "net/http"

// Check is a part of the program that must be ready before /readyz answers 200.
type Check struct {
	// Part names it in the answer of /readyz.
	Part string
	// Ready returns nil, or the reason why the part is not ready. It is called for
	// each request, from many goroutines, and should answer from memory.
	Ready func() error
}

// healthz answers as long as the process does.
func healthz(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// reason says why one part of the program is not ready.
type reason struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

// notReady is a problem with the list of reasons.
type notReady struct {
	problem
	Reasons []reason `json:"reasons"`
}

// readyz asks the parts of the two roles, and then the rest of the program.
func (s *service) readyz(w http.ResponseWriter, _ *http.Request) {
	var checks []Check
	if s.Serve.Boards != nil {
		checks = append(checks, Check{"boards", s.Serve.Boards.Ready}, Check{"pages", s.Serve.Pages.Ready})
	}
	if s.Collect.Collector != nil {
		checks = append(checks, Check{"collect", s.Collect.Collector.Ready})
	}
	var reasons []reason
	for _, check := range append(checks, s.Checks...) {
		if err := check.Ready(); err != nil {
			reasons = append(reasons, reason{check.Part, err.Error()})
		}
	}
	if len(reasons) > 0 {
		const status = http.StatusServiceUnavailable
		writeProblem(w, status, notReady{
			newProblem(status, "Not ready: wait until the listed parts have recovered."), reasons})
		return
	}
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
