package traffic

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"time"

	"pageheat/failure"
)

const (
	// Pause is the time between two batches of the article.
	Pause = 5 * time.Second
	// MaxBatch is the maximum number of messages in a batch.
	MaxBatch = 50
	// DefaultPages is the default number of pages.
	DefaultPages = 100
	// MaxPages is the maximum number of pages: with an exponent, each takes 8 bytes.
	MaxPages = 100_000_000
	// MaxZipf is the largest exponent; page1 then gets 99.9% of the visits.
	MaxZipf = 10
)

// Options configure the simulated traffic. The zero value is that of the article.
type Options struct {
	// Pages is the number of pages, named page1 and so on; 0 means [DefaultPages], at most
	// [MaxPages].
	Pages int
	// Zipf is the exponent of Zipf's law, from 0 to [MaxZipf]: the page of rank r gets 1/r^Zipf
	// times the visits of page1. 0 means uniform.
	Zipf float64
	// Seed makes the traffic reproducible.
	Seed uint64
}

// Settings are the options that a command has.
type Settings struct {
	// Pages and Zipf are those of [Options]; Pages is at least 1.
	Pages int     `help:"Number of simulated pages."`
	Zipf  float64 `placeholder:"S" help:"Exponent of Zipf's law: page R gets 1/R^S of the visits of page 1; 0 for uniform traffic."`
}

// DefaultSettings are those of the article.
func DefaultSettings() Settings { return Settings{Pages: DefaultPages} }

// Validate returns a [failure.Setting] if a setting is out of range.
func (s Settings) Validate() error {
	var errs []error
	if s.Pages < 1 || s.Pages > MaxPages {
		errs = append(errs, failure.BadSetting("pages", "%d: must be from 1 to %d", s.Pages, MaxPages))
	}
	if !(s.Zipf >= 0 && s.Zipf <= MaxZipf) { // not NaN either
		errs = append(errs, failure.BadSetting("zipf", "%g: must be from 0 to %d", s.Zipf, MaxZipf))
	}
	return errors.Join(errs...)
}

// Simulator generates messages. It is not safe for concurrent use.
type Simulator struct {
	random *rand.Rand
	pages  int
	// visits holds the cumulative share of the pages up to each rank, up to 1; nil for uniform.
	visits []float64
}

// NewSimulator checks the options.
func NewSimulator(o Options) (*Simulator, error) {
	if o.Pages == 0 {
		o.Pages = DefaultPages
	}
	if err := (Settings{Pages: o.Pages, Zipf: o.Zipf}).Validate(); err != nil {
		return nil, fmt.Errorf("simulating traffic: %w", err)
	}
	s := &Simulator{
		// The second word only has to be constant.
		random: rand.New(rand.NewPCG(o.Seed, 0)),
		pages:  o.Pages,
	}
	if o.Zipf > 0 {
		s.visits = zipf(o.Pages, o.Zipf)
	}
	return s, nil
}

// zipf returns the cumulative distribution of Zipf's law over n ranks. rand.Zipf of the
// standard library requires exponents above 1; those of real traffic are often lower.
func zipf(n int, exponent float64) []float64 {
	cumulated := make([]float64, n)
	var sum float64
	for i := range cumulated {
		sum += math.Pow(float64(i+1), -exponent)
		cumulated[i] = sum
	}
	for i := range cumulated {
		cumulated[i] /= sum
	}
	return cumulated
}

// Visit is one simulated behaviour.
type Visit struct {
	// Page is the page's number, from 1.
	Page int
	// Clicks is from 1 to 5.
	Clicks int
	// Minutes is the dwell time, from 0 to 5.
	Minutes float32
	// Like is -1, 0 or 1.
	Like int
}

// Next generates a visit.
func (s *Simulator) Next() Visit {
	return Visit{
		Page:    s.page(),
		Clicks:  1 + s.random.IntN(5),
		Minutes: float32(s.random.IntN(5)) + s.random.Float32(),
		Like:    s.random.IntN(3) - 1,
	}
}

func (s *Simulator) page() int {
	if s.visits == nil {
		return 1 + s.random.IntN(s.pages)
	}
	// The last share is 1 and the number is less, so there is always one.
	return 1 + sort.SearchFloat64s(s.visits, s.random.Float64())
}

// Messages yields endless messages. Each is valid only until the next one.
func (s *Simulator) Messages() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var buf []byte
		for {
			buf = s.Next().Append(buf[:0])
			if !yield(buf) {
				return
			}
		}
	}
}

// Batch returns the number of messages that the article's producer sends at once: from 0 to
// [MaxBatch].
func (s *Simulator) Batch() int { return s.random.IntN(MaxBatch + 1) }

// Append appends the visit as a message, page|clicks|minutes|like, to dst.
func (v Visit) Append(dst []byte) []byte {
	dst = append(dst, "page"...)
	dst = strconv.AppendInt(dst, int64(v.Page), 10)
	dst = append(dst, '|')
	dst = strconv.AppendInt(dst, int64(v.Clicks), 10)
	dst = append(dst, '|')
	dst = AppendFloat(dst, v.Minutes)
	dst = append(dst, '|')
	return strconv.AppendInt(dst, int64(v.Like), 10)
}
