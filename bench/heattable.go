package main

import (
	"context"
	"iter"
	"time"

	"pageheat/integration/harness"
)

// perPageUnit is what a page takes in memory, in bytes.
const perPageUnit = "B/page"

// heatTable is a table whose only owner is one process after the other, beside one
// with all else. Memory is what a process holds resident.
type heatTable struct {
	cluster    *cluster
	site       *harness.Installation
	rest       *harness.Instance
	backlog    *backlog
	boards     *harness.Boards
	pages      int
	visits     iter.Seq[[]byte] // all pages, as often as there are rounds
	partitions int32

	labels  []any
	results *report
	filled  *run
	empty   float64 // MiB of an owner without a page
}

// own starts a process with the role heat alone. It must be killed at last, and the
// context ended.
func (t *heatTable) own(ctx context.Context) (*harness.Instance, context.Context, context.CancelFunc, error) {
	owner, err := t.site.StartInstance("owner", "--roles", "heat")
	if err != nil {
		return nil, nil, nil, err
	}
	running, ended := harness.While(ctx, t.rest, owner)
	return owner, running, ended, nil
}

// owned waits until an owner works on all partitions. It returns how many seconds passed
// since its start, and the longest that a partition says its restore has taken.
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

// visit has all pages visited, and waits until that is on the board and in
// the changelog.
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

// perPage is what memory is above that of an empty owner, in bytes for each page.
func (t *heatTable) perPage(mib float64) float64 {
	return (mib - t.empty) * (1 << 20) / float64(t.pages)
}

// fill measures from nothing to all pages applied and committed.
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

// restore measures a process that restores all pages, and a bare reader of the same.
func (t *heatTable) restore(ctx context.Context) error {
	ends, err := t.cluster.ends(ctx, heatTopic(t.site))
	if err != nil {
		return err
	}
	for p := range ends {
		ends[p]-- // a control record is the last
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

// pauses measures those of the collector of a process that restores all pages, and then
// has every page visited again, so that the collector works while the table is full.
// Writing the trace slows the process down: nothing else is measured of it.
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
	// Of less than a thousand pauses the p99.9 is the longest.
	res.set("p99.9-ms", quantile(paused, 0.999))
	res.set("p50-ms", quantile(paused, 0.5))
	res.set("max-ms", quantile(paused, 1))
	res.set("pauses", float64(len(paused)))
	t.results.add(res)
	return nil
}
