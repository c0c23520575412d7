package logging

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// window is the minimum time between two lines that say the same of the same subject.
	window = time.Minute
	// mostRemembered bounds the lines that are remembered; further ones are all written.
	mostRemembered = 1024
)

// The attributes that a line gets which stands for repetitions.
const (
	keySuppressed = "suppressed" // their number
	keyLastAt     = "last_at"    // when the last of them was logged
)

// identifies reports whether lines with different values of an attribute say something about
// different subjects. The others say how it stands: an error, an offset, a duration.
func identifies(key string) bool {
	switch key {
	case "role", "component", "client_id", "topic", "partition", "input_partition", "group", "board", "file", "line",
		"right", "feature", "origin", "listener", "address":
		return true
	}
	return false
}

// suppressing is a handler that writes a line at once if the same was not written for a minute.
// Of the repetitions in between, it writes the last one at the end of the minute, with their
// number. Debug lines are all written: they are asked for to see everything.
type suppressing struct {
	inner   slog.Handler
	subject string // of the attributes that the logger has
	grouped bool   // attributes are in a group, and identify nothing
	repeats *repeats
}

// Enabled implements slog.Handler.
func (h *suppressing) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *suppressing) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return h.inner.Handle(ctx, r)
	}
	var subject strings.Builder
	subject.WriteString(r.Message)
	subject.WriteString(h.subject)
	if !h.grouped {
		r.Attrs(func(a slog.Attr) bool {
			addSubject(&subject, a)
			return true
		})
	}
	if h.repeats.suppress(subject.String(), h.inner, r) {
		return nil
	}
	return h.inner.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *suppressing) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	derived.inner = h.inner.WithAttrs(attrs)
	if !h.grouped {
		var subject strings.Builder
		subject.WriteString(h.subject)
		for _, a := range attrs {
			addSubject(&subject, a)
		}
		derived.subject = subject.String()
	}
	return &derived
}

// WithGroup implements slog.Handler.
func (h *suppressing) WithGroup(name string) slog.Handler {
	derived := *h
	derived.inner, derived.grouped = h.inner.WithGroup(name), true
	return &derived
}

func addSubject(subject *strings.Builder, a slog.Attr) {
	if identifies(a.Key) {
		subject.WriteString("\x00" + a.Key + "=" + a.Value.String())
	}
}

// repeats are the lines of the last minute, by what they say and of what. It is safe for
// concurrent use.
type repeats struct {
	mu     sync.Mutex
	recent map[string]*repeat
	closed bool
}

// repeat is a line that was written in the last minute.
type repeat struct {
	timer      *time.Timer
	suppressed int          // since then
	last       slog.Record  // of these
	handler    slog.Handler // of last
}

func newRepeats() *repeats { return &repeats{recent: make(map[string]*repeat)} }

// suppress reports whether a line repeats another one of the last minute, and keeps it then.
func (s *repeats) suppress(subject string, handler slog.Handler, r slog.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.recent[subject]; known != nil {
		known.suppressed++
		known.last, known.handler = r.Clone(), handler
		return true
	}
	if !s.closed && len(s.recent) < mostRemembered {
		s.recent[subject] = &repeat{timer: time.AfterFunc(window, func() { s.end(subject) })}
	}
	return false
}

// end ends the minute of a line: the last of its repetitions begins the next one.
func (s *repeats) end(subject string) {
	s.mu.Lock()
	known := s.recent[subject]
	if known == nil || known.suppressed == 0 {
		delete(s.recent, subject)
		s.mu.Unlock()
		return
	}
	r, handler, suppressed := known.last, known.handler, known.suppressed
	*known = repeat{timer: known.timer}
	known.timer.Reset(window)
	s.mu.Unlock()

	r.AddAttrs(slog.Int(keySuppressed, suppressed), slog.Time(keyLastAt, r.Time))
	r.Time = time.Now()
	_ = handler.Handle(context.Background(), r) // there is nobody to tell, as with slog itself
}

func (s *repeats) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.recent {
		r.timer.Stop()
	}
	clear(s.recent)
	s.closed = true
}
