package main

import (
	"context"
	"iter"
	"time"

	"pageheat/integration/harness"
)

// perPageUnit is the memory of a page in bytes.
const perPageUnit = "B/page"

// heatTable is a table that one process after the other owns, next to an instance with all
// other roles. Memory is resident memory.
type heatTable struct {
	cluster    *cluster
	site       *harness.Installation
	rest       *harness.Instance
	backlog    *backlog
	boards     *harness.Boards
	pages      int
	visits     iter.Seq[[]byte] // all pages, once for each round
	partitions int32

	labels  []any
	results *report
	filled  *run
	empty   float64 // MiB of an owner without pages
}

// own starts a process with only the role heat. The caller kills it and ends the context.
func (t *heatTable) own(ctx context.Context) (*harness.Instance, context.Context, context.CancelFunc, error) {
	owner, err := t.site.StartInstance("owner", "--roles", "heat")
	if err != nil {
		return nil, nil, nil, err
	}
	running, ended := harness.While(ctx, t.rest, owner)
	return owner, running, ended, nil
}

// owned waits until an owner has all partitions. It returns the seconds since its start, and
// the longest restore of a partition.
func (t *heatTable) owned(ctx context.Context, owner *harness.Instance) (start, restore float64, err error) {
	if err := owner.WaitOwner(ctx, int(t.partitions)); err != nil {
		return 0, 0, err
	}
	start = time.Since(owner.Began()).Seconds()
	restores, err := owner.Restores(ctx)
	for _, took := range restores {
		restore = max(restore, took)
	}
	return start, restore, err
}

// visit sends visits to all pages, and waits until they are on the board and in the changelog.
func (t *heatTable) visit(ctx context.Context, res *run) error {
	if err := t.backlog.produce(ctx, t.cluster, t.partitions, t.visits); err != nil {
		return err
	}
	if _, err := t.boards.First(ctx, counts(t.backlog.want.Counted)); err != nil {
		return err
	}
	if _, err := awaitDurable(ctx, t.cluster, heatTopic(t.site), t.backlog.want.Counted); err != nil {
		return err
	}
	compare(res, t.boards, t.backlog.want, harness.DefaultTop)
	return nil
}

// perPage returns the memory above that of an empty owner, in bytes per page.
func (t *heatTable) perPage(mib float64) float64 {
	return (mib - t.empty) * (1 << 20) / float64(t.pages)
}

// fill measures from an empty table to all pages applied and committed.
func (t *heatTable) fill(ctx context.Context) error {
	t.filled = newRun("Memory", t.labels...)
	t.results.add(t.filled)
	owner, running, ended, err := t.own(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = owner.Kill() }() // it has ended, or an error is on its way
	defer ended()
	start, _, err := t.owned(running, owner)
	if err != nil {
		return err
	}
	if _, err := t.boards.First(running, counts(0)); err != nil {
		return err
	}
	t.empty, _ = memory(owner)
	if err := t.visit(running, t.filled); err != nil {
		return err
	}
	if err := steady(running, owner, t.rest); err != nil {
		return err
	}
	now, peak := memory(owner)
	t.filled.set(perPageUnit, t.perPage(now))
	t.filled.set("empty-MiB", t.empty)
	t.filled.set("applied-MiB", now)
	t.filled.set("peak-MiB", peak)
	t.filled.set("start-s", start)
	ended()
	return owner.Stop()
}

// restore measures a process that restores all pages, and a bare reader of the same records.
func (t *heatTable) restore(ctx context.Context) error {
	ends, err := t.cluster.ends(ctx, heatTopic(t.site))
	if err != nil {
		return err
	}
	for p := range ends {
		ends[p]-- // the last one is a control record
	}
	owner, running, ended, err := t.own(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = owner.Kill() }() // it has ended, or an error is on its way
	defer ended()
	start, took, err := t.owned(running, owner)
	if err != nil {
		return err
	}
	now, _ := memory(owner)
	_, bare, err := readBare(ctx, t.cluster, heatTopic(t.site), ends)
	if err != nil {
		return err
	}
	res := newRun("Restore", t.labels...)
	res.set("restore-s", took)
	res.set("bare-s", bare.Done.Sub(bare.Began).Seconds())
	res.set("start-s", start)
	res.set(perPageUnit, t.perPage(now))
	res.set("records", float64(bare.Counted))
	t.results.add(res)
	ended()
	return owner.Stop()
}

// pauses measures the collector's pauses of a process that restores all pages and then gets a
// visit to each page, so that the collector runs with a full table. The trace slows the process
// down, so nothing else is measured.
func (t *heatTable) pauses(ctx context.Context) error {
	res := newRun("Pauses", t.labels...)
	owner, running, ended, err := t.own(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = owner.Kill() }() // it has ended, or an error is on its way
	defer ended()
	traces := record(running, owner, "trace")
	if _, _, err = t.owned(running, owner); err == nil {
		err = t.visit(running, res)
	}
	if err != nil {
		return err
	}
	all, err := traces.end()
	if err != nil {
		return err
	}
	ended()
	if err := owner.Stop(); err != nil {
		return err
	}
	var paused []float64
	for _, trace := range all {
		if paused, err = appendPauses(paused, trace); err != nil {
			return err
		}
	}
	// With fewer than a thousand pauses the p99.9 is the maximum.
	res.set("p99.9-ms", quantile(paused, 0.999))
	res.set("p50-ms", quantile(paused, 0.5))
	res.set("max-ms", quantile(paused, 1))
	res.set("pauses", float64(len(paused)))
	t.results.add(res)
	return nil
}
