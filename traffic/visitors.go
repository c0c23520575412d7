package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
)

// VisitorsOptions configure the traffic of [Visitors].
type VisitorsOptions struct {
	// Pages is the number of pages, from 1 to [MaxPages].
	Pages int
	// Name returns the name of the page with this index, from 0 to Pages - 1.
	Name func(page int) string
	// Title, if not nil, returns the title of the page with this index, which is sent with its first visit.
	Title func(page int) string
	// Zipf is the exponent of Zipf's law for the lasting popularity of pages, from 0 to
	// [MaxZipf]. The seed determines the popularity of each page.
	Zipf float64
	// Trend is the approximate number of visits, to all pages, while a page is trending; at
	// least 1. It grows with the number of visits, because the totals that a trending page has
	// to overtake grow as well.
	Trend int
	// Seed makes the traffic reproducible.
	Seed uint64
}

// Visitors generate the traffic of a popular site: a few pages get most of the visits, some
// pages trend for a while, most visits are short and some very long, and visitors may like or
// dislike pages. It is not safe for concurrent use.
type Visitors struct {
	o      VisitorsOptions
	random *rand.Rand
	// visits is the cumulative popularity by rank, order the page of each rank.
	visits []float64
	order  []int32
	titled []bool // by page
	trends [4]trend
	made   int
}

// trend is a trending page.
type trend struct {
	page          int
	share         float64 // share of all visits at its peak
	begin, length int     // in visits
	likes         float64 // share of visits that like it; the rest is as likely to dislike it
}

const (
	// leastShare and mostShare are the range of a trending page's share of visits.
	leastShare, mostShare = 0.03, 0.10
	// trendGrowth is the fraction of all visits so far that extends a trend.
	trendGrowth = 0.03
	// longestVisit is in minutes.
	longestVisit = 90
)

// NewVisitors checks the options.
func NewVisitors(o VisitorsOptions) (*Visitors, error) {
	if err := (Settings{Pages: o.Pages, Zipf: o.Zipf}).Validate(); err != nil {
		return nil, fmt.Errorf("simulating visitors: %w", err)
	}
	if o.Name == nil || o.Trend < 1 {
		return nil, errors.New("simulate visitors: the names of pages and the length of a trend are required")
	}
	v := &Visitors{o: o, random: rand.New(rand.NewPCG(o.Seed, 1)), visits: zipf(o.Pages, o.Zipf), order: make([]int32, o.Pages), titled: make([]bool, o.Pages)}
	for i := range v.order {
		v.order[i] = int32(i)
	}
	v.random.Shuffle(len(v.order), func(i, j int) { v.order[i], v.order[j] = v.order[j], v.order[i] })
	for i := range v.trends {
		v.begin(&v.trends[i])
		// The first trends start at different points of their course.
		v.trends[i].begin = -v.trends[i].length * i / len(v.trends)
	}
	return v, nil
}

// begin starts a trend for another page.
func (v *Visitors) begin(t *trend) {
	usual := float64(v.o.Trend) + trendGrowth*float64(v.made)
	*t = trend{
		page:   v.random.IntN(v.o.Pages),
		share:  leastShare + (mostShare-leastShare)*v.random.Float64(),
		begin:  v.made,
		length: max(1, int(usual*(0.5+v.random.Float64()))),
		likes:  0.05 + 0.3*v.random.Float64(),
	}
}

// page chooses a page, and the probability of a like.
func (v *Visitors) page() (page int, likes float64) {
	left := v.random.Float64()
	for i := range v.trends {
		t := &v.trends[i]
		way := float64(v.made-t.begin) / float64(t.length)
		if way >= 1 {
			v.begin(t)
			way = 0
		}
		// Up to its peak and down again.
		if left -= t.share * (1 - math.Abs(2*way-1)); left < 0 {
			return t.page, t.likes
		}
	}
	const usual = 0.08
	return int(v.order[sort.SearchFloat64s(v.visits, v.random.Float64())]), usual
}

// Append appends the message of the next visit to dst: page|clicks|minutes|like, or JSON if it has a title.
func (v *Visitors) Append(dst []byte) []byte {
	page, likes := v.page()
	v.made++
	clicks := 1
	for clicks < 30 && v.random.Float64() < 0.35 {
		clicks++
	}
	// Half of the visits end within 40 seconds; one in a hundred takes 7 minutes or more.
	minutes := min(longestVisit, 0.65*math.Exp(v.random.NormFloat64()))
	like := 0
	switch p := v.random.Float64(); {
	case p < likes:
		like = 1
	case p < likes*1.3:
		like = -1
	}
	if v.o.Title != nil && !v.titled[page] {
		v.titled[page] = true
		message, err := json.Marshal(struct {
			Page    string  `json:"page"`
			Clicks  int     `json:"clicks"`
			Minutes float64 `json:"minutes"`
			Like    int     `json:"like"`
			Title   string  `json:"title"`
		}{v.o.Name(page), clicks, math.Round(minutes*1000) / 1000, like, v.o.Title(page)})
		if err == nil { // these types have no other case
			return append(dst, message...)
		}
	}
	dst = append(dst, v.o.Name(page)...)
	dst = append(dst, '|')
	dst = strconv.AppendInt(dst, int64(clicks), 10)
	dst = append(dst, '|')
	dst = strconv.AppendFloat(dst, minutes, 'f', 3, 64)
	dst = append(dst, '|')
	return strconv.AppendInt(dst, int64(like), 10)
}

// Messages yields endless messages. Each is valid only until the next one.
func (v *Visitors) Messages() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var buf []byte
		for {
			buf = v.Append(buf[:0])
			if !yield(buf) {
				return
			}
		}
	}
}
