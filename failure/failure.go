// Package failure is how an error says that trying again cannot mend it, and what an
// operator can do about it. An error that knows is made with [New] or wraps a [Known]
// one, where it is made; the caller that decides between trying again and giving up asks
// [As].
package failure

import (
	"errors"
	"fmt"
)

// Permanent is an error that trying again cannot mend: a person has to do something
// first.
type Permanent struct {
	Err  error
	Hint string // what to do, a sentence
}

// Error is the error with the hint.
func (e *Permanent) Error() string { return fmt.Sprintf("%v: %s", e.Err, e.Hint) }

// Unwrap is the error itself.
func (e *Permanent) Unwrap() error { return e.Err }

// New returns a Permanent with an error as fmt.Errorf makes it.
func New(hint, format string, args ...any) error {
	return &Permanent{Err: fmt.Errorf(format, args...), Hint: hint}
}

// known is an error that has a hint, without saying it: the caller that wraps it adds the details
// first.
type known struct{ text, hint string }

// Known returns an error that others wrap and errors.Is finds. No second try mends what
// wraps it.
func Known(text, hint string) error { return &known{text, hint} }

func (e *known) Error() string { return e.text }

// As returns what is permanent in err, and nil where another try may help.
func As(err error) *Permanent {
	if p, ok := errors.AsType[*Permanent](err); ok {
		return p
	}
	if k, ok := errors.AsType[*known](err); ok {
		return &Permanent{Err: err, Hint: k.hint}
	}
	return nil
}
