package forget

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
)

// Page is a page with its totals, if the table has it.
type Page struct {
	Name   string
	Known  bool
	Totals heat.Totals
}

// Matching reads the table as committed, and returns the pages whose names match, in order of their names.
// Memory grows with these pages alone. match is called concurrently.
func Matching(ctx context.Context, cfg Config, match func(page string) bool) ([]Page, error) {
	found, err := read(ctx, cfg, match)
	if err != nil {
		return nil, err
	}
	pages := make([]Page, 0, len(found))
	for name, totals := range found {
		pages = append(pages, Page{Name: name, Known: true, Totals: totals})
	}
	slices.SortFunc(pages, func(a, b Page) int { return strings.Compare(a.Name, b.Name) })
	return pages, nil
}

// Named reads the table as committed, and returns what it has of the named pages, in the order of the names.
func Named(ctx context.Context, cfg Config, names []string) ([]Page, error) {
	wanted := make(map[string]struct{}, len(names))
	for _, name := range names {
		wanted[name] = struct{}{}
	}
	found, err := read(ctx, cfg, func(page string) bool {
		_, ok := wanted[page]
		return ok
	})
	if err != nil {
		return nil, err
	}
	pages := make([]Page, len(names))
	for i, name := range names {
		totals, known := found[name]
		pages[i] = Page{Name: name, Known: known, Totals: totals}
	}
	return pages, nil
}

// read returns the totals of the pages that match.
func read(ctx context.Context, cfg Config, match func(page string) bool) (map[string]heat.Totals, error) {
	table, err := snapshot.LookAt(ctx, cfg.Cluster, cfg.Topology.HeatTable)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for partition := range table.End {
		total += table.End[partition] - table.Start[partition]
	}
	add, done := cfg.Progress.Step("reading the table", total)
	defer done()
	var mu sync.Mutex // guards found
	found := map[string]heat.Totals{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for partition := range table.End {
		group.Go(func() error {
			_, err := snapshot.ReadPartition(ctx, cfg.Cluster, table, int32(partition), func(page []byte, state *codec.PageState) {
				name := string(page)
				if !match(name) {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if state == nil {
					delete(found, name)
				} else {
					found[name] = state.Totals
				}
			}, add)
			return err
		})
	}
	return found, group.Wait()
}
