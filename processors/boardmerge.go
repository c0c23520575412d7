package processors

import (
	"math"
	"slices"
	"strconv"
	"time"

	"pageheat/codec"
	"pageheat/heat"
)

// ranked is a page with what orders it.
type ranked struct {
	leader *codec.Leader
	score  heat.Score
	of     *codec.Leaders
}

func (a ranked) compare(b ranked) int {
	if heat.Before(a.score, a.leader.Page, b.score, b.leader.Page) {
		return -1
	}
	return 1 // names differ
}

// pages merges the partitions' leaders.
func (r *Ranker) pages(now time.Time) []codec.BoardPage {
	r.merged = r.merged[:0]
	for _, l := range r.latest {
		for i := range l.Pages {
			page := ranked{&l.Pages[i], r.config.Scorer.Score(&l.Pages[i].Totals), l}
			r.merged = place(r.merged, page, r.config.Top, ranked.compare)
		}
	}
	pages := make([]codec.BoardPage, len(r.merged))
	for i := range pages {
		l := r.merged[i].leader
		pages[i] = codec.BoardPage{
			Rank: i + 1, RankSince: now, Page: l.Page,
			Heat:       codec.Decimal(r.merged[i].score.String()),
			Clicks:     codec.Decimal(l.Totals.Clicks.String()),
			Minutes:    codec.Decimal(l.Totals.MinutesDecimal()),
			Likes:      codec.Decimal(strconv.FormatInt(l.Totals.Likes, 10)),
			Behaviours: l.Totals.Behaviours,
		}
		label(&pages[i], r.merged[i].of.Labels)
		remember(r.newest, &pages[i])
	}
	return pages
}

// place puts a page in its place among the first that were merged so far, at most top, if it is one of
// them. With hundreds of partitions hardly any is, so this is quicker than to sort all.
func place[P any](merged []P, page P, top int, compare func(a, b P) int) []P {
	if n := len(merged); n == top {
		if compare(page, merged[n-1]) > 0 {
			return merged
		}
		merged = merged[:n-1]
	}
	at, _ := slices.BinarySearchFunc(merged, page, compare)
	return slices.Insert(merged, at, page)
}

// label fills in what a page is called.
func label(page *codec.BoardPage, labels map[string]codec.Label) {
	l := labels[page.Page]
	page.Title, page.URL = l.Title, l.URL
}

// offsetsOf returns, per input partition, the offset below which all heat partitions have counted everything.
func offsetsOf(latest []*codec.Leaders) codec.Offsets {
	inputs := 0
	for _, l := range latest {
		inputs = max(inputs, len(l.To))
	}
	offsets := slices.Repeat([]int64{math.MaxInt64}, inputs)
	for _, l := range latest { // one after the other: each in its own memory
		for input, to := range l.To {
			offsets[input] = min(offsets[input], to+1)
		}
		for input := len(l.To); input < inputs; input++ {
			offsets[input] = 0
		}
	}
	for input := range offsets {
		offsets[input] = max(offsets[input], 0) // of one that a partition has not heard of
	}
	return codec.NewOffsets(offsets)
}

// forgottenIn are, by heat partition, the requests to forget pages that are in a board; nil if there are none.
func forgottenIn(made codec.Positions) (in codec.Offsets) {
	for p, at := range made {
		if at.Forgotten > 0 {
			in = append(in, codec.PartitionOffset{Partition: int32(p), Offset: int64(at.Forgotten)})
		}
	}
	return in
}

// remember fills in which rank the page held before this one, and since when it
// holds this one, by the board before, nil if there is none.
func remember(newest *codec.Board, page *codec.BoardPage) {
	if newest == nil {
		return
	}
	for i := range newest.Pages {
		before := &newest.Pages[i]
		if before.Page != page.Page {
			continue
		}
		if before.Rank == page.Rank {
			page.PreviousRank, page.RankSince = before.PreviousRank, before.RankSince
		} else {
			page.PreviousRank = before.Rank
		}
		return
	}
}

// same reports whether two boards say the same, version and time aside.
func same(a, b *codec.Board) bool {
	return a.Counted == b.Counted && a.Late == b.Late && a.AsOf.Equal(b.AsOf) && a.DefinitionHash == b.DefinitionHash &&
		slices.Equal(a.Offsets, b.Offsets) && slices.Equal(a.Since, b.Since) && slices.Equal(a.Forgotten, b.Forgotten) &&
		slices.EqualFunc(a.Pages, b.Pages, func(x, y codec.BoardPage) bool {
			return x.Page == y.Page && x.Rank == y.Rank && x.Heat == y.Heat && x.Clicks == y.Clicks &&
				x.Minutes == y.Minutes && x.Likes == y.Likes && x.Behaviours == y.Behaviours &&
				x.Title == y.Title && x.URL == y.URL
		})
}
