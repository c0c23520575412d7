package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

const (
	// drainWithin is how long any instance may take to end on SIGTERM, whatever it
	// waits for.
	drainWithin = 10 * time.Second
	// takenRate and takenPages are less than those of other faults: one broker carries
	// it, and every page is compared.
	takenRate  = 500
	takenPages = 400
	// noticedWithin is how long it may take until instances go on, or end and say why,
	// once what was taken is back.
	noticedWithin = 90 * time.Second
)

// taking is a run from which topics and rights are taken, and given back. Nothing
// that instances do may end without a word: either everything goes on and is exact,
// or an instance ends with exit code 1 and says what a person has to do; and it is
// exact when that was done.
type taking struct {
	*run
	ended int      // instances that ended by themselves
	loads uint64   // that were started after the first
	taken []string // what instances may name: some notice a fault during the next
}

// fault is something that is taken and given back.
type fault struct {
	name string
	// names is what an instance that ends has to name.
	names string
	take  func()
	// giveBack is what the operator of the cluster does.
	giveBack func()
	// least and most are how long it is away.
	least, most time.Duration
	// recreated is set where the data is gone for good: an instance has to end, and
	// operations.md says to begin again.
	recreated bool
	// late is how long instances may take to notice once all goes on.
	late time.Duration
}

// newTaking starts a run on the cluster that checks rights.
func newTaking(t *testing.T, name string, seed uint64, instances ...[]string) *taking {
	t.Helper()
	cluster := shared.guarded(t)
	site := harness.NewSite(t, cluster, shared.program)
	if len(cluster.Security()) == 0 { // otherwise each process has its own rights
		site.Brokers = cluster.Guarded()
		var rights []kafkatest.Right
		for _, kind := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeTransactionalId} {
			rights = append(rights, kafkatest.Right{Operation: kmsg.ACLOperationAll, Kind: kind, Name: site.Prefix, Prefixed: true})
		}
		require.NoError(t, cluster.Allow(t.Context(), append(rights, kafkatest.ClusterRight(kmsg.ACLOperationDescribe),
			kafkatest.ClusterRight(kmsg.ACLOperationIdempotentWrite))...))
	}
	return &taking{run: newRunOf(t, name, seed, site, takenRate, takenPages, instances...)}
}

// short is a name as people know it, whose prefix is not that of this test.
func (k *taking) short(name string) string {
	return strings.Replace(name, k.site.Prefix, "pageheat", 1)
}

// takeEach runs each fault on an installation of its own, whose roles are instances
// of their own: all of them in "make chaos", otherwise those whose name ends in one
// of the given ones.
func takeEach(t *testing.T, name string, faults func(*taking) []fault, short ...string) {
	t.Helper()
	pattern := os.Getenv(onlyFaults)
	for i, f := range faults(&taking{run: &run{site: &harness.Site{Installation: harness.Installation{Prefix: "pageheat", Input: "pageheat-input", Output: "pageheat-output"}}}}) {
		wanted := wholeSuite() || slices.ContainsFunc(short, func(s string) bool { return strings.HasSuffix(f.name, s) })
		if pattern != "" {
			wanted = regexp.MustCompile(pattern).MatchString(f.name)
		}
		if !wanted {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			k := newTaking(t, name+" taken", seed(t, uint64(i)), singleRoles()...)
			k.suffer(faults(k)[i])
			k.finish()
		})
	}
}

// TestTaken takes topics and rights at random, in rounds, each on an installation
// of its own.
func TestTaken(t *testing.T) {
	const roundFaults = 3
	rounds, next := 1, seed(t, uint64(time.Now().UnixNano()))
	if text := os.Getenv(takenRounds); text != "" {
		var err error
		rounds, err = strconv.Atoi(text)
		require.NoError(t, err, takenRounds)
	} else if wholeSuite() {
		rounds = 30
	}
	for round := range rounds {
		t.Run(fmt.Sprintf("round %d seed %d", round+1, next), func(t *testing.T) {
			random := rand.New(rand.NewPCG(next, 3))
			fleets := [][][]string{{{}, {}}, singleRoles(), allRoles()}
			k := newTaking(t, "taken", next, fleets[random.IntN(len(fleets))]...)
			topics, rights := k.everyTopicFault(), k.everyRightFault()
			for range roundFaults {
				kinds := topics
				if k.maybe(60) {
					kinds = rights
				}
				k.suffer(kinds[k.random.IntN(len(kinds))])
			}
			k.finish()
		})
		next++
	}
}

// takenRounds is an environment variable with the number of rounds of TestTaken.
const takenRounds = "PAGEHEAT_CHAOS_ROUNDS"

// onlyFaults is an environment variable with a regular expression: the faults of
// takeEach to run.
const onlyFaults = "PAGEHEAT_CHAOS_FAULTS"

// suffer takes something and gives it back, perhaps stops an instance meanwhile, and
// waits until everything goes on as it has to.
func (k *taking) suffer(f fault) {
	k.t.Helper()
	away := f.least
	if f.most > f.least {
		away = k.between(f.least, f.most)
	}
	stopped, again := k.maybe(40), k.maybe(50)
	k.did(f.name, "for %v", away.Round(time.Millisecond))
	k.taken = append(k.taken, f.names)
	f.take()
	k.pause(away / 2)
	if s := k.anyone(); stopped && s.in != nil {
		k.did("SIGTERM", "%s meanwhile", s.name)
		k.drain(s)
		if again && s.in == nil {
			s.start()
		}
	}
	k.pause(away / 2)
	f.giveBack()
	noticed := k.reap(f) > 0
	if !f.recreated || !noticed {
		k.startMissing()
	}
	k.settle(f, noticed)
}

// drain stops an instance. It may have been about to end with an error.
func (k *taking) drain(s *slot) {
	k.t.Helper()
	in := s.in
	if _, ended := in.Ended(); ended {
		return // by itself; reap judges it
	}
	s.in = nil
	began := time.Now()
	code, err := in.Drain(drainWithin)
	if !assert.NoError(k.t, err) {
		return
	}
	k.t.Logf("%6.2fs %s ended on SIGTERM after %v with exit code %d", time.Since(k.began).Seconds(), in.Name(), time.Since(began).Round(time.Millisecond), code)
	if code == -1 && in.Log().Len() == 0 {
		return // before it had asked for its signals
	}
	assert.Contains(k.t, []int{0, 1}, code, "exit code of %s after SIGTERM", in.Name())
}

// settle waits until the pipeline goes on by itself, or until instances have ended,
// and does then what they say.
func (k *taking) settle(f fault, noticed bool) {
	k.t.Helper()
	ends, until := k.load.acknowledgedEnds(), time.Now().Add(noticedWithin)
	began := time.Now()
	for !noticed {
		if noticed = k.reap(f) > 0; noticed {
			break
		}
		ctx, cancel := context.WithTimeout(k.t.Context(), pollEvery)
		_, err := k.boards.WaitFor(ctx, ends)
		cancel()
		if err == nil && !f.recreated {
			break
		}
		if time.Now().After(until) {
			k.stacks()
			require.NoError(k.t, err, "%s: nothing goes on, and no instance has ended", f.name)
			require.Fail(k.t, "no instance has noticed", "%s", f.name)
		}
	}
	if f.recreated {
		k.beginAgain(f)
	}
	k.startMissing()
	// Those that noticed later end now, and are started again.
	for quiet := time.Now().Add(f.late); ; {
		ends = k.load.acknowledgedEnds()
		ctx, cancel := context.WithTimeout(k.t.Context(), time.Second)
		_, err := k.boards.WaitFor(ctx, ends)
		cancel()
		ended := k.reap(f) > 0
		if ended {
			k.startMissing()
		} else if err == nil && time.Now().After(quiet) {
			break
		}
		if err == nil && !ended {
			k.pause(pollEvery)
		}
		if time.Now().After(until) {
			k.stacks()
			require.Fail(k.t, "it does not go on", "%s: %v", f.name, err)
		}
	}
	k.t.Logf("%6.2fs goes on after %v", time.Since(k.began).Seconds(), time.Since(began).Round(time.Millisecond))
}

// wayOn is what an instance that ends says about what to do.
func wayOn() *regexp.Regexp {
	return regexp.MustCompile(`docs/operations\.md|\brights?\b|topics (check|create)|start the instance again`)
}

// reap looks for instances that have ended by themselves: they must have said why.
func (k *taking) reap(f fault) int {
	k.t.Helper()
	n := 0
	for _, s := range k.fleet {
		if s.in == nil {
			continue
		}
		code, ended := s.in.Ended()
		if !ended {
			continue
		}
		in := s.in
		s.in = nil
		n++
		k.ended++
		words := in.LastWords()
		last := words[max(0, strings.LastIndex("\n"+words, "\npageheat: ")):]
		k.t.Logf("%6.2fs %s ended with exit code %d: %s", time.Since(k.began).Seconds(), in.Name(), code, strings.Join(strings.Fields(last), " "))
		assert.Equal(k.t, 1, code, "%s: %s", f.name, words)
		assert.True(k.t, slices.ContainsFunc(k.taken, func(name string) bool { return strings.Contains(last, name) }),
			"%s: it names what it needs: %s", f.name, last)
		assert.Regexp(k.t, wayOn(), last, "%s: it says what to do", f.name)
	}
	return n
}

func (k *taking) startMissing() {
	for _, s := range k.fleet {
		if s.in == nil {
			s.start()
		}
	}
}

// own are the topics of pageheat's own and the output, and its groups.
func own(site *harness.Site) (topics, groups []string) {
	p := site.Prefix
	return []string{p + "-behavior", p + "-heat-table", p + "-leaders", p + "-rank-table", site.Output}, []string{p + "-ingest", p + "-heat", p + "-rank"}
}

// beginAgain does what operations.md says where a topic is gone for good.
func (k *taking) beginAgain(f fault) {
	k.t.Helper()
	k.t.Logf("%6.2fs begins again", time.Since(k.began).Seconds())
	for _, s := range k.fleet {
		if s.in == nil {
			continue
		}
		if _, ended := s.in.Ended(); ended {
			k.reap(f)
			continue
		}
		k.drain(s)
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), harness.Within)
	defer cancel()
	topics, groups := own(k.site)
	admin := kafkatest.Admin(k.t, k.cluster)
	deleted, err := admin.DeleteTopics(ctx, topics...)
	require.NoError(k.t, err)
	require.NoError(k.t, deleted.Error())
	_, err = admin.DeleteGroups(ctx, groups...)
	require.NoError(k.t, err)
	k.createOwn(ctx)
	assert.Empty(k.t, k.boards.Wrong(), "what the boards said until then")
	k.boards = k.site.Follow()
}

// createOwn runs "topics create" until the deletion of old topics is through.
func (k *taking) createOwn(ctx context.Context) {
	k.t.Helper()
	for {
		r := k.site.Command("topics", "create", "--partitions", fmt.Sprint(inputPartitions))
		if r.Code == 0 {
			return
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			require.Fail(k.t, "topics create", "%s", r.Stderr)
		}
	}
}

// finish compares everything, and has every instance end in time.
func (k *taking) finish() row {
	k.t.Helper()
	k.draining = drainWithin
	return k.run.finish()
}

// wholeSuite reports whether this is "make chaos".
func wholeSuite() bool { return os.Getenv(duration) != "" }
