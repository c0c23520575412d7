package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// Entry is one line of an instance's log.
type Entry struct {
	// Message is the message of the line, Attributes has the other fields.
	Message    string
	Level      string
	Attributes map[string]any
	// Raw is the line.
	Raw string
}

// Text returns an attribute as text, empty if there is none.
func (e Entry) Text(attribute string) string {
	if v, ok := e.Attributes[attribute]; ok {
		return fmt.Sprint(v)
	}
	return ""
}

// Log has the lines that a process has written to its standard error. It is an io.Writer, and
// safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	part    []byte // of a line
	entries []Entry
	changed chan struct{} // closed with the next line
}

// NewLog returns a log without a line.
func NewLog() *Log { return &Log{changed: make(chan struct{})} }

// Write implements io.Writer; it never fails.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	came := false
	for {
		line, rest, whole := bytes.Cut(l.part, []byte{'\n'})
		if !whole {
			break
		}
		l.entries = append(l.entries, parseEntry(line))
		l.part = append([]byte(nil), rest...)
		came = true
	}
	if came {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return len(b), nil
}

// parseEntry parses a line of --log-format json. Any other line, as of a panic, becomes the
// message.
func parseEntry(line []byte) Entry {
	e := Entry{Raw: string(line), Message: string(line)}
	attributes := map[string]any{}
	if json.Unmarshal(line, &attributes) != nil {
		return e
	}
	if text, ok := attributes["msg"].(string); ok {
		e.Message = text
	}
	if text, ok := attributes["level"].(string); ok {
		e.Level = text
	}
	e.Attributes = attributes
	return e
}

// Entries returns all lines so far.
func (l *Log) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry(nil), l.entries...)
}

// Len is the number of lines so far.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// Wait returns the first entry from the given line on that match accepts, and the number of the
// line after it; or an error if ctx ends first.
func (l *Log) Wait(ctx context.Context, from int, match func(Entry) bool) (Entry, int, error) {
	for {
		l.mu.Lock()
		entries, changed := l.entries, l.changed
		l.mu.Unlock()
		for ; from < len(entries); from++ {
			if match(entries[from]) {
				return entries[from], from + 1, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Entry{}, from, ctx.Err()
		}
	}
}

// Said is the line as a person is told it: the error that ended a process is in attributes.
func (e Entry) Said() string {
	if e.Message != "pageheat failed" {
		return e.Raw
	}
	said := "pageheat: " + e.Text("error")
	if hint := e.Text("hint"); hint != "" {
		said += ": " + hint
	}
	return said
}

// Tail returns the end of the log, for debugging.
func (l *Log) Tail(lines int) string {
	entries := l.Entries()
	var b bytes.Buffer
	if skipped := len(entries) - lines; skipped > 0 {
		fmt.Fprintf(&b, "(%d lines before)\n", skipped)
		entries = entries[skipped:]
	}
	for _, e := range entries {
		b.WriteString(e.Said())
		b.WriteByte('\n')
	}
	return b.String()
}
