package main

import (
	"context"
	"strings"
	"time"
)

// furtherBoards are the boards that are measured beside all-time: one of each kind, and a window of many steps.
func furtherBoards() []string {
	return []string{
		"trending kind=trending half-life=6h",
		"last-hour kind=window window=1h",
		"last-day kind=window window=24h step=5m",
		"today kind=calendar calendar=day",
	}
}

// furtherFlags are the flags of "pageheat run" for these boards.
func furtherFlags() []string {
	var flags []string
	for _, definition := range furtherBoards() {
		flags = append(flags, "--board", definition)
	}
	return flags
}

// runFive measures pageheat with further boards.
func (r *runner) runFive(ctx context.Context, b *backlog, prefix string, res *run) error {
	return r.runPipeline(ctx, b, prefix, res, furtherFlags()...)
}

// measureFurther sets the latencies of each further board, when it has all messages.
func (s *steadyRun) measureFurther(created [][]time.Time, from time.Time, res *run) error {
	for _, definition := range furtherBoards() {
		name, _, _ := strings.Cut(definition, " ")
		seen, err := s.boards.Covering(s.ctx, name, endsOf(created))
		if err != nil {
			return err
		}
		all, err := latencies(created, from, boardTimes(seen, created))
		if err != nil {
			return err
		}
		res.set(name+"-p99-ms", quantile(all, p99))
		res.set(name+"-max-ms", quantile(all, 1))
	}
	return nil
}

const p99 = 0.99
