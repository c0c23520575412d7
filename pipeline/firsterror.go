package pipeline

import "sync"

// firstError keeps the first error that it is given: later ones are mostly its consequences.
// The cause of a context would not do: sessions and memberships end their contexts at every
// rebalance, without an error, and the flushes and commits that follow may still fail; and a
// processor is built before it has a context. The zero value has none. It is safe for
// concurrent use.
type firstError struct {
	mu  sync.Mutex
	err error
}

// keep keeps an error if it is the first, and reports whether it did.
func (f *firstError) keep(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || err == nil {
		return false
	}
	f.err = err
	return true
}

// get is the error that was kept.
func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// forget drops the error.
func (f *firstError) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = nil
}
