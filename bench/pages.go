package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"pageheat/integration/harness"
)

// pagesCmd measures the memory of a page and the duration of a restore of all pages.
type pagesCmd struct {
	Broker     []string `default:"kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Pages      []int    `default:"1000000" help:"Numbers of pages (${default})."`
	Rounds     int      `default:"1" help:"Visits of each page, one round over all of them after the other, before memory is measured (${default})."`
	NameBytes  int      `default:"40" help:"Length of a page's name (${default})."`
	Partitions int32    `default:"3" help:"Number of partitions (${default})."`
	Restores   int      `default:"3" help:"Restores, each followed by a bare reader; the table shows medians (${default})."`
	Pauses     bool     `default:"true" negatable:"" help:"Measure the collector's pauses, from a trace of some MiB a second (default)."`

	outputFlags
}

// Run measures every combination.
func (c *pagesCmd) Run(ctx context.Context, o out) error { return c.perform(ctx, o, c) }

func (c *pagesCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if c.Restores < 1 || c.Rounds < 1 || c.NameBytes < len(pageFront)+len("0") {
		return fmt.Errorf("--restores and --rounds must be at least 1, --name-bytes at least %d", len(pageFront)+len("0"))
	}
	for _, pages := range c.Pages {
		err := onEach(ctx, c.Broker, func(broker *cluster) error {
			before := len(results.runs)
			t := &heatTable{cluster: broker, partitions: c.Partitions, pages: pages, visits: visitEach(pages, c.NameBytes, c.Rounds),
				results: results, labels: []any{"broker", broker.kind, "pages", pages, "name-bytes", c.NameBytes}}
			if c.Rounds > 1 {
				t.labels = append(t.labels, "rounds", c.Rounds)
			}
			if err := c.once(ctx, program, t); err != nil {
				failed := newRun("Memory", t.labels...)
				failed.fail("%v", err)
				results.add(failed)
			}
			for _, res := range results.runs[before:] {
				o.say("%s: %s bytes a page%s", res.name, figure(res.get(perPageUnit)), verdict(res))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// once is one run.
func (c *pagesCmd) once(ctx context.Context, program string, t *heatTable) error {
	// A million pages take about a minute on two slow cores.
	ctx, cancel := within(ctx, 5*time.Minute+time.Duration(t.pages*c.Rounds)*300*time.Microsecond)
	defer cancel()
	const prefix = "bench-pages"
	t.backlog = &backlog{topic: prefix + "-input", messages: int64(t.pages * c.Rounds), want: harness.NewRecount()}
	err := t.cluster.createTopic(ctx, t.backlog.topic, c.Partitions)
	if err != nil {
		return err
	}
	if t.site, err = install(ctx, t.cluster, program, prefix, t.backlog.topic); err != nil {
		return err
	}
	if t.boards, err = t.cluster.followBoards(t.site.Output); err != nil {
		return err
	}
	defer t.boards.Close()
	if t.rest, err = t.site.StartInstance("rest", "--roles", "ingest,rank"); err != nil {
		return err
	}
	defer func() { _ = t.rest.Kill() }() // it has ended, or an error is on its way
	if err := t.fill(ctx); err != nil {
		return err
	}
	for range c.Restores {
		if err := t.restore(ctx); err != nil {
			return err
		}
	}
	if c.Pauses {
		if err := t.pauses(ctx); err != nil {
			return err
		}
	}
	if err := t.rest.Stop(); err != nil {
		return err
	}
	return errors.Join(audit(ctx, t.site, t.filled), t.cluster.deleteTopics(ctx, prefix))
}

// pageFront is the prefix of all names.
const pageFront = "/articles/"

// visitEach visits every page once in each round, in a shuffled order.
func visitEach(pages, nameBytes, rounds int) iter.Seq[[]byte] {
	// A step that is coprime to the number reaches all.
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
