package traffic

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
)

// VisitorsOptions shape the traffic of [Visitors].
type VisitorsOptions struct {
	// Pages is how many pages there are, from 1 to [MaxPages].
	Pages int
	// Name is the name of the page with this index, from 0 to Pages - 1.
	Name func(page int) string
	// Zipf is the exponent of Zipf's law for the lasting popularity of pages, from 0
	// to [MaxZipf]. Which page is how popular follows from the seed.
	Zipf float64
	// Trend is about how many visits, of all pages, pass while a page is in fashion;
	// at least 1. It grows with the visits made, since the totals that a page in
	// fashion has to overtake grow as well.
	Trend int
	// Seed makes two with the same options alike.
	Seed uint64
}

// Visitors make the traffic of a site that people like to read: a few pages have most
// of the visits, some come into fashion and go out of it again, most visits are short
// and some very long, and what is read may be liked or disliked. It is not safe for
// concurrent use.
type Visitors struct {
	o      VisitorsOptions
	random *rand.Rand
	// visits is the cumulated popularity by rank, order the page of each rank.
	visits []float64
	order  []int32
	trends [4]trend
	made   int
}

// trend is a page in fashion.
type trend struct {
	page          int
	share         float64 // of all visits at its height
	begin, length int     // in visits made
	likes         float64 // share of visits that like it; as many of the rest dislike it
}

const (
	// leastShare and mostShare bound the share of visits of a page in fashion.
	leastShare, mostShare = 0.03, 0.10
	// trendGrowth is the part of all visits so far that a fashion lasts in addition.
	trendGrowth = 0.03
	// longestVisit is in minutes.
	longestVisit = 90
)

// NewVisitors checks the options.
func NewVisitors(o VisitorsOptions) (*Visitors, error) {
	if err := (Settings{Pages: o.Pages, Zipf: o.Zipf}).Validate(); err != nil {
		return nil, fmt.Errorf("simulate visitors: %w", err)
	}
	if o.Name == nil || o.Trend < 1 {
		return nil, errors.New("simulate visitors: the names of pages and the length of a trend must be given")
	}
	v := &Visitors{o: o, random: rand.New(rand.NewPCG(o.Seed, 1)), visits: zipf(o.Pages, o.Zipf), order: make([]int32, o.Pages)}
	for i := range v.order {
		v.order[i] = int32(i)
	}
	v.random.Shuffle(len(v.order), func(i, j int) { v.order[i], v.order[j] = v.order[j], v.order[i] })
	for i := range v.trends {
		v.begin(&v.trends[i])
		// The first are at different points of their way already.
		v.trends[i].begin = -v.trends[i].length * i / len(v.trends)
	}
	return v, nil
}

// begin brings another page into fashion.
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
		// Up to its height and down again.
		if left -= t.share * (1 - math.Abs(2*way-1)); left < 0 {
			return t.page, t.likes
		}
	}
	const usual = 0.08
	return int(v.order[sort.SearchFloat64s(v.visits, v.random.Float64())]), usual
}

// Append appends the message of the next visit, page|clicks|minutes|like, to dst.
func (v *Visitors) Append(dst []byte) []byte {
	page, likes := v.page()
	v.made++
	clicks := 1
	for clicks < 30 && v.random.Float64() < 0.35 {
		clicks++
	}
	// Half of the visits are over within 40 seconds, one of a hundred takes 7 minutes or more.
	minutes := min(longestVisit, 0.65*math.Exp(v.random.NormFloat64()))
	like := 0
	switch p := v.random.Float64(); {
	case p < likes:
		like = 1
	case p < likes*1.3:
		like = -1
	}
	dst = append(dst, v.o.Name(page)...)
	dst = append(dst, '|')
	dst = strconv.AppendInt(dst, int64(clicks), 10)
	dst = append(dst, '|')
	dst = strconv.AppendFloat(dst, minutes, 'f', 3, 64)
	dst = append(dst, '|')
	return strconv.AppendInt(dst, int64(like), 10)
}

// Messages makes messages without end. Each is valid only until the next one.
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
