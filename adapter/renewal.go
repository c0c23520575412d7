package adapter

import (
	"context"
	"errors"
	"sync"
)

// ErrRenew is what a role ends with that wants to be started again at once, with new
// clients: a session that ended as cleanly as any, and no fault.
var ErrRenew = errors.New("the producers have sent as many records as they may")

// renewal ends a role's membership of its group, as cleanly as at a stop, so that it
// begins again with new clients. A nil renewal does nothing. It is safe for concurrent use.
type renewal struct {
	mu     sync.Mutex
	asked  bool
	cancel context.CancelFunc // of the membership, nil if there is none
}

// begin returns a context that ends with ctx, or when the renewal is asked for.
func (r *renewal) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if r != nil {
		r.mu.Lock()
		r.asked, r.cancel = false, cancel
		r.mu.Unlock()
	}
	return ctx, cancel
}

// ask ends the membership.
func (r *renewal) ask() {
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

// due reports whether the membership that began last was ended by ask.
func (r *renewal) due() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}
