package views

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// gokaLog passes goka's messages to slog. goka has a single level, and repeats its message for
// each partition and each attempt. So the first error is logged as a warning with goka's text
// as the reason, and the recovery when the view runs again. Everything else has the debug
// level. It is safe for concurrent use.
type gokaLog struct {
	log *slog.Logger

	mu    sync.Mutex
	since time.Time // when the view failed first; zero while it works
}

// Print implements goka's logger.
func (l *gokaLog) Print(v ...any) { l.say(fmt.Sprint(v...)) }

// Println implements goka's logger.
func (l *gokaLog) Println(v ...any) { l.say(fmt.Sprintln(v...)) }

// Printf implements goka's logger.
func (l *gokaLog) Printf(format string, v ...any) { l.say(fmt.Sprintf(format, v...)) }

func (l *gokaLog) say(message string) {
	message = strings.TrimSpace(message)
	l.mu.Lock()
	first := l.since.IsZero() && strings.Contains(strings.ToLower(message), "error")
	if first {
		l.since = time.Now()
	}
	l.mu.Unlock()
	if first {
		l.log.Warn("the topic cannot be read; retrying, and serving earlier data", "error", message)
		return
	}
	l.log.Debug(message, "component", "goka")
}

// runs logs, once, that the view works again.
func (l *gokaLog) runs() {
	l.mu.Lock()
	since := l.since
	l.since = time.Time{}
	l.mu.Unlock()
	if !since.IsZero() {
		l.log.Info("the topic is read again", "after", time.Since(since).Round(time.Millisecond))
	}
}
