package web

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// bodyTimeout is the time limit for a client to send its body.
	bodyTimeout = 5 * time.Second
	// maxHeld is the maximum size, in bytes, of the bodies held for all clients.
	maxHeld = 64 << 20
)

// errHeldOfAll and errHeldOfSender mean that the limit of buffered bytes is reached.
var (
	errHeldOfAll    = errors.New("too many bytes of requests are buffered")
	errHeldOfSender = errors.New("too many bytes of this sender's requests are buffered")
)

// held counts the bytes of one body until it is released. Bytes count as they arrive, so an
// announced body that never arrives uses nothing.
type held struct {
	source  io.Reader
	all     *atomic.Int64
	from    *sender
	most    int64 // maximum bytes to hold for the sender
	counted int64
}

// Read implements io.Reader.
func (h *held) Read(p []byte) (int, error) {
	n, err := h.source.Read(p)
	h.counted += int64(n)
	ofSender, all := h.from.held.Add(int64(n)), h.all.Add(int64(n))
	switch {
	case ofSender > h.most:
		err = errHeldOfSender
	case all > maxHeld:
		err = errHeldOfAll
	}
	return n, err
}

func (h *held) release() {
	h.from.held.Add(-h.counted)
	h.all.Add(-h.counted)
	h.counted = 0
}

// read reads and decompresses the body, within limits of size and time. The caller calls
// release when it no longer needs the bytes, even after an error.
func (i *intake) read(w http.ResponseWriter, r *http.Request, from *sender) ([]byte, *held, error) {
	h := &held{all: &i.held, from: from, most: maxBodies * int64(i.MaxBytes)}
	if r.ContentLength > int64(i.MaxBytes) { // a client that waits for 100 Continue need not send it
		return nil, h, &http.MaxBytesError{Limit: int64(i.MaxBytes)}
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, h, err
	}
	h.source = http.MaxBytesReader(w, r.Body, int64(i.MaxBytes))
	if isGzip(r) {
		unpacked, err := gzip.NewReader(h.source)
		if err != nil {
			return nil, h, fmt.Errorf("decompressing it: %w", err)
		}
		h.source = http.MaxBytesReader(w, unpacked, int64(i.MaxBytes))
	}
	content, err := io.ReadAll(h)
	return content, h, err
}

// encodings returns a request's Content-Encoding in lower case.
func encodings(r *http.Request) string {
	return strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
}

func isGzip(r *http.Request) bool { return encodings(r) == "gzip" || encodings(r) == "x-gzip" }

// unpackable reports whether read can decompress the body.
func unpackable(r *http.Request) bool {
	return encodings(r) == "" || encodings(r) == "identity" || isGzip(r)
}

// readable reports whether a body of this type can hold behaviours. The body itself decides the
// format, because a beacon is always sent as text. It must be UTF-8.
func readable(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		return false
	}
	switch media {
	case "text/plain", "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl":
		return true
	}
	return false
}
