package harness

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// DefaultTop is the number of pages on the board.
const DefaultTop = 10

// numbers are the compared totals of a page: a page on the board also has a history.
func (p Page) numbers() Page {
	p.PreviousRank, p.RankSince = 0, ""
	return p
}

// CompareBoard describes how a board of the default size differs from the recount.
func (r *Recount) CompareBoard(b *Board) []string { return r.CompareTop(b, DefaultTop) }

// CompareTop describes how a board of the given size differs from the recount.
func (r *Recount) CompareTop(b *Board, pages int) []string {
	var wrong []string
	if b.Counted != r.Counted {
		wrong = append(wrong, fmt.Sprintf("the board counts %d behaviours instead of %d", b.Counted, r.Counted))
	}
	want := r.Top(pages)
	if len(b.Pages) != len(want) {
		wrong = append(wrong, fmt.Sprintf("the board has %d pages instead of %d", len(b.Pages), len(want)))
	}
	for i := range min(len(want), len(b.Pages)) {
		if got := b.Pages[i].numbers(); got != want[i] {
			wrong = append(wrong, fmt.Sprintf("rank %d is %+v instead of %+v", i+1, got, want[i]))
		}
	}
	return wrong
}

// Tally is the result of a comparison of all pages.
type Tally struct {
	// Lost and Twice are the numbers of missing and surplus behaviours.
	Lost, Twice int64
	// Wrong lists the pages that differ, up to a limit.
	Wrong []string
}

// mostWrong is the maximum number of listed differences.
const mostWrong = 20

func (t *Tally) add(format string, args ...any) {
	if len(t.Wrong) < mostWrong {
		t.Wrong = append(t.Wrong, fmt.Sprintf(format, args...))
	}
}

// settleWithin is how long the table may be behind the board.
const settleWithin = 15 * time.Second

// ComparePages queries every page of an instance. Pages show the committed table, which may be
// behind the board, so it retries pages that differ until all are right or the time is over.
func (r *Recount) ComparePages(ctx context.Context, in *Instance) (Tally, error) {
	var t Tally
	until := time.Now().Add(settleWithin)
	for _, name := range r.Names() {
		want := r.Page(name)
		got, known, err := in.Page(ctx, name)
		for (err != nil || !known || got.numbers() != want) && time.Now().Before(until) {
			time.Sleep(askEvery) // there is no signal for a page's change
			got, known, err = in.Page(ctx, name)
		}
		if err != nil {
			return t, err
		}
		if got.numbers() == want {
			continue
		}
		t.add("page %q is %+v instead of %+v", name, got, want)
		behaviours, _ := strconv.ParseInt(string(got.Behaviours), 10, 64) // 0 for an unknown page
		if missing := r.Pages[name].Behaviours - behaviours; missing > 0 {
			t.Lost += missing
		} else {
			t.Twice -= missing
		}
	}
	return t, nil
}
