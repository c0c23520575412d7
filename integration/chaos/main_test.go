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

	once    sync.Once
	kafka   *kafkatest.Cluster
	proxies *proxies
	failure error

	onceGuarded    sync.Once
	rights         *kafkatest.Cluster // whose broker checks rights
	failureGuarded error

	mu   sync.Mutex
	rows []row
}

// shared is set by TestMain, before any test.
var shared *suite

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, func(program string) { shared = &suite{program: program} }, func() error { return shared.close() }))
}

// close ends what the tests share, and prints what they measured.
func (s *suite) close() error {
	if s.proxies != nil {
		s.proxies.close()
	}
	var errs []error
	for _, cluster := range []*kafkatest.Cluster{s.kafka, s.rights} {
		if cluster != nil {
			errs = append(errs, cluster.Close())
		}
	}
	s.print()
	return errors.Join(errs...)
}

// brokers is the number of brokers: every topic is on all of them, and one may be
// missing.
const brokers = 3

// cluster starts the brokers that the tests share, and a proxy before each. After
// another test they are all up and in sync.
func (s *suite) cluster(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	kafkatest.NeedKafka(t)
	if os.Getenv("KAFKA_BROKERS") != "" {
		kafkatest.Skip(t, "needs brokers that it can kill, and KAFKA_BROKERS names a running cluster")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s.once.Do(func() {
		if s.kafka, s.failure = kafkatest.Start(ctx, kafkatest.Config{Brokers: brokers, Proxies: true}); s.failure == nil {
			s.proxies, s.failure = startProxies(s.kafka.Routes())
		}
	})
	require.NoError(t, s.failure)
	require.NoError(t, s.kafka.WaitReady(ctx))
	require.NoError(t, s.kafka.WaitInSync(ctx))
	return s.kafka
}

// guarded starts the broker that checks rights, which some tests share.
func (s *suite) guarded(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	kafkatest.NeedKafka(t)
	if os.Getenv("KAFKA_BROKERS") != "" {
		kafkatest.Skip(t, "needs brokers that check rights, and KAFKA_BROKERS names a running cluster")
	}
	s.onceGuarded.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		const heap = 512
		s.rights, s.failureGuarded = kafkatest.Start(ctx, kafkatest.Config{Rights: true, HeapMiB: heap})
	})
	require.NoError(t, s.failureGuarded)
	return s.rights
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
