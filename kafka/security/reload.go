package security

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// reloaded is a value that is made from files each time it is needed: new connections are rare,
// and the files are small. If that fails, for example while files are replaced one after the
// other, the last good value stays in use. It is safe for concurrent use.
type reloaded[T any] struct {
	what   string // for the log
	read   func() (T, error)
	logger *slog.Logger

	mu      sync.Mutex
	last    T
	made    bool   // whether there is a last
	problem string // of the last reading
}

// get makes the value. It returns an error only if there is no good one yet.
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
		r.logger.Warn("cannot reload "+r.what+" for a new connection: the last good version is used", "error", err)
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
