package views

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// problem is an answer that something went wrong, as RFC 9457 has it. Its type
// is always about:blank: the status says what kind of problem it is, the detail
// what to do about it.
type problem struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Wait   []reason `json:"reasons,omitempty"`
}

// reason says why one part of the program is not ready.
type reason struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

func refuse(w http.ResponseWriter, status int, detail string, reasons ...reason) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, "application/problem+json", status, problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Wait: reasons,
	})
}

// writeJSON answers with an object that must not be kept by anybody between us
// and the reader.
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
	// Whether the client takes it is not our concern.
	_, _ = w.Write(body.Bytes())
}
