package security

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// reloaded is a value that is made from files, again each time it is needed: connections are
// opened seldom, and files are small. While it cannot be made, since files are being replaced
// one after the other for example, the last one stays. It is safe for concurrent use.
type reloaded[T any] struct {
	what   string // for the log
	read   func() (T, error)
	logger *slog.Logger

	mu      sync.Mutex
	last    T
	made    bool   // whether there is a last
	problem string // of the last reading
}

// get makes the value. The error is that of the first reading.
func (r *reloaded[T]) get() (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, err := r.read()
	switch {
	case err == nil:
		r.last, r.made, r.problem = value, true, ""
	case !r.made:
		return value, err
	case err.Error() != r.problem:
		r.problem = err.Error()
		r.logger.Warn("cannot reload "+r.what+" for a new connection: what was read before is used", "error", err)
	}
	return r.last, nil
}

// readFile reads a file of settings.
func readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", err)
	}
	return text, nil
}
