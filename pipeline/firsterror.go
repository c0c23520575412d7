package pipeline

import "sync"

// firstError keeps the first error that it is given: what follows mostly comes of it. It is
// for errors that have to be told apart after a context has ended, which keeps only the
// cause of its end. The zero value has none. It is safe for concurrent use.
type firstError struct {
	mu  sync.Mutex
	err error
}

// keep keeps an error, if it is one and the first, and reports whether it did.
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

// forget forgets it.
func (f *firstError) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = nil
}
