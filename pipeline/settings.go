package pipeline

import (
	"context"
	"log/slog"

	"github.com/lovoo/goka"

	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/topology"
	"pageheat/tracing"
)

// Settings are what all clients of one process share.
type Settings struct {
	// Cluster opens the clients.
	Cluster *kafka.Cluster
	// Member is how the roles take part in their consumer groups.
	Member kafka.Member
	// Topology names topics and groups.
	Topology *topology.Topology
	// Logger gets messages for operators.
	Logger *slog.Logger
	// Tracer follows single behaviours; nil follows none.
	Tracer *tracing.Tracer
	// Metrics count what the roles do.
	Metrics *Metrics
	// Progress and Conditions are told how far the roles have come and what keeps
	// them from their work. Each may be nil.
	Progress   *Progress
	Conditions *Conditions
	// Partitions is the number of partitions of the heat table (and of what it is
	// made from) when the process began, for which alone its ranges are right.
	Partitions int
	// CannotDelete is whether the operator was told that ranges that are applied cannot be
	// deleted.
	CannotDelete bool
}

// Of are the settings of a role: its lines in the log name it.
func (s Settings) Of(role string) Settings {
	s.Logger = s.Logger.With("role", role)
	return s
}

// deadLetterLimit is the maximum size of a dead letter, in bytes.
func (s Settings) deadLetterLimit() int {
	const setting = "max.message.bytes"
	ctx, cancel := context.WithTimeout(context.Background(), managerTimeout)
	defer cancel()
	value, err := s.Cluster.Setting(ctx, s.Topology.DeadLetter, setting)
	if err != nil {
		value = "" // the sender reports it
	}
	return processors.DeadLetterLimit(value)
}

// GokaLogger writes what goka says at the debug level.
func GokaLogger(l *slog.Logger) goka.Logger {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return slog.NewLogLogger(l.With("component", "goka").Handler(), slog.LevelDebug)
}
