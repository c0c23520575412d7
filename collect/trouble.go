package collect

import (
	"sync"
	"time"
)

// troubleLasts is how long a failed write makes the collector unready. It must become ready
// again by itself, so that senders can retry.
const troubleLasts = 5 * time.Second

// trouble tracks recent failures of writes to Kafka.
type trouble struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// note records the result of a write, and reports whether it is the first failure of a series.
func (t *trouble) note(err error) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first = err != nil && t.err == nil
	t.err, t.at = err, time.Now()
	return first
}

// now returns the last failure if it is recent, or nil.
func (t *trouble) now() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil || time.Since(t.at) > troubleLasts {
		return nil
	}
	return t.err
}
