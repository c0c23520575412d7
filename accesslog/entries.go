package accesslog

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// MaxLine is the maximum length of a line in bytes. Servers limit the header of a request to some
// ten kilobytes, which Caddy logs as a whole.
const MaxLine = 1 << 20

// Line is a line of a log. Its text is only valid until the next one.
type Line struct {
	// Number is that of the line in its file, from 1.
	Number int64
	// Text is the line without its ending.
	Text []byte
	// TooLong is whether the line had more than [MaxLine] bytes; Text is then empty.
	TooLong bool
	// Idle is not 0 if this is no line, and none has come for so long.
	Idle time.Duration
}

// Entry is what a line says.
type Entry struct {
	// Log is the name of the log, Line the number of the line in it.
	Log  string
	Line int64
	// Request is that of the line. Its bytes are only valid until the next entry.
	Request Request
	// Err is why the line could not be read; then there is no request.
	Err error
	// Idle is that of [Line]; then there is no request.
	Idle time.Duration

	order int // of its log, by the first times
}

// Log is a log file, or a part of one.
type Log struct {
	// Name is for messages.
	Name string
	// Lines yields the lines, and opens the file when it begins.
	Lines iter.Seq2[Line, error]
	// Once is whether Lines can be read only once, as standard input.
	Once bool
}

// entries reads the lines of a log. Empty ones are left out.
func (f Format) entries(l Log) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for line, err := range l.Lines {
			if err != nil {
				yield(Entry{}, fmt.Errorf("reading %s: %w", l.Name, err))
				return
			}
			e := Entry{Log: l.Name, Line: line.Number, Idle: line.Idle}
			switch {
			case line.Idle != 0:
			case line.TooLong:
				e.Err = fmt.Errorf("the line is longer than %d bytes", MaxLine)
			case len(line.Text) == 0:
				continue
			default:
				e.Request, e.Err = f.Parse(line.Text)
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Merge yields the entries of logs in the order of their times: whether servers write at the same
// time or a log is rotated, and whatever the order in which logs are given. The order within a
// log stays. A log is opened when its first time is reached, which needs a look at its
// beginning if there are several. The first error that is not an entry's ends the sequence.
func (f Format) Merge(logs ...Log) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		m := merger{format: f, yield: yield}
		defer m.stop()
		if err := m.begin(logs); err != nil {
			if !errors.Is(err, errEnough) {
				yield(Entry{}, err)
			}
			return
		}
		for m.step() {
		}
	}
}

// merger merges logs.
type merger struct {
	format Format
	yield  func(Entry, error) bool
	closed []*source // by their first times, the last one first
	open   []*source
}

// source is a log that is merged.
type source struct {
	Log
	order int
	head  Entry // the next one, with a request; while closed, only its time is right
	next  func() (Entry, error, bool)
	stop  func()
}

func (m *merger) stop() {
	for _, s := range m.open {
		s.stop()
	}
}

// begin looks at the beginnings.
func (m *merger) begin(logs []Log) error {
	all := make([]*source, len(logs))
	for i, l := range logs {
		s := &source{Log: l}
		all[i] = s
		var err error
		switch {
		case len(logs) == 1:
		case l.Once:
			m.pull(s)
			if !m.advance(s) {
				return errEnough
			}
		default:
			if s.head.Request.Time, err = m.format.first(l); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *source) int { return a.head.Request.Time.Compare(b.head.Request.Time) })
	for i, s := range all {
		if s.order = i; s.next == nil {
			m.closed = append(m.closed, s)
		} else {
			s.head.order = i
		}
	}
	slices.Reverse(m.closed)
	return nil
}

// errEnough ends a merger that has told all that it has to.
var errEnough = errors.New("enough")

// pull opens a log.
func (m *merger) pull(s *source) {
	s.next, s.stop = iter.Pull2(m.format.entries(s.Log))
	m.open = append(m.open, s)
}

// maxPeek is how many lines are looked at for the first time of a log.
const maxPeek = 10_000

// first is the first time of a log, the zero time if the beginning has none.
func (f Format) first(l Log) (time.Time, error) {
	for e, err := range f.entries(l) {
		if err != nil {
			return time.Time{}, err
		}
		if e.Err == nil || e.Line > maxPeek {
			return e.Request.Time, nil
		}
	}
	return time.Time{}, nil
}

// step opens a log or yields an entry. It reports whether there may be more.
func (m *merger) step() bool {
	var oldest *source
	for _, s := range m.open {
		if oldest == nil || s.head.Request.Time.Before(oldest.head.Request.Time) {
			oldest = s
		}
	}
	if last := len(m.closed) - 1; last >= 0 && (oldest == nil || !oldest.head.Request.Time.Before(m.closed[last].head.Request.Time)) {
		s := m.closed[last]
		m.closed = m.closed[:last]
		m.pull(s)
		return m.advance(s)
	}
	return oldest != nil && m.yield(oldest.head, nil) && m.advance(oldest)
}

// advance reads on to the next request of a log, and yields what comes before it.
func (m *merger) advance(s *source) bool {
	for {
		e, err, ok := s.next()
		switch {
		case err != nil:
			m.yield(Entry{}, err)
			return false
		case !ok:
			s.stop()
			m.open = slices.DeleteFunc(m.open, func(o *source) bool { return o == s })
			return true
		case e.Err == nil && e.Idle == 0:
			s.head, s.head.order = e, s.order
			return true
		}
		if !m.yield(e, nil) {
			return false
		}
	}
}
