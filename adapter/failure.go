package adapter

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"pageheat/processors"
	"pageheat/store"
)

// PermanentError is an error that trying again can not mend: a person has to
// do something first.
type PermanentError struct {
	Err  error
	Hint string // what to do, a sentence
}

// Error is the error with the hint.
func (e *PermanentError) Error() string { return fmt.Sprintf("%v: %s", e.Err, e.Hint) }

// Unwrap is the error itself.
func (e *PermanentError) Unwrap() error { return e.Err }

// errSessionOver says that a session ended before it began: no fault.
var errSessionOver = errors.New("the session of the consumer group is over")

// permanent wraps an error that no second try mends.
func permanent(hint string, format string, args ...any) error {
	return &PermanentError{Err: fmt.Errorf(format, args...), Hint: hint}
}

// hints are what to do about errors that are known to be permanent.
func hints() []struct {
	err  error
	hint string
} {
	const rights = "give pageheat's user the right, or correct the credentials"
	return []struct {
		err  error
		hint string
	}{
		{sarama.ErrTopicAuthorizationFailed, rights},
		{sarama.ErrGroupAuthorizationFailed, rights},
		{sarama.ErrClusterAuthorizationFailed, rights},
		{sarama.ErrTransactionalIDAuthorizationFailed, rights},
		{sarama.ErrSASLAuthenticationFailed, rights},
		{store.ErrGap, "the table can not become right by itself; see \"A range is missing\" in docs/operations.md"},
		{store.ErrOtherInput, "see \"A topic was created anew\" in docs/operations.md"},
		{processors.ErrOtherBehavior, "see \"A topic was created anew\" in docs/operations.md"},
		{sarama.ErrMessageSizeTooLarge, "raise max.message.bytes of the topic: run \"pageheat topics check\""},
	}
}

// AsPermanent returns err as a PermanentError if no second try would mend it,
// and nil otherwise.
func AsPermanent(err error) *PermanentError {
	if p, ok := errors.AsType[*PermanentError](err); ok {
		return p
	}
	// A message above the producer's own bound, for one.
	if _, ok := errors.AsType[sarama.ConfigurationError](err); ok {
		return &PermanentError{Err: err, Hint: "lower --top, or see \"A message is too large\" in docs/operations.md"}
	}
	for _, h := range hints() {
		if errors.Is(err, h.err) {
			return &PermanentError{Err: err, Hint: h.hint}
		}
	}
	return nil
}
