package web

import "net/http"

// overview serves the state of the pipeline in Kafka.
func (s *service) overview(w http.ResponseWriter, r *http.Request) {
	state, err := s.Serve.Cluster.State(r.Context())
	if err != nil {
		s.Logger.Warn("building the overview failed", "error", err)
		Refuse(w, http.StatusServiceUnavailable, "Kafka does not answer: see the log. Try again in a moment.")
		return
	}
	WriteJSON(w, http.StatusOK, state)
}
