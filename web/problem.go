package web

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// problem is an error response by RFC 9457. Its type is always about:blank: the status is the
// kind of problem, the detail tells what to do. Embed it in a struct to add members.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// newProblem returns the problem of a status with a sentence for people.
func newProblem(status int, detail string) problem {
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// Refuse answers with a problem.
func Refuse(w http.ResponseWriter, status int, detail string) {
	writeProblem(w, status, newProblem(status, detail))
}

// writeProblem answers with a body that contains a problem. If something is temporarily
// unavailable, the client is told to retry in a second, unless Retry-After is set already.
func writeProblem(w http.ResponseWriter, status int, body any) {
	if status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, "application/problem+json", status, body)
}

// WriteJSON answers with an object that must not be cached.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	writeJSON(w, "application/json", status, value)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, value any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	w.Header().Set("Cache-Control", "no-store")
	if err := encoder.Encode(value); err != nil {
		http.Error(w, "The answer cannot be written as JSON: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// An error here is the client's.
	_, _ = w.Write(body.Bytes())
}
