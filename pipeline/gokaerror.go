package pipeline

import (
	"errors"
	"slices"
	"strings"

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

// plain returns an error of goka's without its lists, which take several lines. A permanent
// error is taken as the reason of the others. Other errors stay as they are.
func plain(err error) error {
	causes := causesOf(err)
	if len(causes) == 0 {
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

// causesOf are the errors in the lists that an error has, each once; none without a list.
func causesOf(err error) (causes []error) {
	var list *multierror.Error
	if !errors.As(err, &list) {
		return nil
	}
	for _, one := range list.Errors {
		below := causesOf(one)
		if below == nil {
			below = []error{one}
		}
		for _, cause := range below {
			if !slices.ContainsFunc(causes, func(c error) bool { return c.Error() == cause.Error() }) {
				causes = append(causes, cause)
			}
		}
	}
	return causes
}
