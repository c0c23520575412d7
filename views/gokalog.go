package views

import (
	"fmt"
	"log/slog"
	"strings"
)

// gokaLog gives goka's messages to slog. goka knows one level only, so the
// words decide: what speaks of an error is a warning, since the view goes on,
// and all else is for debugging.
type gokaLog struct{ log *slog.Logger }

func (l gokaLog) Print(v ...any)                 { l.say(fmt.Sprint(v...)) }
func (l gokaLog) Println(v ...any)               { l.say(fmt.Sprintln(v...)) }
func (l gokaLog) Printf(format string, v ...any) { l.say(fmt.Sprintf(format, v...)) }

func (l gokaLog) say(message string) {
	message = strings.TrimSpace(message)
	if strings.Contains(strings.ToLower(message), "error") {
		l.log.Warn(message)
		return
	}
	l.log.Debug(message)
}
