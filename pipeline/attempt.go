package pipeline

import (
	"context"
	"errors"

	"pageheat/kafka"
)

// errSessionOver says that a session ended, which is not a fault.
var errSessionOver = kafka.ErrSessionOver

// ErrRestart ends a role that must be started again at once with new clients. Its session
// ended cleanly; it is not a fault.
var ErrRestart = errors.New("the producers have sent their maximum number of records")

// attempt is one run of a role's goka processor. The first error ends it as cleanly as a stop
// does: sessions flush and commit. goka prints errors and loses their types, so the attempt
// keeps the one that ended it. It is safe for concurrent use.
type attempt struct {
	failed context.Context // ends with the first error, its cause
	end    context.CancelCauseFunc
}

// newAttempt returns an attempt within ctx. It can fail after ctx has ended: what is wrong at a
// stop must be known, too.
func newAttempt(ctx context.Context) *attempt {
	failed, end := context.WithCancelCause(context.WithoutCancel(ctx))
	return &attempt{failed: failed, end: end}
}

// fail ends the attempt with an error. A nil error and the end of a session are none.
func (a *attempt) fail(err error) {
	if err != nil && !errors.Is(err, errSessionOver) && !errors.Is(err, context.Canceled) {
		a.end(err)
	}
}

// failure is the error that ended the attempt; nil if there is none.
func (a *attempt) failure() error {
	if a.failed.Err() == nil {
		return nil
	}
	return context.Cause(a.failed)
}
