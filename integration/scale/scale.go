// Package scale runs the stages of the pipeline at the size of a large cluster: hundreds of input
// and heat partitions, dozens of instances, in one goroutine and in simulated time. It drives what
// ships: the stages of package processors, package store, and the encodings of package codec. Kafka
// is simulated: partitions are slices, a record arrives after a millisecond, a commit takes 30 ms.
//
// It answers two questions. Does the protocol hold at that size: is the last board exact, do all
// instances get their share, does nothing wait forever, also after an instance crashed and another
// joined? And what do the stages cost: how many ranges, leaders and bytes, and how much CPU time in
// which stage? What clients and brokers cost is not in it. Faults are the business of package model.
package scale

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// Config is the size of a run.
type Config struct {
	// Inputs, Heat and Instances are the numbers of input partitions, heat partitions and
	// instances, which all have the roles ingest, heat and rank.
	Inputs, Heat, Instances int
	// Pages is the number of pages, visited uniformly.
	Pages int
	// Rate is the number of behaviours a second, in all, and For how long they come.
	Rate int
	For  time.Duration
	// Fetch is the time between two fetches of an input partition, each of which makes a range
	// for each heat partition.
	Fetch time.Duration
	// Rebalance is whether an instance crashes a third of the way, and joins again later.
	Rebalance bool
	// CPU is the CPU time of this thread so far; nil measures none.
	CPU func() time.Duration
}

// Stage is a part of the work that is measured by itself.
type Stage int

// The stages, in the order of a behaviour's way.
const (
	Other   Stage = iota // the simulation itself
	Combine              // reads and adds up behaviours
	Flush                // encodes ranges
	Apply                // applies ranges
	Leaders              // selects and encodes leaders
	Commit               // writes checkpoints
	Hear                 // reads leaders for the ranking
	Board                // merges leaders and encodes boards
	Restore              // restores heat partitions
	Plan                 // plans assignments
	stages
)

// Result is what a run did.
type Result struct {
	Behaviours                      int64
	Ranges, RangeBytes              int64
	Leaders, LeadersBytes           int64
	Boards, BoardBytes, HeaderBytes int64
	Records, RecordBytes            int64 // of the changelog
	LongestProgress, LongestLeaders int   // bytes of a record
	Restored                        int64 // records
	Again                           int64 // behaviours read again for an overlap
	Rebalances                      int
	Plans                           int64         // of assignments
	LongestRebalance                time.Duration // until all partitions count again, in simulated time
	LongestSilence                  time.Duration // between two boards while input comes, in simulated time
	LongestWait                     time.Duration // of a range until it is applied, the same
	LeastShare, MostShare           float64       // of the ranges that an instance applied, 1 is an equal share
	LeastOwned, MostOwned           int           // heat partitions of an instance, at the end
	Took                            time.Duration // simulated time
	CPU                             [stages]time.Duration
}

// The simulated cluster.
const (
	network  = time.Millisecond      // until a record is visible, and again until it is acknowledged
	commits  = 30 * time.Millisecond // a transaction
	takeOver = 30 * time.Millisecond // of a transactional.id, with the fence
	session  = time.Second           // until the group notices a crash
	step     = time.Millisecond
	patience = time.Minute // for everything to be counted after the end of the input
	top      = 10
	board    = "all-time"
	group    = "rank"
	output   = "output"
)

// message is one of the behaviours that the input is made of.
type message struct {
	text                  []byte
	page                  int
	clicks, minutes, like int64
}

// world is everything there is. It belongs to one goroutine.
type world struct {
	Config
	now, began time.Time
	input      codec.TopicID
	behavior   codec.TopicID
	pool       []message
	pages      []string
	committed  []int64 // by input partition
	logs       []*rangeLog
	tables     []*changelog
	leaders    []sent
	boards     []published
	epoch      []byte
	instances  []*instance
	groups     []*members
	result     Result
	failed     error

	measured Stage
	since    time.Duration
	asking   time.Duration // the time that CPU itself takes
	last     time.Time     // when the last board came
}

// sent is a record that others see from a time on.
type sent struct {
	at    time.Time
	value []byte
}

// rangeLog is a partition of the behaviour topic.
type rangeLog struct {
	first   int64 // offset of the first of records
	records []sent
	highest []int64 // end of the ranges of each input partition
	memory  []byte
}

func (l *rangeLog) end() int64 { return l.first + int64(len(l.records)) }

// instance is one process; what it holds outlives its sessions, but not a crash.
type instance struct {
	name      string
	alive     bool
	stores    *processors.HeatStores
	combiners map[int]*processors.Combiner
	ranker    *processors.Ranker
	applied   int64
}

func (i *instance) start() {
	i.alive, i.ranker = true, nil
	i.stores, i.combiners = processors.NewHeatStores(false), make(map[int]*processors.Combiner)
}

// Run runs until everything is counted, and compares the last board with a recount. The error says
// what did not hold.
func Run(c Config) (Result, error) {
	w := newWorld(c)
	crash, join := w.began.Add(c.For/3), w.began.Add(c.For*2/3)
	for w.failed == nil && !w.done() {
		w.now = w.now.Add(step)
		if w.now.Sub(w.began) > c.For+patience {
			w.fail("not everything is counted %s after the end of the input", patience)
		}
		if c.Rebalance && !w.now.Before(crash) {
			crash = w.began.Add(time.Hour)
			w.crash(w.instances[0])
		}
		if c.Rebalance && !w.now.Before(join) {
			join = w.began.Add(time.Hour)
			w.join(w.instances[0])
		}
		for _, g := range w.groups {
			g.act()
		}
	}
	w.measure(Other)
	w.finish()
	return w.result, w.failed
}

func newWorld(c Config) *world {
	w := &world{Config: c, now: time.UnixMilli(1_700_000_000_000), input: codec.TopicID{1}, behavior: codec.TopicID{2}}
	w.began, w.last = w.now, w.now
	rng := rand.New(rand.NewPCG(1, uint64(c.Pages)))
	for i := range c.Pages {
		w.pages = append(w.pages, "/page/"+strconv.Itoa(i))
	}
	for range max(c.Pages, 10_000) {
		m := message{page: rng.IntN(c.Pages), clicks: 1 + rng.Int64N(5), minutes: rng.Int64N(5_000_000_000), like: rng.Int64N(3) - 1}
		m.text = fmt.Appendf(nil, "%s|%d|%s|%d", w.pages[m.page], m.clicks, heat.Minutes(m.minutes), m.like)
		w.pool = append(w.pool, m)
	}
	if c.CPU != nil {
		const times = 1000
		begin := c.CPU()
		for range times {
			w.since = c.CPU()
		}
		w.asking = (w.since - begin) / times
	}
	w.committed = slices.Repeat([]int64{-1}, c.Inputs)
	for range c.Heat {
		w.logs = append(w.logs, &rangeLog{highest: slices.Repeat([]int64{processors.NotSent}, c.Inputs)})
		w.tables = append(w.tables, &changelog{cells: make(map[string]cell)})
	}
	for i := range c.Instances {
		on := &instance{name: "instance-" + strconv.Itoa(i)}
		on.start()
		w.instances = append(w.instances, on)
	}
	w.groups = []*members{newMembers(w, "ingest", c.Inputs), newMembers(w, "heat", c.Heat), newMembers(w, "rank", 1)}
	return w
}

// measure ends what was measured, and begins with a stage.
func (w *world) measure(s Stage) {
	if w.CPU == nil {
		return
	}
	now := w.CPU()
	w.result.CPU[w.measured] += max(now-w.since-w.asking, 0)
	w.measured, w.since = s, now
}

func (w *world) fail(format string, args ...any) {
	if w.failed == nil {
		w.failed = fmt.Errorf("after %s: "+format, append([]any{w.now.Sub(w.began)}, args...)...)
	}
}

// inputEnd is the offset after the last message of an input partition.
func (w *world) inputEnd() int64 {
	return int64(min(w.now.Sub(w.began), w.For).Seconds() * float64(w.Rate) / float64(w.Inputs))
}

// message is the message at an offset of an input partition.
func (w *world) message(partition int32, offset int64) *message {
	x := uint64(offset)*uint64(w.Inputs) + uint64(partition)
	x *= 0x9e3779b97f4a7c15
	return &w.pool[(x>>20)%uint64(len(w.pool))]
}

// send appends a range to the log of a heat partition. It copies it.
func (w *world) send(target int, value []byte) {
	l := w.logs[target]
	if cap(l.memory)-len(l.memory) < len(value) {
		l.memory = make([]byte, 0, max(64<<10, len(value)))
	}
	begin := len(l.memory)
	l.memory = append(l.memory, value...)
	l.records = append(l.records, sent{w.now.Add(network), l.memory[begin:]})
	w.result.Ranges++
	w.result.RangeBytes += int64(len(value))
}

// done reports whether the last board counts everything, and no group is rebalancing.
func (w *world) done() bool {
	if w.now.Sub(w.began) < w.For || len(w.boards) == 0 {
		return false
	}
	for _, g := range w.groups {
		if !g.settled() {
			return false
		}
	}
	return w.boards[len(w.boards)-1].counted == uint64(w.inputEnd())*uint64(w.Inputs)
}

// finish compares the last board with a recount, which shares nothing with what counted.
func (w *world) finish() {
	r := &w.result
	r.Took, r.Behaviours = w.now.Sub(w.began), w.inputEnd()*int64(w.Inputs)
	r.LeastShare, r.LeastOwned = float64(r.Ranges), w.Heat
	for _, on := range w.instances {
		share := float64(on.applied) * float64(w.Instances) / float64(max(r.Ranges, 1))
		r.LeastShare, r.MostShare = min(r.LeastShare, share), max(r.MostShare, share)
		owned := len(w.groups[1].owned(on))
		r.LeastOwned, r.MostOwned = min(r.LeastOwned, owned), max(r.MostOwned, owned)
	}
	if w.failed != nil {
		return
	}
	b, err := codec.DecodeBoard(w.boards[len(w.boards)-1].value)
	if err != nil {
		w.fail("the last board: %w", err)
		return
	}
	if err := w.compare(b); err != nil {
		w.fail("the last board: %w", err)
	}
}

// compare compares a board with a recount.
func (w *world) compare(b *codec.Board) error {
	type sums struct{ page, clicks, minutes, likes, visits int64 }
	pages := make([]sums, w.Pages)
	end := w.inputEnd()
	for partition := range int32(w.Inputs) {
		if got, _ := b.Offsets.Get(partition); got != end {
			return fmt.Errorf("its offset of input partition %d is %d, not %d", partition, got, end)
		}
		for offset := range end {
			m := w.message(partition, offset)
			p := &pages[m.page]
			p.clicks, p.minutes, p.likes, p.visits = p.clicks+m.clicks, p.minutes+m.minutes, p.likes+m.like, p.visits+1
		}
	}
	for i := range pages {
		pages[i].page = int64(i)
	}
	// 0.8 clicks, 0.8 minutes, 1 like, in units of 10⁻¹⁰.
	hot := func(s *sums) int64 { return 8e9*s.clicks + 8*s.minutes + 1e10*s.likes }
	slices.SortFunc(pages, func(x, y sums) int {
		if a, b := hot(&x), hot(&y); a != b {
			return int(min(max(b-a, -1), 1))
		}
		return strings.Compare(w.pages[x.page], w.pages[y.page])
	})
	if want := min(top, w.Pages); len(b.Pages) != want {
		return fmt.Errorf("it has %d pages, not %d", len(b.Pages), want)
	}
	for i := range b.Pages {
		got, want := &b.Pages[i], &pages[i]
		if got.Page != w.pages[want.page] || got.Behaviours != uint64(want.visits) || string(got.Likes) != strconv.FormatInt(want.likes, 10) ||
			string(got.Clicks) != strconv.FormatInt(want.clicks, 10) || string(got.Heat) != decimal(hot(want)) {
			return fmt.Errorf("rank %d is %+v, and the input has %s with %+v", i+1, *got, w.pages[want.page], *want)
		}
	}
	return nil
}

// decimal writes units of 10⁻¹⁰, which are not negative here.
func decimal(units int64) string {
	text := fmt.Sprintf("%011d", units)
	whole, fraction := text[:len(text)-10], text[len(text)-10:]
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
