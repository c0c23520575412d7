// Package failure marks errors that retrying cannot fix, with a hint for the operator. Such
// an error is created with [New] or wraps a [Known] one where it occurs. The caller that
// decides between retrying and giving up asks [As].
package failure

import (
	"errors"
	"fmt"
	"strings"
)

// Permanent is an error that retrying cannot fix: an operator has to act first.
type Permanent struct {
	Err  error
	Hint string // what to do, a sentence
}

// Error is the error with the hint, once: an error that wraps a Permanent has its hint in
// its text already.
func (e *Permanent) Error() string {
	if inner, ok := errors.AsType[*Permanent](e.Err); ok && inner.Hint == e.Hint {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v: %s", e.Err, e.Hint)
}

// Unwrap is the error itself.
func (e *Permanent) Unwrap() error { return e.Err }

// New returns a Permanent with an error formatted as by fmt.Errorf.
func New(hint, format string, args ...any) error {
	return &Permanent{Err: fmt.Errorf(format, args...), Hint: hint}
}

// known is an error with a hint that its text leaves out: callers wrap it with details.
type known struct{ text, hint string }

// Known returns an error to be wrapped and found by errors.Is. Errors that wrap it are permanent.
func Known(text, hint string) error { return &known{text, hint} }

func (e *known) Error() string { return e.text }

// As returns err as a permanent error if it is or wraps one, or nil if retrying may help. Its
// text is that of err, with everything that wraps the permanent error.
func As(err error) *Permanent {
	if p, ok := err.(*Permanent); ok { //nolint:errorlint // one that is wrapped would lose what wraps it
		return p
	}
	if p, ok := errors.AsType[*Permanent](err); ok {
		return &Permanent{Err: err, Hint: p.Hint}
	}
	if k, ok := errors.AsType[*known](err); ok {
		return &Permanent{Err: err, Hint: k.hint}
	}
	return nil
}

// Attrs are the attributes of a log line about an error: error and, if an operator has to act,
// hint.
func Attrs(err error) []any {
	p := As(err)
	if p == nil {
		return []any{"error", err}
	}
	return []any{"error", strings.TrimSuffix(p.Error(), ": "+p.Hint), "hint", p.Hint}
}
