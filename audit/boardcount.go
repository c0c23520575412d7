package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
)

// boardCount counts one board as of one T. Its take is safe for concurrent use.
type boardCount struct {
	definition boards.Definition
	chooser    boards.Chooser
	group      string
	until      boards.Minute

	// counted is nil for a board of all time, whose pages have totals.
	counted *boards.Board
	asOf    boards.Minute
	slot    boards.Slot // that the sums are as of

	input     codec.TopicID
	forgotten *snapshot.Forgotten

	most   int64
	held   atomic.Int64
	seed   maphash.Seed
	shards [tallyShards]boardShard
}

type boardShard struct {
	mu    sync.Mutex
	pages map[string]*boardPage
	// forgotten has the forgotten pages that had behaviours.
	forgotten map[string]*codec.Forgotten
}

// boardPage has what counts of one page: totals on a board of all time, a state on others.
type boardPage struct {
	state  boards.State
	totals heat.Totals
	sweeps snapshot.Sweeps // that may have dropped the page
	lives  *snapshot.Lives // if there are any: totals are known at the end
}

func newBoardCount(w *Wanted, most int) (*boardCount, error) {
	c := &boardCount{definition: w.Definition, group: w.Group, until: w.Until, most: int64(most), seed: maphash.MakeSeed()}
	if c.until == 0 {
		c.until = boards.MaxMinute
	}
	for i := range c.shards {
		c.shards[i].pages, c.shards[i].forgotten = map[string]*boardPage{}, map[string]*codec.Forgotten{}
	}
	var err error
	if c.chooser, err = boards.NewChooser(w.Definition); err != nil {
		return nil, err
	}
	if w.Definition.Kind == boards.AllTime {
		c.asOf = boards.MinuteOf(w.AsOf)
		return c, nil
	}
	if c.counted, err = boards.New(w.Definition); err != nil {
		return nil, err
	}
	c.asOf = c.counted.AsOf(w.AsOf)
	c.slot = c.counted.Slot(c.asOf)
	if w.Period != "" {
		var known bool
		if c.slot, known = c.counted.Period(w.Period); !known {
			return nil, fmt.Errorf("%q is not the name of a %s, such as %q", w.Period, w.Definition.Period, c.counted.PeriodName(c.counted.Slot(c.asOf)))
		}
		c.asOf = min(c.asOf, c.counted.Closes(c.slot))
	}
	return c, nil
}

// begins returns a minute before which no behaviour counts.
func (c *boardCount) begins() boards.Minute {
	switch {
	case c.counted == nil:
		return 0
	case c.definition.Kind == boards.Calendar:
		return c.counted.Begins(c.slot)
	default:
		return c.counted.Begins(c.counted.First(c.asOf))
	}
}

// boardPlace is where behaviours of a minute belong.
type boardPlace struct {
	minute boards.Minute
	place  boards.Place
	counts bool
}

// places remembers the place of the last minute, which most of the next behaviours have too.
func (c *boardCount) places() *boardPlace { return &boardPlace{minute: -1} }

func (c *boardCount) find(p *boardPlace, minute boards.Minute) {
	if p.minute == minute {
		return
	}
	*p = boardPlace{minute: minute, counts: minute <= c.until}
	if c.counted != nil && p.counts {
		p.place = c.counted.Place(minute)
		p.counts = c.counted.Counts(p.place.Slot, c.slot)
	}
}

// boardPosition is where a behaviour is in the input.
type boardPosition struct {
	partition int32
	offset    int64
}

// take counts a behaviour, and reports whether it counts.
func (c *boardCount) take(places *boardPlace, minute boards.Minute, at boardPosition, b heat.Behaviour) (bool, error) {
	c.find(places, minute)
	if !places.counts && !c.swept() {
		return false, nil
	}
	s := &c.shards[maphash.Bytes(c.seed, b.Page)%tallyShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pages[string(b.Page)]
	if p == nil && !c.has(string(b.Page)) {
		return false, nil
	}
	if !c.forgotten.Empty() && !s.counts(c, p == nil, at, b.Page) {
		return false, nil
	}
	if p == nil {
		name := string(b.Page)
		if c.held.Add(1) > c.most {
			return false, fmt.Errorf("%w: more than %d pages have behaviours on board %s: allow more (--max-pages) where there is memory for them, or name the pages (include)",
				ErrTooManyPages, c.most, c.definition.Name)
		}
		p = new(boardPage)
		s.pages[name] = p
		if c.swept() {
			if p.sweeps = c.forgotten.SweepsOf(b.Page, c.input); len(p.sweeps) > 0 {
				p.lives = new(snapshot.Lives)
			}
		}
	}
	if p.lives != nil {
		counted := &b
		if !places.counts { // it keeps the page all the same
			counted = nil
		}
		p.lives.Count(p.sweeps, at.partition, at.offset, codec.DayOf(minute), counted)
		return places.counts, nil
	}
	if !places.counts {
		return false, nil
	}
	if c.counted == nil {
		p.totals.Count(b)
		return true, nil
	}
	var t heat.Totals
	t.Count(b)
	p.state.Add(c.counted, places.place, &t)
	return true, nil
}

// swept reports whether pages may have been dropped because they had no behaviour for a time. They are missing on a board
// of all time alone: on others, no behaviour counts for so long.
func (c *boardCount) swept() bool { return c.counted == nil && c.forgotten.HasSweeps() }

// settle sets the totals of pages that may have been dropped, and returns how many behaviours do not count because
// their page was.
func (c *boardCount) settle() (dropped uint64) {
	for i := range c.shards {
		for name, p := range c.shards[i].pages {
			if p.lives == nil {
				continue
			}
			last, before := p.lives.Last(p.sweeps)
			dropped += before.Behaviours
			p.totals, p.lives = last, nil
			if last.Behaviours == 0 {
				delete(c.shards[i].pages, name)
				c.held.Add(-1)
			}
		}
	}
	return dropped
}

// counts reports whether a behaviour of a page that may be forgotten counts. The page is looked up if it is new
// to the recount.
func (s *boardShard) counts(c *boardCount, isNew bool, at boardPosition, page []byte) bool {
	f := s.forgotten[string(page)]
	if f == nil && isNew {
		if f = c.forgotten.Of(page); f != nil {
			s.forgotten[string(page)] = f
		}
	}
	return f == nil || f.Counts(c.input, at.partition, at.offset)
}

// has reports whether a page may be on the board.
func (c *boardCount) has(page string) bool {
	if !c.chooser.Has(page) {
		return false
	}
	if c.group == "" {
		return true
	}
	group, ok := c.chooser.Group(page)
	return ok && group == c.group
}

// pages returns how many pages have behaviours that count.
func (c *boardCount) pages() int { return int(c.held.Load()) }

// board returns how many behaviours count, and the pages of the board. Nothing may be taken meanwhile.
func (c *boardCount) board(ctx context.Context) (counted uint64, pages []codec.BoardPage, err error) {
	first := hottest{size: c.definition.Size}
	grouped := c.definition.MaxPerGroup > 0 && c.group == ""
	for i := range c.shards {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		for name, p := range c.shards[i].pages {
			one := hotPage{name: name, page: p}
			counted += c.score(&one)
			if one.behaviours < c.definition.MinBehaviours {
				continue
			}
			if grouped {
				first.all = append(first.all, one)
			} else {
				first.place(one)
			}
		}
	}
	if grouped {
		first.choose(boards.NewPerGroup(c.definition.MaxPerGroup), &c.chooser)
	}
	pages = []codec.BoardPage{}
	for i := range first.all {
		pages = append(pages, c.shown(i+1, &first.all[i]))
	}
	return counted, pages, nil
}

// score calculates a page's place in the order, and returns how many of its behaviours count.
func (c *boardCount) score(p *hotPage) uint64 {
	if c.counted == nil {
		p.total, p.behaviours = c.definition.Scorer.Score(&p.page.totals), p.page.totals.Behaviours
		return p.behaviours
	}
	sum := p.page.state.Sum(c.counted, c.slot)
	p.score, p.behaviours = c.counted.Score(&sum), sum.Behaviours
	return p.behaviours
}

// shown returns what is published of a page.
func (c *boardCount) shown(rank int, p *hotPage) codec.BoardPage {
	s := boards.Shown{Behaviours: p.behaviours}
	if c.counted == nil {
		t := &p.page.totals
		s.Heat, s.Clicks, s.Minutes, s.Likes = p.total.String(), t.ClicksDecimal(), t.MinutesDecimal(), strconv.FormatInt(t.Likes, 10)
	} else {
		sum := p.page.state.Sum(c.counted, c.slot)
		s = c.counted.Show(&sum, c.asOf)
	}
	return codec.BoardPage{
		Rank: rank, RankSince: c.asOf.Time(), Page: p.name, Heat: codec.Decimal(s.Heat),
		Clicks: codec.Decimal(s.Clicks), Minutes: codec.Decimal(s.Minutes), Likes: codec.Decimal(s.Likes), Behaviours: s.Behaviours,
	}
}

// hotPage is a page with its place in the order: total on a board of all time, score on others.
type hotPage struct {
	name       string
	page       *boardPage
	total      heat.Score
	score      boards.Score
	behaviours uint64
}

// compare orders pages as a board does.
func (p *hotPage) compare(o *hotPage) int {
	switch {
	case p.total != o.total:
		if o.total.Less(p.total) {
			return -1
		}
		return 1
	case boards.Before(p.score, p.name, o.score, o.name):
		return -1
	case p.name == o.name:
		return 0
	}
	return 1
}

// hottest has the hottest pages of those that it was given, in order.
type hottest struct {
	size int
	all  []hotPage
}

// place puts a page in its place, if it is among the first.
func (h *hottest) place(p hotPage) {
	if n := len(h.all); n == h.size {
		if p.compare(&h.all[n-1]) > 0 {
			return
		}
		h.all = h.all[:n-1]
	}
	at, _ := slices.BinarySearchFunc(h.all, p, func(a, b hotPage) int { return a.compare(&b) })
	h.all = slices.Insert(h.all, at, p)
}

// choose leaves the first of all pages with no more of a group than may be.
func (h *hottest) choose(chosen *boards.PerGroup, chooser *boards.Chooser) {
	slices.SortFunc(h.all, func(a, b hotPage) int { return a.compare(&b) })
	var first []hotPage
	for _, p := range h.all {
		if len(first) == h.size {
			break
		}
		if chosen.Take(chooser.Group(p.name)) {
			first = append(first, p)
		}
	}
	h.all = first
}
