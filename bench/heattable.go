package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ready is the line of the log with which the role heat begins to work on a
// partition.
const ready = "owns a heat partition"

// heatTable is a table whose only owner is one process after the other, beside one
// with all else.
type heatTable struct {
	site       *site
	rest       *process
	backlog    *backlog
	boards     *boards
	visits     iter.Seq[[]byte]
	partitions int32
}

// own starts a process of a site with the role heat alone, and waits until it works
// on all partitions. It must be killed at last, and the context ended.
func (t *heatTable) own(ctx context.Context, of *site) (*process, context.Context, context.CancelFunc, error) {
	owner, err := of.run("--roles", "heat")
	if err != nil {
		return nil, nil, nil, err
	}
	running, ended := watched(ctx, []*process{t.rest, owner})
	if err := owner.log.wait(running, ready, int(t.partitions)); err != nil {
		ended()
		owner.kill()
		return nil, nil, nil, err
	}
	return owner, running, ended, nil
}

// visit has every page visited once, and waits until that is on the board and in
// the changelog.
func (t *heatTable) visit(ctx context.Context, res *pagesResult) error {
	if err := t.backlog.produce(ctx, t.site.cluster, t.partitions, t.visits); err != nil {
		return err
	}
	board, err := t.boards.wait(ctx, t.backlog.want.counted)
	if err != nil {
		return err
	}
	if _, err := awaitDurable(ctx, t.site.cluster, t.site.topo.HeatTable, t.backlog.want.counted); err != nil {
		return err
	}
	res.Wrong = append(res.Wrong, t.backlog.want.compareBoard(board)...)
	return nil
}

// fill measures from nothing to all pages applied and committed.
func (t *heatTable) fill(ctx context.Context, res *pagesResult) error {
	owner, running, ended, err := t.own(ctx, t.site)
	if err != nil {
		return err
	}
	defer owner.kill()
	defer ended()
	res.StartEmpty = time.Since(owner.began).Seconds()
	if _, err := t.boards.wait(running, 0); err != nil {
		return err
	}
	res.Empty = mib(owner.memory().now)
	if err := t.visit(running, res); err != nil {
		return err
	}
	for _, p := range []*process{owner, t.rest} {
		if err := steady(running, p); err != nil {
			return err
		}
	}
	m := owner.memory()
	res.Applied, res.Peak = mib(m.now), mib(m.peak)
	res.PerPage = (res.Applied - res.Empty) * (1 << 20) / float64(res.Pages)
	ended()
	return owner.stop()
}

// restore measures a process that restores all pages, and a bare reader of the same.
func (t *heatTable) restore(ctx context.Context, res *pagesResult) error {
	ends, err := t.ends(ctx)
	if err != nil {
		return err
	}
	owner, _, ended, err := t.own(ctx, t.site)
	if err != nil {
		return err
	}
	defer owner.kill()
	defer ended()
	one := restore{Start: time.Since(owner.began).Seconds()}
	if one.Restore, err = restoredIn(owner.log); err != nil {
		return err
	}
	res.Restored = mib(owner.memory().now)
	res.PerPageRestored = (res.Restored - res.Empty) * (1 << 20) / float64(res.Pages)
	if one.Bare, err = t.bare(ctx, res, ends); err != nil {
		return err
	}
	res.Restores = append(res.Restores, one)
	ended()
	return owner.stop()
}

// pauses measures those of the collector of a process that restores all pages, and then
// has every page visited again, so that the collector works while the table is full.
// Writing the trace slows the process down: nothing else is measured of it.
func (t *heatTable) pauses(ctx context.Context, res *pagesResult, traced *tracedProgram) (pauses, error) {
	owner, running, ended, err := t.own(ctx, traced.on(t.site))
	if err != nil {
		return pauses{}, err
	}
	defer owner.kill()
	defer ended()
	if err := t.visit(running, res); err != nil {
		return pauses{}, err
	}
	const name = "pauses"
	if err := traced.traces.collect(owner, name); err != nil {
		return pauses{}, err
	}
	ended()
	if err := owner.stop(); err != nil {
		return pauses{}, err
	}
	return pausesIn(traced.traces.file(owner, name, ".trace"))
}

// restoredIn is the longest time, in seconds, that the log gives for a partition.
func restoredIn(log *lines) (float64, error) {
	field := regexp.MustCompile(ready + `".* restored_in=(\S+)`)
	var longest time.Duration
	for _, line := range log.lines() {
		if found := field.FindStringSubmatch(line); found != nil {
			took, err := time.ParseDuration(found[1])
			if err != nil {
				return 0, fmt.Errorf("how long a restore took: %w", err)
			}
			longest = max(longest, took)
		}
	}
	return longest.Seconds(), nil
}

// ends are the offsets after the last record of each partition of the changelog.
func (t *heatTable) ends(ctx context.Context) ([]string, error) {
	table := t.site.topo.HeatTable
	listed, err := t.site.cluster.admin.ListCommittedOffsets(ctx, table)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the committed ends of %s: %w", table, err)
	}
	ends := make([]string, t.partitions)
	for p, o := range listed[table] {
		ends[p] = strconv.FormatInt(o.Offset-1, 10) // a control record is the last
	}
	return ends, nil
}

// bare has a process of its own read the changelog, and keep nothing. It returns
// how many seconds that took.
func (t *heatTable) bare(ctx context.Context, res *pagesResult, ends []string) (float64, error) {
	table := t.site.topo.HeatTable
	p, err := self(nil, "drain", "--brokers", t.site.cluster.bootstrap(), "--topic", table, "--ends", strings.Join(ends, ","))
	if err != nil {
		return 0, err
	}
	defer p.kill()
	text, err := p.output(ctx)
	if err != nil {
		return 0, err
	}
	var d drained
	if err := json.Unmarshal(text, &d); err != nil {
		return 0, fmt.Errorf("what %s says of itself: %w", p, err)
	}
	res.Records = d.Records
	logs := newWritten(t.site.cluster, table)
	if err := logs.look(ctx); err != nil {
		return 0, err
	}
	res.LogBytes = float64(logs.bytes[""]) / (1 << 20)
	return d.Took.Seconds(), nil
}
