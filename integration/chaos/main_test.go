package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// suite is what the tests of the package share: they run one after the other.
type suite struct {
	program string

	kafka   kafkatest.Shared
	proxies *proxies         // before each broker of kafka
	rights  kafkatest.Shared // whose broker checks rights; kafka's own do where tests run secured

	mu   sync.Mutex
	rows []row
}

// shared is set by TestMain, before any test.
var shared *suite

func TestMain(m *testing.M) {
	const heap = 512
	security := kafkatest.SecurityOfTests()
	shared = &suite{kafka: kafkatest.Shared{Config: kafkatest.Config{Brokers: brokers, Proxies: true, Security: security}},
		rights: kafkatest.Shared{Config: kafkatest.Config{Rights: true, HeapMiB: heap}}}
	os.Exit(harness.Main(m, func(program string) { shared.program = program }, func() error { return shared.close() }))
}

// close ends what the tests share, and prints what they measured.
func (s *suite) close() error {
	if s.proxies != nil {
		s.proxies.close()
	}
	s.print()
	return errors.Join(s.kafka.Close(), s.rights.Close())
}

// brokers is the number of brokers: every topic is on all of them, and one may be
// missing.
const brokers = 3

// cluster starts the brokers that the tests share, and a proxy before each. After
// another test they are all up and in sync.
func (s *suite) cluster(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	kafkatest.NeedKafka(t)
	needOwn(t, "brokers that it can kill")
	cluster := s.kafka.Cluster(t)
	if s.proxies == nil {
		var err error
		s.proxies, err = startProxies(cluster.Routes())
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	require.NoError(t, cluster.WaitReady(ctx))
	require.NoError(t, cluster.WaitInSync(ctx))
	return cluster
}

// guarded starts the broker that checks rights, which some tests share. Those that run secured take
// rights on all three brokers.
func (s *suite) guarded(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	kafkatest.NeedKafka(t)
	needOwn(t, "brokers that check rights")
	if len(s.kafka.Config.Security) > 0 {
		return s.cluster(t)
	}
	return s.rights.Cluster(t)
}

// needOwn skips a test where there are brokers that are not its own.
func needOwn(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("KAFKA_BROKERS") != "" {
		kafkatest.Skip(t, "needs %s, and KAFKA_BROKERS names a running cluster", what)
	}
}

// row is how a run has ended.
type row struct {
	name           string
	seed           uint64
	took           time.Duration
	faults         string
	messages       int64
	pages, refused int
	lost, twice    int64
	exact, audited bool
	boards, older  int           // older: with a version that was not greater than one before
	pause, stall   time.Duration // longest without a board; without progress in some input partition
	restarts       int           // of roles, by their supervision
}

func (s *suite) add(r row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, r)
}

// print shows all runs.
func (s *suite) print() {
	if len(s.rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer func() { _ = w.Flush() }()
	_, _ = fmt.Fprintln(w, "run\tseed\ttook\tfaults\tmessages\trefused\tpages\tlost\tcounted twice\texact\taudit\tboards\told ones\tlongest without a board\tlongest stall of a partition\troles restarted")
	for _, r := range s.rows {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%d\t%d\t%s\t%s\t%d\n", r.name, r.seed, r.took.Round(time.Second), r.faults,
			r.messages, r.refused, r.pages, r.lost, r.twice, yes(r.exact), yes(r.audited), r.boards, r.older,
			r.pause.Round(time.Millisecond), r.stall.Round(time.Millisecond), r.restarts)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

// seed is that of the environment, else the given one.
func seed(t *testing.T, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv("PAGEHEAT_CHAOS_SEED")
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "PAGEHEAT_CHAOS_SEED")
	return n
}

// duration is the environment variable that says how long TestChaos goes on. Other tests
// take longer where it is set.
const duration = "PAGEHEAT_CHAOS"
