package views

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// gokaLog gives goka's messages to slog. goka has one level only, and repeats for each
// partition and each attempt that it cannot read. So the first message about an error is a
// warning with goka's text as the reason, the recovery is logged once the view runs again,
// and all else is at the debug level. It is safe for concurrent use.
type gokaLog struct {
	log *slog.Logger

	mu    sync.Mutex
	since time.Time // when the view could not be read first; zero while it can
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
		l.log.Warn("the topic cannot be read; retrying, and serving what was read before", "error", message)
		return
	}
	l.log.Debug(message)
}

// runs says, once, that the view can be read again.
func (l *gokaLog) runs() {
	l.mu.Lock()
	since := l.since
	l.since = time.Time{}
	l.mu.Unlock()
	if !since.IsZero() {
		l.log.Info("the topic is read again", "after", time.Since(since).Round(time.Millisecond))
	}
}
