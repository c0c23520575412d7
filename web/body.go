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
	// bodyTimeout is how long a client may take to send its body.
	bodyTimeout = 5 * time.Second
	// maxHeld is the maximum size, in bytes, of the bodies held for all clients.
	maxHeld = 64 << 20
)

// errHeldOfAll and errHeldOfSender say that too many bytes are held already.
var (
	errHeldOfAll    = errors.New("too many bytes of requests are held")
	errHeldOfSender = errors.New("too many bytes of this sender's requests are held")
)

// held counts the bytes of one body until it is released. They count as they come:
// what is announced and never sent takes no place.
type held struct {
	source  io.Reader
	all     *atomic.Int64
	from    *sender
	most    int64 // how many bytes may be held of the sender
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

// read reads the body, unpacked, within limits of size and time. The caller
// releases what is held once it is no longer needed, also after an error.
func (i *intake) read(w http.ResponseWriter, r *http.Request, from *sender) ([]byte, *held, error) {
	h := &held{all: &i.held, from: from, most: maxBodies * int64(i.MaxBytes)}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, h, err
	}
	h.source = http.MaxBytesReader(w, r.Body, int64(i.MaxBytes))
	if isGzip(r) {
		unpacked, err := gzip.NewReader(h.source)
		if err != nil {
			return nil, h, fmt.Errorf("unpacking it: %w", err)
		}
		h.source = http.MaxBytesReader(w, unpacked, int64(i.MaxBytes))
	}
	content, err := io.ReadAll(h)
	return content, h, err
}

// encodings are those of a request's Content-Encoding, in lower case.
func encodings(r *http.Request) string {
	return strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
}

func isGzip(r *http.Request) bool { return encodings(r) == "gzip" || encodings(r) == "x-gzip" }

// unpackable reports whether a body's encoding is one that read unpacks.
func unpackable(r *http.Request) bool {
	return encodings(r) == "" || encodings(r) == "identity" || isGzip(r)
}

// readable reports whether a body of a type can be one of behaviours. Which one it
// is, the body says: a beacon is text, whatever is in it. All of it is UTF-8.
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
