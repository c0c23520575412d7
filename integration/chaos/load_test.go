package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// load sends behaviours at a known rate until it is ended, and keeps account of
// what was acknowledged: no record is given up, and none is written twice, since
// the producer is idempotent.
type load struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   chan struct{}
	began  time.Time
	ended  time.Time

	mu           sync.Mutex
	acknowledged *harness.Recount
	ends         harness.Ends
	messages     int64
	refused      int // messages that are no behaviours
	err          error
}

// badEvery is how many messages there are to one that is no behaviour.
const badEvery = 400

// loadTick is how often some are sent.
const loadTick = 10 * time.Millisecond

// startLoad sends about rate messages a second, of a given number of pages.
func startLoad(t *testing.T, site *harness.Site, partitions int32, rate, pages int, seed uint64) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel, done: make(chan struct{}), began: time.Now(),
		acknowledged: harness.NewRecount(), ends: harness.Ends{},
		client: kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond))}
	go func() {
		defer close(l.done)
		random := rand.New(rand.NewPCG(seed, 1))
		ticker := time.NewTicker(loadTick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			for range rate * int(loadTick) / int(time.Second) {
				// It waits while too much is not acknowledged.
				l.client.Produce(context.Background(), &kgo.Record{Topic: site.Input, Partition: random.Int32N(partitions),
					Value: message(random, pages)}, l.settle)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-l.done
	})
	return l
}

// message is a behaviour, some of them extreme, or now and then none.
func message(random *rand.Rand, pages int) []byte {
	if random.IntN(badEvery) == 0 {
		return fmt.Appendf(nil, "no behaviour %d", random.Uint32())
	}
	// Some pages are much hotter than others.
	page := random.IntN(1 + random.IntN(pages))
	if random.IntN(100) == 0 {
		return fmt.Appendf(nil, "/page/%d|1000000|1440|1", page)
	}
	return fmt.Appendf(nil, "/page/%d|%d|%d.%09d|%d", page, random.IntN(6), random.IntN(5), random.IntN(1e9), random.IntN(3)-1)
}

func isBad(message []byte) bool { return message[0] != '/' }

// settle records an acknowledgement.
func (l *load) settle(r *kgo.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.messages++
		l.ends.Include(r)
		if isBad(r.Value) {
			l.refused++
			return
		}
		err = l.acknowledged.Add(r.Value, 1)
	}
	if err != nil && l.err == nil {
		l.err = err
	}
}

// acknowledgedEnds are the ends of what was acknowledged until now.
func (l *load) acknowledgedEnds() harness.Ends {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.ends)
}

// abandon stops sending, and does not care for what is not acknowledged.
func (l *load) abandon() {
	l.stop()
	l.client.Close() // callers that wait for acknowledgements go on
	<-l.done
}

// end stops sending and waits until everything is acknowledged. Nothing is sent any
// more when it returns, and what was may be read.
func (l *load) end(ctx context.Context) error {
	l.stop()
	<-l.done
	l.ended = time.Now()
	if err := l.client.Flush(ctx); err != nil {
		return fmt.Errorf("waiting until all input is acknowledged: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
