package chaos

import (
	"fmt"
	"testing"
	"time"

	"pageheat/integration/harness"
)

// TestInstances kills, freezes, stops and starts instances.
func TestInstances(t *testing.T) {
	cluster := shared.cluster(t)
	r := newRun(t, "instances", seed(t, 1), harness.NewSite(t, cluster, shared.program), allRoles()...)
	for _, fault := range r.everyInstanceFault() {
		fault()
		r.check()
		r.pause(r.between(0, 2*time.Second))
	}
	r.finish()
}

// allRoles are the flags of a fleet in which every role has two instances at least.
func allRoles() [][]string {
	return [][]string{{}, {}, {"--roles", "ingest,rank"}, {"--roles", "heat"}}
}

// everyInstanceFault is each fault once or more, in a random order.
func (r *run) everyInstanceFault() []func() {
	all := []func(){
		r.killOne, r.killOne, r.killOne, r.killYoung, r.killYoung, r.killTwo,
		r.freezeOne, r.freezeAndKill, r.handOver, r.handOver, r.rollingRestart, r.visitors, r.visitors,
	}
	r.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (r *run) anyone() *slot { return r.fleet[r.random.IntN(len(r.fleet))] }

// another is any other than this one.
func (r *run) another(than *slot) *slot {
	for {
		if s := r.anyone(); s != than {
			return s
		}
	}
}

func (r *run) killOne() {
	s, away := r.anyone(), r.between(0, 2*time.Second)
	r.did("kill -9", "%s, started again after %v", s.name, away)
	s.kill()
	r.pause(away)
	s.start()
}

// killYoung kills an instance that was started a moment ago.
func (r *run) killYoung() {
	s, age := r.anyone(), r.between(0, 1500*time.Millisecond)
	r.did("kill -9", "%s, and again %v after its start", s.name, age)
	s.kill()
	s.start()
	r.pause(age)
	s.kill()
	s.start()
}

func (r *run) killTwo() {
	first := r.anyone()
	second, between := r.another(first), r.between(0, 500*time.Millisecond)
	r.did("kill -9", "%s, and %s %v later", first.name, second.name, between)
	first.kill()
	r.pause(between)
	second.kill()
	first.start()
	second.start()
}

// pastSession is longer than the group waits for a silent member.
func (r *run) pastSession() time.Duration {
	return sessionTimeout + r.between(time.Second, 3*time.Second)
}

func (r *run) freezeOne() {
	s, frozen := r.anyone(), r.pastSession()
	r.did("freeze", "%s for %v", s.name, frozen)
	s.freeze()
	r.pause(frozen)
	s.thaw()
}

// freezeAndKill freezes one and kills another meanwhile.
func (r *run) freezeAndKill() {
	frozen := r.anyone()
	killed, cold, wait := r.another(frozen), r.pastSession(), r.between(0, 5*time.Second)
	r.did("freeze", "%s for %v; meanwhile %s is killed after %v", frozen.name, cold, killed.name, wait)
	frozen.freeze()
	r.pause(wait)
	killed.kill()
	killed.start()
	r.pause(cold - wait)
	frozen.thaw()
}

func (r *run) handOver() {
	s, away := r.anyone(), r.between(0, time.Second)
	r.did("SIGTERM", "%s, started again after %v", s.name, away)
	s.stop()
	r.pause(away)
	s.start()
}

func (r *run) rollingRestart() {
	r.did("rolling restart", "of all")
	for _, s := range r.fleet {
		s.stop()
		s.start()
	}
}

// visitors come and go, while they are being set up or later.
func (r *run) visitors() {
	for range 2 {
		r.visits++
		s := &slot{run: r, name: fmt.Sprintf("visitor-%d", r.visits)}
		// Not before the process has asked for its signals.
		stay, gap := r.between(300*time.Millisecond, 3*time.Second), r.between(0, 500*time.Millisecond)
		r.did("visitor", "%s for %v", s.name, stay)
		s.start()
		r.pause(stay)
		s.stop()
		r.pause(gap)
	}
}
