package pipeline

import (
	"sync/atomic"

	"pageheat/kafka"
)

// startFailure keeps the first error of what a goka processor is built from, whose type
// goka loses: it ends the processor. It is safe for concurrent use.
type startFailure struct{ first firstError }

// begin forgets what was kept of the processor before.
func (f *startFailure) begin() { f.first.forget() }

// keep keeps an error, if it is one, and returns it.
func (f *startFailure) keep(err error) error {
	f.first.keep(err)
	return err
}

// lost takes errors of look-ups that goka makes: those of a session end the session, and
// those before the first one the processor.
func (f *startFailure) lost(current *atomic.Pointer[session]) func(error) {
	return func(err error) {
		if s := current.Load(); s != nil {
			s.fail(err)
			return
		}
		_ = f.keep(err)
	}
}

// explain returns the cause of an error that a processor ended with: the error that was
// kept, if any.
func (f *startFailure) explain(err error) error {
	if kept := f.first.get(); err != nil && kept != nil {
		return kept
	}
	return kafka.Explain(err)
}
