package kafkatest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// externalBrokers is the environment variable that names a running cluster.
const externalBrokers = "KAFKA_BROKERS"

// startWithin is the time limit for starting a cluster in a test, on a busy machine.
const startWithin = 4 * time.Minute

// Embedded starts an embedded cluster that ends with the test. It has one broker unless
// WithBrokers is given.
func Embedded(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	cfg := Config{Embedded: true}
	for _, o := range opts {
		o(&cfg)
	}
	return start(t, cfg)
}

// Real starts an Apache Kafka with the given number of brokers that ends with the test. If the
// environment variable KAFKA_BROKERS is set, it returns that cluster, whatever its size. If
// neither is possible, the test is skipped; see Skip.
func Real(t testing.TB, brokers int, opts ...Option) *Cluster {
	t.Helper()
	NeedKafka(t)
	cfg := Config{Brokers: brokers}
	for _, o := range opts {
		o(&cfg)
	}
	if list := os.Getenv(externalBrokers); list != "" {
		cfg.External = strings.Split(list, ",")
	}
	return start(t, cfg)
}

func start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	began := time.Now()
	c, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.nodes) > 0 {
		t.Logf("Kafka of %d broker(s) at %s after %v", cfg.Brokers, c.Bootstrap(), time.Since(began).Round(time.Millisecond))
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.nodes {
				t.Logf("last words of broker %d:\n%s", n.index, n.lastWords())
			}
		}
		if err := c.Close(); err != nil {
			t.Errorf("ending the cluster: %v", err)
		}
	})
	return c
}

// Shared is a cluster that tests share. It starts for the first test that needs it.
type Shared struct {
	// Config is what is started.
	Config Config

	once    sync.Once
	cluster *Cluster
	failure error
}

// Cluster returns the cluster, or fails or skips the test as Real does.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	NeedKafka(t)
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		s.cluster, s.failure = Start(ctx, s.Config)
	})
	if s.failure != nil {
		t.Fatal(s.failure)
	}
	return s.cluster
}

// Close ends the cluster, if it was started, after all tests.
func (s *Shared) Close() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.Close()
}

// Prefix returns a name for the topics and groups of one test: its own name in the characters
// that Kafka allows plus a random part, so that tests can share a cluster.
func Prefix(t testing.TB) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, t.Name())
	return name[:min(40, len(name))] + "-" + strings.ToLower(rand.Text()[:6])
}
