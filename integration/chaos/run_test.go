package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

const (
	// sessionTimeout is the shortest that brokers allow by default.
	sessionTimeout = 6 * time.Second
	// inputPartitions and loadRate are those of every run.
	inputPartitions = 4
	loadRate        = 2000
	loadPages       = 3000
	// settleWithin is how long the last board may take after the last fault.
	settleWithin = 2 * time.Minute
)

// run is one installation under load and faults.
type run struct {
	t       *testing.T
	name    string
	seed    uint64
	random  *rand.Rand
	site    *harness.Site
	cluster *kafkatest.Cluster
	boards  *harness.Boards
	load    *load
	fleet   []*slot
	started []*harness.Instance // ever
	faults  map[string]int
	visits  int
	began   time.Time
	// draining is how long an instance may take to stop, 0 for the harness's own limit.
	draining time.Duration
	// lettersGone are the ends of the input before which dead letters were deleted.
	lettersGone harness.Ends
}

// newRun creates topics and starts instances with the given flags, a slice for
// each, and the load, and returns when all goes.
func newRun(t *testing.T, name string, seed uint64, site *harness.Site, instances ...[]string) *run {
	t.Helper()
	return newRunOf(t, name, seed, site, loadRate, loadPages, instances...)
}

// newRunOf is newRun with a load of a given number of messages a second of a given number of pages.
func newRunOf(t *testing.T, name string, seed uint64, site *harness.Site, rate, pages int, instances ...[]string) *run {
	t.Helper()
	r := &run{t: t, name: name, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), site: site, cluster: site.Cluster,
		faults: make(map[string]int), began: time.Now()}
	site.Create(inputPartitions)
	r.boards = site.Follow()
	for i, flags := range instances {
		r.fleet = append(r.fleet, &slot{run: r, name: fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), i), flags: flags})
		r.fleet[i].start()
	}
	r.load = startLoad(t, site, inputPartitions, rate, pages, seed)
	ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
	defer cancel()
	_, err := r.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > int64(rate)/2 })
	require.NoError(t, err)
	return r
}

// did counts a fault and says when it was.
func (r *run) did(fault, format string, args ...any) {
	r.t.Helper()
	r.faults[fault]++
	r.t.Logf("%6.2fs %s: %s", time.Since(r.began).Seconds(), fault, fmt.Sprintf(format, args...))
}

// between is a random time.
func (r *run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.random.Int64N(int64(most-least)))
}

// pause lets some time of the schedule pass.
func (r *run) pause(d time.Duration) { time.Sleep(d) }

// maybe is true in that many percent of the cases.
func (r *run) maybe(percent int) bool { return r.random.IntN(100) < percent }

// finish ends the load and compares everything: the board, every page as a fresh
// instance shows it, and the program's own audit, with what the input holds.
func (r *run) finish() row {
	t := r.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleWithin)
	defer cancel()
	require.NoError(t, r.load.end(ctx))
	r.check()
	result := row{name: r.name, seed: r.seed, messages: r.load.messages, refused: r.load.refused}
	for _, fault := range slices.Sorted(maps.Keys(r.faults)) {
		result.faults += fmt.Sprintf("%s %d, ", fault, r.faults[fault])
	}
	result.faults = strings.TrimSuffix(result.faults, ", ")
	defer func() {
		result.took = time.Since(r.began)
		result.restarts = r.restarts()
		shared.add(result)
	}()

	board, err := r.boards.WaitFor(ctx, r.load.ends)
	result.boards, result.older = r.boards.Count(), r.boards.Older()
	result.pause = r.boards.LongestPause(r.load.began, r.load.ended)
	result.stall = r.boards.LongestStall(r.load.began, r.load.ended)
	for _, p := range r.boards.Pauses(r.load.began, r.load.ended, sessionTimeout/2) {
		t.Logf("no board from %.2fs on for %v", p.From.Sub(r.began).Seconds(), p.Took.Round(time.Millisecond))
	}
	r.check()
	if err != nil {
		r.stacks()
	}
	require.NoError(t, err)
	settled := time.Since(r.load.ended)

	want := r.recount()
	result.pages = len(want.Pages)
	assert.Equal(t, want.Counted, r.load.acknowledged.Counted, "the input holds what was acknowledged")
	wrong := want.CompareBoard(board)
	assert.Empty(t, wrong, "the board")
	assert.Empty(t, r.boards.Wrong(), "what the boards said meanwhile")

	observer := r.site.Start("observer", "--roles", "serve")
	require.NoError(t, observer.WaitReady(ctx))
	tally, err := want.ComparePages(ctx, observer)
	require.NoError(t, err)
	assert.Empty(t, tally.Wrong, "pages")
	result.lost, result.twice = tally.Lost, tally.Twice
	result.exact = len(wrong) == 0 && len(tally.Wrong) == 0 && len(r.boards.Wrong()) == 0

	result.audited = r.audit()
	require.NoError(t, observer.Stop())
	for _, s := range r.fleet {
		s.stop()
	}
	r.check()
	t.Logf("%s: %d messages, lost %d, counted twice %d, %d boards (%d old ones), longest without a board %v, longest stall of a partition %v, settled after %v",
		r.name, result.messages, result.lost, result.twice, result.boards, result.older, result.pause, result.stall, settled)
	return result
}

// audit has the program recount the input, and reports whether it found nothing but
// dead letters that were deleted.
func (r *run) audit() bool {
	r.t.Helper()
	audit := r.site.Command("audit")
	if len(r.lettersGone) == 0 {
		return assert.Zero(r.t, audit.Code, "pageheat audit: %s%s", audit.Stdout, audit.Stderr)
	}
	missing := regexp.MustCompile(`/(\d+) offset (\d+): refused .* but it has no dead letter`)
	other := ""
	for line := range strings.Lines(audit.Stdout + audit.Stderr) {
		if m := missing.FindStringSubmatch(line); m != nil {
			partition, _ := strconv.ParseInt(m[1], 10, 32) // digits
			offset, _ := strconv.ParseInt(m[2], 10, 64)
			assert.Less(r.t, offset, r.lettersGone[int32(partition)], "a dead letter is missing that was not deleted: %s", line)
			continue
		}
		other += line
	}
	return assert.Contains(r.t, []int{0, 3}, audit.Code, "pageheat audit: %s", other) &&
		assert.NotContains(r.t, other, "recounted:", "pageheat audit: a page differs") &&
		assert.NotContains(r.t, other, "the sum over its pages")
}

// recount reads the whole input and counts it.
func (r *run) recount() *harness.Recount {
	r.t.Helper()
	total := int64(0)
	for _, end := range r.site.Ends() {
		total += end
	}
	want := harness.NewRecount()
	for _, record := range kafkatest.Read(r.t, r.cluster, r.site.Input, int(total)) {
		if !isBad(record.Value) {
			require.NoError(r.t, want.Add(record.Value, 1))
		}
	}
	return want
}

// restarts is how often roles were started again after an error.
func (r *run) restarts() int {
	n := 0
	for _, in := range r.started {
		for _, e := range in.Log().Entries() {
			if e.Message == "a role ended and will be restarted" {
				n++
			}
		}
	}
	return n
}

// check fails the test where an instance has ended by itself.
func (r *run) check() {
	r.t.Helper()
	for _, s := range r.fleet {
		s.check()
	}
}

// stacks has every instance say what it does, since it does nothing.
func (r *run) stacks() {
	for _, s := range r.fleet {
		if s.in != nil {
			s.in.Quit()
			s.in = nil
		}
	}
}

// slot is a place in the fleet, where one instance runs after another.
type slot struct {
	run   *run
	name  string
	flags []string
	in    *harness.Instance // nil while none runs
	tries int
}

func (s *slot) start() {
	s.run.t.Helper()
	s.tries++
	s.in = s.run.site.Start(fmt.Sprintf("%s.%d", s.name, s.tries),
		append([]string{"--session-timeout", sessionTimeout.String()}, s.flags...)...)
	s.run.started = append(s.run.started, s.in)
}

func (s *slot) check() {
	s.run.t.Helper()
	if s.in == nil {
		return
	}
	if code, ended := s.in.Ended(); ended {
		s.run.t.Errorf("instance %s has ended by itself, with exit code %d", s.in.Name(), code)
		s.in = nil
	}
}

func (s *slot) kill() {
	s.run.t.Helper()
	s.check()
	if s.in != nil {
		require.NoError(s.run.t, s.in.Kill())
		s.in = nil
	}
}

// stop asks the instance to drain, and has it end with exit code 0. One that was
// started so shortly before that it has not asked for its signals yet, on a busy
// machine, is ended by the signal itself.
func (s *slot) stop() {
	s.run.t.Helper()
	s.check()
	if s.in == nil {
		return
	}
	in := s.in
	s.in = nil
	var err error
	if s.run.draining == 0 {
		err = in.Stop()
	} else if code, late := in.Drain(s.run.draining); late != nil || code != 0 {
		err = fmt.Errorf("stopping instance %s: exit code %d: %w", in.Name(), code, late)
	}
	if code, _ := in.Ended(); code == -1 && in.Log().Len() == 0 {
		s.run.t.Logf("instance %s was stopped before it began", in.Name())
		return
	}
	assert.NoError(s.run.t, err)
}

func (s *slot) freeze() {
	s.run.t.Helper()
	require.NoError(s.run.t, s.in.Freeze())
}

func (s *slot) thaw() {
	s.run.t.Helper()
	require.NoError(s.run.t, s.in.Thaw())
}
