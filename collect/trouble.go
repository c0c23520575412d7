package collect

import (
	"sync"
	"time"
)

// troubleLasts is how long a failed write makes the collector unready. A retry needs it to
// be ready again.
const troubleLasts = 5 * time.Second

// trouble remembers whether Kafka took what was last written.
type trouble struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// note takes a write's error or nil, and reports whether it is the first one of a
// trouble.
func (t *trouble) note(err error) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first = err != nil && t.err == nil
	t.err, t.at = err, time.Now()
	return first
}

// now is the last failed write if it is recent, or nil.
func (t *trouble) now() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil || time.Since(t.at) > troubleLasts {
		return nil
	}
	return t.err
}
