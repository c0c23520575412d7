package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// pagesCmd measures what a page takes in memory, and how long a restore of all
// pages takes.
type pagesCmd struct {
	Broker     []string `default:"embedded,kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Pages      []int    `default:"1000000" help:"Numbers of pages (${default})."`
	NameBytes  int      `default:"40" help:"Length of a page's name (${default})."`
	Partitions int32    `default:"3" help:"Number of partitions (${default})."`

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
	program, clean, err := c.build(ctx, &profiles{})
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
			res, err := c.once(ctx, broker, program, pages)
			broker.close()
			if err != nil {
				res.Wrong = append(res.Wrong, err.Error())
			}
			results.Pages = append(results.Pages, res)
			o.say("%s: %.0f bytes a page, ready after %.2f s%s", res.key(), res.PerPage, res.Start, verdict(res.Wrong))
		}
	}
	return nil
}

// ready is the line of the log with which the role heat begins to work on a
// partition.
const ready = "owns a heat partition"

// once is one run. The result is there also where it failed.
func (c *pagesCmd) once(ctx context.Context, broker *cluster, program string, pages int) (*pagesResult, error) {
	res := &pagesResult{Broker: broker.kind, Pages: pages, NameBytes: c.NameBytes, Partitions: c.Partitions, Load: load()}
	const patience = 5 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const prefix = "bench-pages"
	b := &backlog{topic: prefix + "-input", messages: int64(pages), want: newRecount()}
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

	// From nothing to all pages applied and committed.
	heat, err := s.run("--roles", "heat")
	if err != nil {
		return res, err
	}
	defer heat.kill()
	running, ended := watched(ctx, []*process{rest, heat})
	defer ended()
	if err := heat.log.wait(running, ready, int(c.Partitions)); err != nil {
		return res, err
	}
	res.StartEmpty = time.Since(heat.began).Seconds()
	if _, err := follower.wait(running, 0); err != nil {
		return res, err
	}
	res.Empty = mib(heat.memory().now)
	if err := b.produce(running, broker, c.Partitions, visitEach(pages, c.NameBytes)); err != nil {
		return res, err
	}
	board, err := follower.wait(running, b.messages)
	if err != nil {
		return res, err
	}
	if _, err := awaitDurable(running, broker, s.topo.HeatTable, b.messages); err != nil {
		return res, err
	}
	m := heat.memory()
	res.Applied, res.Peak = mib(m.now), mib(m.peak)
	ended()
	if err := heat.stop(); err != nil {
		return res, err
	}
	res.Wrong = b.want.compareBoard(board)

	// A new process restores them.
	again, err := s.run("--roles", "heat")
	if err != nil {
		return res, err
	}
	defer again.kill()
	running, ended = watched(ctx, []*process{rest, again})
	defer ended()
	if err := again.log.wait(running, ready, int(c.Partitions)); err != nil {
		return res, err
	}
	res.Start = time.Since(again.began).Seconds()
	res.Restored = mib(again.memory().now)
	res.PerPage = (res.Applied - res.Empty) * (1 << 20) / float64(pages)
	res.PerPageRestored = (res.Restored - res.Empty) * (1 << 20) / float64(pages)
	ended()
	if err := errors.Join(again.stop(), rest.stop()); err != nil {
		return res, err
	}
	if err := c.bare(ctx, s, res); err != nil {
		return res, err
	}
	var audited result
	err = s.audit(ctx, &audited)
	res.Wrong = append(res.Wrong, audited.Wrong...)
	return res, errors.Join(err, broker.deleteTopics(ctx, prefix))
}

// bare has a process of its own read the changelog, and keeps nothing.
func (c *pagesCmd) bare(ctx context.Context, s *site, res *pagesResult) error {
	table := s.topo.HeatTable
	listed, err := s.cluster.admin.ListCommittedOffsets(ctx, table)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return fmt.Errorf("looking up the committed ends of %s: %w", table, err)
	}
	ends := make([]string, c.Partitions)
	for p, o := range listed[table] {
		ends[p] = strconv.FormatInt(o.Offset-1, 10) // a control record is the last
	}
	p, err := self(nil, "drain", "--brokers", s.cluster.bootstrap(), "--topic", table, "--ends", strings.Join(ends, ","))
	if err != nil {
		return err
	}
	defer p.kill()
	text, err := p.output(ctx)
	if err != nil {
		return err
	}
	var d drained
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("what %s says of itself: %w", p, err)
	}
	res.Bare, res.Records = d.Took.Seconds(), d.Records
	logs := newWritten(s.cluster, table)
	if err := logs.look(ctx); err != nil {
		return err
	}
	res.LogBytes = float64(logs.bytes[""]) / (1 << 20)
	return nil
}

// visitEach visits every page once, the pages in no order.
func visitEach(pages, nameBytes int) iter.Seq[[]byte] {
	// A step that has no divisor in common with the number goes through all.
	step := pages*5/8 | 1
	for gcd(step, pages) != 1 {
		step += 2
	}
	return func(yield func([]byte) bool) {
		var message []byte
		for i, page := 0, 0; i < pages; i, page = i+1, (page+step)%pages {
			const front = "/articles/"
			message = fmt.Appendf(message[:0], "%s%0*d|%d|%d.5|%d", front, nameBytes-len(front), page, 1+page%5, page%4, page%3-1)
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
