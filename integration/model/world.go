package model

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/processors"
	"pageheat/store"
	"pageheat/topology"
)

// retention is what the input's retention may delete.
type retention uint8

const (
	none  retention = iota // nothing
	mild                   // what the group has committed
	harsh                  // anything
)

// temper is the character of a schedule: the size of the world and the probability of each
// fault. It differs in every schedule, and always lacks some faults, because a permanent fault
// hides others.
type temper struct {
	inputs, targets, instances, pages int
	settings                          []settings // the first at the beginning, the last in the end
	warm                              int        // rounds without faults before
	steps, growUntil                  int        // in the last steps the input may be quiet
	weights                           [actions]int
	retention                         retention
	standby                           bool          // processes follow what they do not own
	disk                              bool          // partitions of the table are on disk
	events                            bool          // there are events of boards
	turnPages                         int           // of a board that turns, in one step
	skew                              time.Duration // the maximum difference of a clock, if there are further boards
	pace                              time.Duration // average time of a step
	publish, commit                   time.Duration // the minimum time between boards, the maximum between commits
	bounds                            processors.HeatBounds
	linger, commitInput               time.Duration // of ingest
	volume                            processors.IngestVolume
	focus                             role // faults and steps concern it more often; empty: no role

	holes, invalid, transactions, slow, duplicates, lostAnswers, notice float64
	unreadable, large                                                   float64 // of reads of the input
	titles                                                              float64
}

// page is a page that behaviours can be of.
type page struct {
	name   string
	target int
}

// world is the state of one schedule. It belongs to one goroutine.
type world struct {
	rng    *rand.Rand
	on     Protections
	temper temper
	trace  io.Writer
	steps  int
	now    time.Time // by clocks that are right; all are if there are no further boards
	latest time.Time // that any clock has shown
	counts Counts

	inputID, behaviorID, forgetID codec.TopicID
	pages                         []page
	invalid                       []string

	inputs     []*input
	logs       []*rangeLog
	tables     []*changelog
	requests   []*requestLog // to forget pages, by target
	asked      int           // of them
	rankTable  *changelog
	leaders    [][]byte
	rankings   []ranking // all epochs
	output     []*published
	newestNext []int64 // per target, the highest position of a board
	flights    []*flight
	instances  []*instance
	slots      []*slot
	next       int                      // board of the output that is read next
	readers    map[string]*reader       // by name of the board
	catalog    []*boards.Board          // all further boards; none in some schedules
	hashes     map[*boards.Board]string // of their definitions
	books      []*books                 // per target, what is committed of them
	claims     [][]claim                // per target, what leaders say of them
	highest    map[string]boards.Minute // T by definition, without OneSlot
	aging      *aging                   // nil if no pages are dropped
	forgets    map[int32]uint64         // requests in leaders by target, without MonotonicForgets
	messages   int                      // of the input
	disk       *store.Disk              // of all processes; nil where partitions are in memory
	events     *eventLog                // nil if there are none

	settling bool // no more faults
	moved    bool // a committed offset was moved forward

	repartitioned bool // a heat partition was added
	sums          []sum
	violation     error
	stopped       error
}

func newWorld(seed uint64, p Protections, trace io.Writer) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0x9a6e4ea7)), on: p, trace: trace, now: time.UnixMilli(1_700_000_000_000),
		inputID: codec.TopicID{1}, behaviorID: codec.TopicID{2}, forgetID: codec.TopicID{3}, invalid: invalidMessages()}
	w.temper = w.newTemper()
	if w.aging = w.newAging(seed); w.aging != nil {
		w.temper.turnPages = 1
	}
	names := pageNames()
	first := w.n(len(names))
	for i := range w.temper.pages {
		name := names[(first+i)%len(names)]
		w.pages = append(w.pages, page{name, int(topology.Partition(name, w.temper.targets))})
	}
	w.forgets = map[int32]uint64{}
	w.sums = make([]sum, len(w.pages))
	w.readers, w.hashes = map[string]*reader{}, map[*boards.Board]string{}
	for i := range w.temper.inputs {
		in := &input{partition: i, committed: -1, dead: make(map[int64]bool), dirty: !p.ReadCommitted}
		if w.temper.retention == harsh && w.chance(0.3) {
			in.first = int64(w.n(5)) // older than the pipeline
			in.next = in.first
		}
		w.inputs = append(w.inputs, in)
		w.slots = append(w.slots, &slot{role: ingestRole, partition: i})
	}
	w.newestNext = make([]int64, w.temper.targets)
	for i := range w.temper.targets {
		w.logs = append(w.logs, newRangeLog(i, w.temper.inputs+1))
		w.tables = append(w.tables, newChangelog(fmt.Sprintf("table-%d", i), p.Fencing))
		w.slots = append(w.slots, &slot{role: heatRole, partition: i})
		w.books = append(w.books, &books{})
		w.requests = append(w.requests, &requestLog{asked: map[int64]*request{}})
	}
	w.claims = make([][]claim, w.temper.targets)
	if w.temper.disk {
		w.disk = store.DiskInMemory()
	}
	w.rankTable = newChangelog("rank-table", p.Fencing)
	w.slots = append(w.slots, &slot{role: rankRole})
	if w.temper.events {
		w.events = newEventLog(p.Fencing)
		w.slots = append(w.slots, &slot{role: eventsRole})
	}
	for i := range w.temper.instances {
		on := &instance{number: i}
		on.restart(w.temper.standby)
		if w.temper.skew > 0 {
			on.skew = time.Duration(w.rng.Int64N(2*int64(w.temper.skew))) - w.temper.skew
		}
		w.instances = append(w.instances, on)
	}
	return w
}

// newTemper draws the character of a schedule.
func (w *world) newTemper() temper {
	some := func(of ...float64) float64 { return of[w.n(len(of))] }
	times := func(of ...time.Duration) time.Duration { return of[w.n(len(of))] }
	t := temper{
		inputs: 1 + w.n(3), targets: 1 + w.n(3), instances: 2 + w.n(2), pages: 1 + w.n(8),
		steps: 60 + w.n(400),
		holes: some(0, 0.1, 0.4), invalid: some(0, 0.05, 0.3), transactions: some(0, 0, 0.3), slow: some(0, 0.05, 0.3),
		duplicates: some(0, 0.05, 0.2), lostAnswers: some(0, 0.05, 0.2), notice: some(0.02, 0.1, 0.4),
	}
	t.pace = times(5*time.Millisecond, 50*time.Millisecond, 300*time.Millisecond)
	t.publish = times(0, 5*time.Millisecond, 50*time.Millisecond)
	t.commit = times(200*time.Millisecond, time.Second, 30*time.Second)
	t.linger = times(0, 5*time.Millisecond, 50*time.Millisecond)
	t.commitInput = times(0, 0, processors.IngestCommitEvery)
	t.unreadable, t.large = some(0, 0, 0.05), some(0, 0, 0.2)
	t.titles = some(0, 0, 0.2, 0.7)
	if !w.on.titles() {
		t.titles = 0.7
	}
	t.volume = processors.IngestVolume{Records: 1 + w.n(12), Bytes: 1 << 10, Behind: int64(w.n(12))}
	t.bounds = processors.HeatBounds{LeastPages: 1 + w.n(3), MostPages: 2 + w.n(6), MostBytes: 1 << 20, Burst: 1 + w.n(3)}
	t.weights = [actions]int{actGrow: 10, actTravel: 50, actOwner: 100, actStale: 25, actRead: 6, actAssign: 15}
	faults := [actions]int{actHandOver: 4, actExpel: 4, actCrash: 3, actFreeze: 4, actCompact: 3, actRetain: 2, actExpire: 2,
		actLeader: 3, actRestore: 2, actJump: 4, actForget: 1, actFollow: 6}
	for action, weight := range faults {
		if weight > 0 {
			t.weights[action] = weight * int(some(0, 1, 1, 3))
		}
	}
	t.weights[actJump] = max(t.weights[actJump], 1)
	t.weights[actThaw] = t.weights[actFreeze]
	t.growUntil = t.steps / (1 + w.n(3))
	t.warm = []int{0, 0, 5 + w.n(10)}[w.n(3)]
	t.standby = w.n(2) == 0
	t.disk = w.n(10) == 0
	t.events = w.n(3) == 0 || !w.on.events()
	t.focus = []role{"", "", ingestRole, heatRole, rankRole}[w.n(5)]
	if t.events && (w.n(4) == 0 || !w.on.events()) {
		t.focus = eventsRole
	}
	if !w.on.events() {
		t.lostAnswers, t.weights[actCrash], t.warm = 0.3, 6, 10
	}
	switch r := w.n(10); {
	case r < 5:
		t.weights[actRetain] = 0
	case r < 9:
		t.retention = mild
	default:
		t.retention = harsh
	}
	if w.n(20) == 0 {
		t.weights[actMove] = 1
	}
	t.weights[actExpireOffset] = w.n(2)
	t.settings = []settings{{clicks: 8, minutes: 8, likes: 10, top: 1 + w.n(4)}}
	if w.n(2) == 0 {
		others := []settings{{clicks: 8, minutes: 8, likes: 10, top: 1 + w.n(4)}, {likes: -10, top: 1 + w.n(4)}, {clicks: 1, likes: 100, top: t.settings[0].top}}
		t.settings = append(t.settings, others[w.n(len(others))])
		t.weights[actChange] = 1
	}
	if w.n(40) == 0 {
		t.weights[actRepartition] = 1
	}
	if t.transactions > 0 {
		t.weights[actEndProducing] = 4
	}
	t.weights[actAddInput] = max(w.n(4)-2, 0)
	t.weights[actAsk] = int(some(0, 0, 1, 4))
	if !w.on.forgetting() {
		t.weights[actAsk], t.weights[actCrash] = 6, 6
	}
	if t.weights[actAsk] > 0 && w.n(4) == 0 || !w.on.ForgottenTitles { // pages come back at once, and ranges overlap
		t.inputs, t.targets, t.pages, t.titles, t.focus, t.commitInput = 1, 1, 2, 0.7, ingestRole, processors.IngestCommitEvery
		t.weights[actAsk], t.weights[actCrash] = 8, 8
	}
	if w.n(2) == 0 || !w.on.boards() {
		w.drawBoards(&t)
	}
	return t
}

// n returns a random number from 0 to m-1; m must be positive.
func (w *world) n(m int) int { return w.rng.IntN(m) }

// chance returns true with the given probability.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// say adds a line to the trace.
func (w *world) say(format string, args ...any) {
	if w.trace != nil {
		_, _ = fmt.Fprintf(w.trace, "%5d  %s\n", w.steps, fmt.Sprintf(format, args...))
	}
}

// violate records a violation. Only the first one counts.
func (w *world) violate(format string, args ...any) {
	if w.violation == nil {
		w.violation = fmt.Errorf("step %d: "+format, append([]any{w.steps}, args...)...)
		w.say("VIOLATION: %v", w.violation)
	}
}

// stop ends the schedule with a permanent error. It is a violation unless something is truly
// lost and the design declares it.
func (w *world) stop(err error, declared bool) {
	if !declared {
		w.violate("a permanent error, though nothing is lost: %w", err)
		return
	}
	if w.stopped == nil {
		w.stopped = err
		w.say("stops for good: %v", err)
	}
}
