// Package logging makes the logger of a process: text on a terminal and JSON otherwise, with
// repetitions left out. docs/logs.md lists the attributes.
package logging

import (
	"io"
	"log/slog"
)

// Settings say what is logged, and how.
type Settings struct {
	// Level is the lowest level to log.
	Level string `name:"log-level" default:"info" enum:"debug,info,warn,error" help:"Lowest level to log."`
	// Format is text, json, or auto: text on a terminal, JSON otherwise.
	Format string `name:"log-format" default:"auto" enum:"auto,text,json" help:"Format of the log: text, json, or auto (text on a terminal, JSON otherwise)."`
}

// level is the level that Level names.
func (s Settings) level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.Level)); err != nil {
		return slog.LevelInfo // the command line accepts levels only
	}
	return level
}

// Log is a logger whose level can change. It is safe for concurrent use.
type Log struct {
	*slog.Logger
	// JSON is whether the lines are JSON.
	JSON bool

	level   *slog.LevelVar
	repeats *repeats
}

// Open returns a log that writes to w. onTerminal is whether a person reads w as it comes. The
// caller closes the log.
func (s Settings) Open(w io.Writer, onTerminal bool) *Log {
	l := &Log{level: &slog.LevelVar{}, repeats: newRepeats(), JSON: s.Format == "json" || s.Format != "text" && !onTerminal}
	l.SetLevel(s)
	options := &slog.HandlerOptions{Level: l.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String()) // in JSON it would be a number without a unit
		}
		return a
	}}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if l.JSON {
		handler = slog.NewJSONHandler(w, options)
	}
	l.Logger = slog.New(&suppressing{inner: handler, repeats: l.repeats})
	return l
}

// SetLevel changes the lowest level to that of s.
func (l *Log) SetLevel(s Settings) { l.level.Set(s.level()) }

// Quieten omits the info level, unless more was asked for.
func (l *Log) Quieten() {
	if l.level.Level() == slog.LevelInfo {
		l.level.Set(slog.LevelWarn)
	}
}

// Close drops repetitions that are not written yet. What is logged later is written, and nothing
// of it is left out.
func (l *Log) Close() { l.repeats.close() }
