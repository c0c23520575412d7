package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// pagesResult is one run of the memory and restore benchmark. Memory is that of a
// process with only the role heat, resident, in MiB; times are in seconds.
type pagesResult struct {
	Broker     string `json:"broker"`
	Pages      int    `json:"pages"`
	Rounds     int    `json:"rounds"`
	NameBytes  int    `json:"name_bytes"`
	Partitions int32  `json:"partitions"`
	// Empty is without a page; Applied when all pages are applied and committed,
	// Peak the most until then; Restored when a new process has restored them.
	Empty    float64 `json:"empty_mib"`
	Applied  float64 `json:"applied_mib"`
	Peak     float64 `json:"peak_mib"`
	Restored float64 `json:"restored_mib"`
	// PerPage and PerPageRestored are what Applied and Restored are above Empty,
	// in bytes per page.
	PerPage         float64 `json:"bytes_per_page"`
	PerPageRestored float64 `json:"bytes_per_page_restored"`
	// StartEmpty is from the start of the process until it works on all
	// partitions, with nothing to restore; Start the same with all pages, of which
	// Restore is from the take-over of the partitions until all are restored.
	StartEmpty float64 `json:"start_empty"`
	Start      float64 `json:"start"`
	Restore    float64 `json:"restore"`
	// Bare is how long a bare consumer reads the changelog, of so many records
	// and MiB. Start, Restore and Bare are medians of Restores.
	Bare     float64   `json:"bare"`
	Records  int64     `json:"records"`
	LogBytes float64   `json:"changelog_mib"`
	Restores []restore `json:"restores"`
	// Pauses are those of the collector in a process of its own that restores all
	// pages and has each visited once more; none where they were not measured.
	Pauses pauses `json:"pauses"`

	Wrong []string `json:"wrong,omitempty"`
	Load  float64  `json:"load"`
}

func (r *pagesResult) key() string {
	if r.Rounds > 1 {
		return fmt.Sprintf("%s, %s pages visited %d times each", r.Broker, thousands(int64(r.Pages)), r.Rounds)
	}
	return fmt.Sprintf("%s, %s pages", r.Broker, thousands(int64(r.Pages)))
}

// ofBare is the rate of the restore as part of the bare consumer's: both are of
// the same records.
func (r *pagesResult) ofBare() float64 { return quotient(r.Bare, r.Restore) }

// restore is one start of a process that has all pages to restore, and the bare
// consumer after it; in seconds.
type restore struct {
	Start   float64 `json:"start"`
	Restore float64 `json:"restore"`
	Bare    float64 `json:"bare"`
}

// restored takes over the medians.
func (r *pagesResult) restored() {
	median := func(figure func(restore) float64) float64 {
		var all []float64
		for _, one := range r.Restores {
			all = append(all, figure(one))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	r.Start = median(func(one restore) float64 { return one.Start })
	r.Restore = median(func(one restore) float64 { return one.Restore })
	r.Bare = median(func(one restore) float64 { return one.Bare })
}

func (r *report) printPages(w io.Writer) error {
	if len(r.Pages) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(w, "\nmemory of the role heat; names of %d bytes\n", r.Pages[0].NameBytes) // the error comes again with the table
	t := newTable(w)
	t.row("", "pages", "empty MiB", "applied MiB", "peak MiB", "restored MiB", "bytes/page", "restored",
		"pauses", "p50 ms", "p99.9 ms", "max ms", "load", "")
	for _, p := range r.Pages {
		t.row(p.Broker, thousands(int64(p.Pages)), number(p.Empty, "%.0f"), number(p.Applied, "%.0f"),
			number(p.Peak, "%.0f"), number(p.Restored, "%.0f"), number(p.PerPage, "%.0f"), number(p.PerPageRestored, "%.0f"),
			strconv.Itoa(p.Pauses.Count), number(p.Pauses.P50, "%.3f"), number(p.Pauses.P999, "%.3f"), number(p.Pauses.Max, "%.3f"),
			fmt.Sprintf("%.1f", p.Load), exactness(p.Wrong))
	}
	if err := t.end(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\nrestore from the changelog\n") // as above
	t = newTable(w)
	t.row("", "pages", "records", "MiB", "restore s", "pages/s", "bare reader s", "of bare", "start s", "above bare s", "empty s")
	for _, p := range r.Pages {
		t.row(p.Broker, thousands(int64(p.Pages)), thousands(p.Records), number(p.LogBytes, "%.0f"),
			number(p.Restore, "%.2f"), rate(quotient(float64(p.Pages), p.Restore)), number(p.Bare, "%.2f"),
			ratio(p.Bare, p.Restore), number(p.Start, "%.2f"), number(p.Start-p.Bare, "%.2f"), number(p.StartEmpty, "%.2f"))
	}
	return t.end()
}
