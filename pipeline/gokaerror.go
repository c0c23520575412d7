package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/hashicorp/go-multierror"

	"pageheat/failure"
)

// several are errors that came together.
type several []error

// Error is all of them in one line.
func (s several) Error() string {
	texts := make([]string, len(s))
	for i, err := range s {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap is all of them.
func (s several) Unwrap() []error { return s }

// handed is an error that was handed to goka, which returns it with words of its own
// around it.
type handed struct{ err error }

// Error is the error itself.
func (h *handed) Error() string { return h.err.Error() }

// Unwrap is the error itself.
func (h *handed) Unwrap() error { return h.err }

// handing is a consumer group that hands its error to goka.
type handing struct{ sarama.ConsumerGroup }

// Consume implements sarama.ConsumerGroup.
func (g handing) Consume(ctx context.Context, topics []string, goka sarama.ConsumerGroupHandler) error {
	if err := g.ConsumerGroup.Consume(ctx, topics, goka); err != nil {
		return &handed{err}
	}
	return nil
}

// plain returns what goka has collected in an error without goka's lists, which take
// several lines, and without what goka says around them. A permanent error is taken
// as the reason of the others. Other errors stay as they are.
func plain(err error) error {
	if p, ok := err.(*failure.Permanent); ok { //nolint:errorlint // what it wraps is looked at below
		return &failure.Permanent{Err: plain(p.Err), Hint: p.Hint}
	}
	causes, listed := causesOf(err)
	if !listed || len(causes) == 0 {
		return err
	}
	if at := slices.IndexFunc(causes, func(c error) bool { return failure.As(c) != nil }); at >= 0 {
		return causes[at]
	}
	if len(causes) == 1 {
		return causes[0]
	}
	return several(causes)
}

// causesOf are the errors in the lists that err consists of, each once, and whether
// there is a list at all.
func causesOf(err error) (causes []error, listed bool) {
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case *failure.Permanent:
		if _, listed := causesOf(e.Err); listed {
			return []error{plain(e)}, true
		}
	case *handed:
		if causes, listed := causesOf(e.err); listed {
			return causes, true
		}
		return []error{e.err}, true
	case *multierror.Error:
		for _, one := range e.WrappedErrors() {
			below, listed := causesOf(one)
			if !listed {
				below = []error{one}
			}
			for _, cause := range below {
				if !slices.ContainsFunc(causes, func(c error) bool { return c.Error() == cause.Error() }) {
					causes = append(causes, cause)
				}
			}
		}
		return causes, true
	case interface{ Unwrap() error }:
		return causesOf(e.Unwrap())
	}
	return nil, false
}
