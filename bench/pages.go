package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"
)

// pagesCmd measures what a page takes in memory, and how long a restore of all
// pages takes.
type pagesCmd struct {
	Broker     []string `default:"embedded,kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Pages      []int    `default:"1000000" help:"Numbers of pages (${default})."`
	Rounds     int      `default:"1" help:"Visits of each page, one round after the other, before memory is measured (${default})."`
	NameBytes  int      `default:"40" help:"Length of a page's name (${default})."`
	Partitions int32    `default:"3" help:"Number of partitions (${default})."`
	Restores   int      `default:"3" help:"Restores, each followed by a bare reader; the table shows medians (${default})."`
	Pauses     bool     `default:"true" negatable:"" help:"Measure the collector's pauses, from a trace of some MiB a second (default)."`

	outputFlags
}

// Run measures every combination.
func (c *pagesCmd) Run(ctx context.Context, o out) error {
	results := newReport()
	if err := c.measure(ctx, o, results); err != nil {
		return err
	}
	return c.finish(o, results)
}

func (c *pagesCmd) measure(ctx context.Context, o out, results *report) error {
	if c.Restores < 1 || c.Rounds < 1 || c.NameBytes < len(pageFront)+len("0") {
		return fmt.Errorf("--restores and --rounds must be at least 1, --name-bytes at least %d", len(pageFront)+len("0"))
	}
	program, clean, err := c.build(ctx, &profiles{})
	if err != nil {
		return err
	}
	defer clean()
	traced, clean, err := c.traced(ctx)
	if err != nil {
		return err
	}
	defer clean()
	for _, kind := range c.Broker {
		for _, pages := range c.Pages {
			broker, err := startCluster(ctx, kind)
			if err != nil {
				return err
			}
			res, err := c.once(ctx, o, broker, program, traced, pages)
			broker.close()
			if err != nil {
				res.Wrong = append(res.Wrong, err.Error())
			}
			results.Pages = append(results.Pages, res)
			o.say("%s: %.0f bytes a page restored, ready after %.2f s%s", res.key(), res.PerPageRestored, res.Start, verdict(res.Wrong))
		}
	}
	return nil
}

// tracedProgram is pageheat, built so that it writes execution traces.
type tracedProgram struct {
	program string
	traces  *profiles
}

// traced builds such a program, nil if pauses are not to be measured.
func (c *pagesCmd) traced(ctx context.Context) (t *tracedProgram, clean func(), err error) {
	if !c.Pauses {
		return nil, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "pageheat-bench-traces-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a directory for execution traces: %w", err)
	}
	remove := func() { _ = os.RemoveAll(dir) }
	t = &tracedProgram{traces: &profiles{dir: dir, trace: true}}
	program, cleanProgram, err := (&outputFlags{}).build(ctx, t.traces)
	if err != nil {
		remove()
		return nil, nil, err
	}
	t.program = program
	return t, func() { cleanProgram(); remove() }, nil
}

// on is the site with the program that writes traces.
func (t *tracedProgram) on(s *site) *site {
	traced := *s
	traced.program, traced.more = t.program, t.traces.env()
	return &traced
}

// once is one run. The result is there also where it failed.
func (c *pagesCmd) once(ctx context.Context, o out, broker *cluster, program string, traced *tracedProgram, pages int) (*pagesResult, error) {
	res := &pagesResult{Broker: broker.kind, Pages: pages, Rounds: c.Rounds, NameBytes: c.NameBytes, Partitions: c.Partitions, Load: load()}
	// A million pages take about a minute on two slow cores.
	patience := 5*time.Minute + time.Duration(pages*c.Rounds)*300*time.Microsecond
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	const prefix = "bench-pages"
	b := &backlog{topic: prefix + "-input", messages: int64(pages * c.Rounds), want: newRecount()}
	if err := broker.createTopic(ctx, b.topic, c.Partitions); err != nil {
		return res, err
	}
	s, err := newSite(ctx, broker, program, prefix, b.topic)
	if err != nil {
		return res, err
	}
	follower, err := followBoards(broker, s.topo.Output)
	if err != nil {
		return res, err
	}
	defer follower.close()
	rest, err := s.run("--roles", "ingest,rank")
	if err != nil {
		return res, err
	}
	defer rest.kill()
	table := &heatTable{site: s, rest: rest, backlog: b, boards: follower, visits: visitEach(pages, c.NameBytes, c.Rounds), partitions: c.Partitions}
	if err := table.fill(ctx, res); err != nil {
		return res, err
	}
	o.say("%s: applied, %.0f bytes a page", res.key(), res.PerPage)
	for range c.Restores {
		if err := table.restore(ctx, res); err != nil {
			return res, err
		}
	}
	res.restored()
	if traced != nil {
		if res.Pauses, err = table.pauses(ctx, res, traced); err != nil {
			return res, err
		}
	}
	if err := rest.stop(); err != nil {
		return res, err
	}
	var audited result
	err = s.audit(ctx, &audited)
	res.Wrong = append(res.Wrong, audited.Wrong...)
	return res, errors.Join(err, broker.deleteTopics(ctx, prefix))
}

// pageFront begins all names.
const pageFront = "/articles/"

// visitEach visits every page once in each round, the pages in no order.
func visitEach(pages, nameBytes, rounds int) iter.Seq[[]byte] {
	// A step that has no divisor in common with the number goes through all.
	step := pages*5/8 | 1
	for gcd(step, pages) != 1 {
		step += 2
	}
	return func(yield func([]byte) bool) {
		var message []byte
		for i, page := 0, 0; i < pages*rounds; i, page = i+1, (page+step)%pages {
			message = fmt.Appendf(message[:0], "%s%0*d|%d|%d.5|%d", pageFront, nameBytes-len(pageFront), page, 1+page%5, page%4, page%3-1)
			if !yield(message) {
				return
			}
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
