package main

import (
	"context"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/traffic"
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

// furtherNames are the names of these boards.
func furtherNames() []string {
	var names []string
	for _, definition := range furtherBoards() {
		name, _, _ := strings.Cut(definition, " ")
		names = append(names, name)
	}
	return names
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
	for _, name := range furtherNames() {
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

// preload sends behaviours of all pages that leave the windows of the further boards at a minute that begins in the
// middle of what is measured next, and returns when that is due to begin.
func (c *latencyCmd) preload(ctx context.Context, s *steadyRun, all *sent) error {
	const counting = 40 * time.Second // is enough for a million pages
	lead := c.Warmup + c.For/2
	turn := time.Now().Add(max(counting, lead)).Truncate(time.Minute).Add(time.Minute)
	out, err := newSender(ctx, s.broker, s.site.Input, c.Partitions, all.want, kgo.MaxBufferedRecords(200_000))
	if err != nil {
		return err
	}
	var message []byte
	for _, age := range []time.Duration{24 * time.Hour, time.Hour} {
		for page := 1; page <= c.Pages && err == nil; page++ {
			message = traffic.Visit{Page: page, Clicks: 1, Minutes: 1}.Append(message[:0])
			err = all.send(out, message, turn.Add(-age))
		}
	}
	if ended := out.end(); err == nil {
		err = ended
	}
	if err == nil {
		_, err = awaitDurable(ctx, s.broker, heatTopic(s.site), all.want.Counted)
	}
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(turn.Add(-lead))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

const p99 = 0.99
