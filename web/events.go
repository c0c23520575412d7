package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"pageheat/views"
)

const (
	// eventInterval is the minimum time between two events of one client.
	eventInterval = 100 * time.Millisecond
	// heartbeat is the maximum silence of a stream: proxies close idle connections after 30 to
	// 60 seconds.
	heartbeat = 15 * time.Second
	// eventTimeout is the time limit for a client to accept one event. Only its own stream
	// waits for it.
	eventTimeout = 10 * time.Second
	// retryAfter is the delay before a browser reconnects.
	retryAfter = 2 * time.Second
)

// eventID is the board's version as text: the ID of its event, and its ETag.
func eventID(b views.Board) string { return strconv.FormatUint(b.Version, 10) }

// events serves one board as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each event is the newest
// board at that moment; versions in between are skipped. So a slow client costs one goroutine
// and sees fewer versions. The kernel buffers about 64 KiB of unread data; when that is full,
// the client is dropped after eventTimeout.
func (s *service) events(w http.ResponseWriter, r *http.Request) {
	key := boardKey(r)
	// Clients may wait for the default board before its first version.
	if _, ok := s.Serve.Boards.Newest(key); !ok && key != views.DefaultBoard {
		s.noBoard(w, key)
		return
	}
	leave, why := s.streams.take(s.Proxies.Client(r), forOperators(r))
	switch why {
	case "":
		defer leave()
	case streamsOfClient:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		Refuse(w, http.StatusTooManyRequests, fmt.Sprintf("This address has %d event streams already, the maximum of one client (--max-streams-per-client): poll %s instead.",
			s.Serve.MaxStreamsPerClient, boardPath(key, "")))
		return
	default:
		Refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("All event streams are in use: poll %s instead, or connect to another instance.", boardPath(key, "")))
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // otherwise nginx buffers events
	if r.Method == http.MethodHead {
		return
	}
	to := stream{w: w, control: http.NewResponseController(w), timeout: s.writeTimeout}
	if err := to.begin(); err != nil {
		// The client is gone, or this server cannot stream. The first is the usual end; the
		// second shows on the first attempt.
		s.Logger.Debug("an event stream did not begin", "error", err)
		return
	}
	err := s.follow(&to, r, key)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.streams.drop()
	}
	s.Logger.Debug("an event stream has ended", "board", key, "client", r.RemoteAddr, "error", err)
}

// errBoardDeleted ends the streams of a board that was deleted.
var errBoardDeleted = errors.New("the board was deleted")

// follow sends the board until the client or the server goes away, or the board.
func (s *service) follow(to *stream, r *http.Request, key string) error {
	sent := r.Header.Get("Last-Event-ID")
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	rest := time.NewTimer(eventInterval)
	defer rest.Stop()
	resting := false
	for {
		var changed <-chan struct{}
		if !resting {
			changed = s.Serve.Boards.Changed(key)
			board, ok := s.Serve.Boards.Newest(key)
			if !ok && key != views.DefaultBoard {
				return errBoardDeleted // a client that connects again is told so
			}
			if ok && eventID(board) != sent {
				event, err := s.encoded.of(board)
				if err == nil {
					err = to.send(event)
				}
				if err != nil {
					return err
				}
				sent = eventID(board)
				beat.Reset(heartbeat)
				rest.Reset(eventInterval)
				resting = true
				changed = nil
			}
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-changed:
		case <-rest.C:
			resting = false
		case <-beat.C:
			if err := to.send([]byte(":\n\n")); err != nil {
				return err
			}
			beat.Reset(heartbeat)
		}
	}
}

// maxEncoded is the maximum number of encoded events that are kept.
const maxEncoded = 1000

// encodedEvents are the newest events, by board. Each version is encoded once for all clients.
// The zero value is ready.
type encodedEvents struct {
	mu     sync.RWMutex
	events map[string]encodedEvent
}

// encodedEvent is the encoding of one version. It is shared and never changed.
type encodedEvent struct {
	version uint64
	text    []byte
}

// of returns the event of a board. The caller must not modify it.
func (e *encodedEvents) of(board views.Board) ([]byte, error) {
	e.mu.RLock()
	known := e.events[board.Key]
	e.mu.RUnlock()
	if known.version == board.Version && known.text != nil {
		return known.text, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known = e.events[board.Key]
	if known.version == board.Version && known.text != nil {
		return known.text, nil // by another stream in the meantime
	}
	text, err := encodeEvent(board)
	if err != nil {
		return nil, err
	}
	// A stream may still need the previous version; it is not kept.
	if board.Version > known.version {
		if len(e.events) >= maxEncoded {
			clear(e.events)
		}
		if e.events == nil {
			e.events = make(map[string]encodedEvent)
		}
		e.events[board.Key] = encodedEvent{board.Version, text}
	}
	return text, nil
}

// encodeEvent encodes a board as an event with one data line, because a line break ends a
// field.
func encodeEvent(board views.Board) ([]byte, error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "id: %s\ndata: ", eventID(board))
	if bytes.ContainsAny(board.Value, "\r\n") {
		if err := json.Compact(&text, board.Value); err != nil {
			return nil, fmt.Errorf("sending board %s version %d: %w", board.Key, board.Version, err)
		}
	} else {
		text.Write(board.Value)
	}
	text.WriteString("\n\n")
	return text.Bytes(), nil
}

// stream writes events to one client. It belongs to one goroutine.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

// begin sends the headers and the reconnection delay.
func (s *stream) begin() error {
	return s.send(fmt.Appendf(nil, "retry: %d\n\n", retryAfter.Milliseconds()))
}

// send writes and flushes within the timeout.
func (s *stream) send(b []byte) error {
	err := s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		if _, err = s.w.Write(b); err == nil {
			err = s.control.Flush()
		}
	}
	if err != nil {
		return fmt.Errorf("sending to an event stream: %w", err)
	}
	return nil
}
