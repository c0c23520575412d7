package pipeline

import (
	"context"
	"errors"
	"sync"
)

// ErrRestart ends a role that must be started again at once with new clients. Its session
// ended cleanly; it is not a fault.
var ErrRestart = errors.New("the producers have sent their maximum number of records")

// restart ends a role's group membership as cleanly as a stop does, so that the role
// begins again with new clients. A nil restart does nothing. It is safe for concurrent use.
type restart struct {
	mu     sync.Mutex
	asked  bool
	cancel context.CancelFunc // of the membership, nil if there is none
}

// begin returns a context that ends with ctx, or when the restart is requested.
func (r *restart) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if r != nil {
		r.mu.Lock()
		r.asked, r.cancel = false, cancel
		r.mu.Unlock()
	}
	return ctx, cancel
}

// request ends the membership.
func (r *restart) request() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = true
	if r.cancel != nil {
		r.cancel()
	}
}

// requested reports whether request ended the last membership.
func (r *restart) requested() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}
