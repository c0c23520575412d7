package web

import "net/http"

// overview answers with what the cluster says of the pipeline.
func (s *service) overview(w http.ResponseWriter, r *http.Request) {
	state, err := s.Serve.Cluster.State(r.Context())
	if err != nil {
		s.Logger.Warn("building the overview failed", "error", err)
		Refuse(w, http.StatusServiceUnavailable, "Kafka does not answer: the log says more. Try again in a moment.")
		return
	}
	WriteJSON(w, http.StatusOK, state)
}
