package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What client libraries log is for debugging them: at the debug level, under their name. The
// errors that matter come back to the caller, who reports them.

// franzLog is the log of a client of franz-go. Of its levels, the lowest is left out: that has
// several lines for each request.
type franzLog struct{ log *slog.Logger }

func newFranzLog(log *slog.Logger, clientID string) franzLog {
	return franzLog{log: log.With("component", "franz-go", "client_id", clientID)}
}

// Level implements kgo.Logger.
func (l franzLog) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger.
func (l franzLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	l.log.With("client_level", level.String()).Debug(msg, keyvals...)
}

// saramaLog is the log of all clients of sarama.
type saramaLog struct{ log *slog.Logger }

// LogSarama has sarama log to log. sarama has one logger per process: call this once, before a
// client is opened.
func LogSarama(log *slog.Logger) {
	sarama.Logger = saramaLog{log.With("component", "sarama")}
}

// Print implements sarama.StdLogger.
func (l saramaLog) Print(v ...any) { l.say(fmt.Sprint, v) }

// Println implements sarama.StdLogger.
func (l saramaLog) Println(v ...any) { l.say(fmt.Sprintln, v) }

// Printf implements sarama.StdLogger.
func (l saramaLog) Printf(format string, v ...any) {
	l.say(func(v ...any) string { return fmt.Sprintf(format, v...) }, v)
}

func (l saramaLog) say(format func(...any) string, v []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(strings.TrimSpace(format(v...)))
	}
}
