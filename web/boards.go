package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"pageheat/views"
)

// board serves the published bytes. Each version is published once, so it identifies the bytes.
func (s *service) board(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("board")
	board, ok := s.Serve.Boards.Newest(name)
	if !ok {
		s.noBoard(w, name)
		return
	}
	serveVersion(w, r, board, "application/json", board.Value)
}

// serveVersion serves a form of a version of a board, unless the client already has it.
func serveVersion(w http.ResponseWriter, r *http.Request, version views.Board, contentType string, form []byte) {
	w.Header().Set("ETag", strconv.Quote(eventID(version)))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(form))
}

// noBoard explains why there is no board with that name.
func (s *service) noBoard(w http.ResponseWriter, name string) {
	switch {
	case s.Serve.Boards.Ready() != nil:
		Refuse(w, http.StatusServiceUnavailable, "The published boards are still being read: try again in a moment. /readyz tells when they are complete.")
	case name == views.DefaultBoard:
		Refuse(w, http.StatusNotFound, "No board has been published yet: it appears when the first behaviour is counted. Are the roles ingest, heat and rank running?")
	default:
		Refuse(w, http.StatusNotFound, fmt.Sprintf("There is no board %q. The board of all behaviours is %q.", name, views.DefaultBoard))
	}
}

// settings serves what the dashboard needs to explain heat.
func (s *service) settings(w http.ResponseWriter, _ *http.Request) {
	type weights struct {
		Clicks  json.Number `json:"clicks"`
		Minutes json.Number `json:"minutes"`
		Like    json.Number `json:"like"`
	}
	WriteJSON(w, http.StatusOK, struct {
		Board   string  `json:"board"`
		Weights weights `json:"weights"`
	}{views.DefaultBoard, weights{
		json.Number(s.Serve.Weights.Clicks()), json.Number(s.Serve.Weights.Minutes()), json.Number(s.Serve.Weights.Like()),
	}})
}
