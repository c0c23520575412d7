//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

// roundTime is how long faults come before everything is compared.
const roundTime = 2 * time.Minute

// TestChaos goes on for as long as the environment says, in rounds with faults of
// all kinds, at random.
func TestChaos(t *testing.T) {
	text := os.Getenv(duration)
	long, err := time.ParseDuration(text)
	require.NoError(t, err, duration)
	until := time.Now().Add(long)
	next := seed(t, uint64(time.Now().UnixNano()))
	for round := 1; time.Now().Before(until); round++ {
		if !t.Run(fmt.Sprintf("round %d seed %d", round, next), func(t *testing.T) { chaosRound(t, next) }) {
			return
		}
		next++
	}
}

func chaosRound(t *testing.T, seed uint64) {
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	site.Brokers = shared.proxies.bootstrap()
	// Some rounds commit seldom, so that more is taken back by a take-over.
	random := rand.New(rand.NewPCG(seed, 2))
	var flags []string
	if random.IntN(2) == 0 {
		flags = []string{"--commit-every", "20s"}
	}
	var fleet [][]string
	for _, role := range allRoles() {
		fleet = append(fleet, append(role, flags...))
	}
	r := newRun(t, "chaos", seed, site, fleet...)
	kinds := append(r.everyInstanceFault(), r.everyNetworkFault()...)
	kinds = append(kinds, r.killGroupCoordinator, r.killTransactionCoordinator, r.killChangelogLeader,
		r.killInputLeader, r.killOutputLeader, r.restartBroker, r.freezeBroker)
	for time.Since(r.began) < roundTime {
		kinds[r.random.IntN(len(kinds))]()
		r.check()
		r.pause(r.between(0, 3*time.Second))
	}
	r.finish()
}
