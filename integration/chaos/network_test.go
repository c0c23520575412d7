package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

// TestNetwork cuts, delays, resets and silences connections between pageheat and
// one broker after the other.
func TestNetwork(t *testing.T) {
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	site.Brokers = shared.proxies.bootstrap()
	r := newRun(t, "network", seed(t, 2), site, []string{}, []string{})
	for _, fault := range r.everyNetworkFault() {
		fault()
		r.check()
		r.pause(r.between(0, time.Second))
	}
	r.finish()
}

// everyNetworkFault is each fault once, in a random order.
func (r *run) everyNetworkFault() []func() {
	all := []func(){r.cutOff, r.delay, r.reset, r.silence, r.trickle}
	r.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (r *run) anyBroker() int { return r.random.IntN(brokers) }

func (r *run) cutOff() {
	b, d := r.anyBroker(), r.between(time.Second, 4*time.Second)
	r.did("cut", "broker %d for %v", b, d)
	shared.proxies.cut(b)
	r.pause(d)
	require.NoError(r.t, shared.proxies.mend(b))
}

func (r *run) delay() {
	r.disturbed("delay", 4*time.Second, "latency", map[string]int{"latency": 300, "jitter": 200}, "downstream")
}

func (r *run) reset() {
	r.disturbed("reset", 2*time.Second, "reset_peer", map[string]int{"timeout": 20}, "downstream")
}

// silence lets nothing pass, and closes nothing.
func (r *run) silence() {
	r.disturbed("silence", 8*time.Second, "timeout", map[string]int{"timeout": 0}, "upstream", "downstream")
}

// trickle lets little pass at a time.
func (r *run) trickle() {
	r.disturbed("trickle", 3*time.Second, "bandwidth", map[string]int{"rate": 20}, "upstream", "downstream")
}

func (r *run) disturbed(fault string, most time.Duration, kind string, attributes map[string]int, directions ...string) {
	b, d := r.anyBroker(), r.between(most/2, most)
	r.did(fault, "broker %d for %v", b, d)
	for _, direction := range directions {
		require.NoError(r.t, shared.proxies.disturb(b, direction, kind, attributes))
	}
	r.pause(d)
	shared.proxies.calm(b)
}
