package chaos

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

const (
	// longOutage is how long no broker can be reached in "make chaos", and
	// shortOutage otherwise.
	longOutage  = 10 * time.Minute
	shortOutage = 10 * time.Second
)

// TestOutage takes all brokers away from pageheat, while its input goes on: it
// waits, and goes on by itself when they are back.
func TestOutage(t *testing.T) {
	away := shortOutage
	if os.Getenv(duration) != "" {
		away = longOutage
	}
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	site.Brokers = shared.proxies.bootstrap()
	r := newRun(t, "outage", 5, site, []string{}, []string{})
	r.did("outage", "no broker for %v", away)
	for b := range brokers {
		shared.proxies.cut(b)
	}
	r.pause(away)
	r.check()
	for b := range brokers {
		require.NoError(t, shared.proxies.mend(b))
	}
	r.goesOn()
	for _, in := range r.started {
		if _, ended := in.Ended(); ended {
			continue
		}
		assertMemory(t, in)
	}
	r.finish()
}
