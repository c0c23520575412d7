package pipeline

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/IBM/sarama"
	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
)

// listed is an error as goka returns it from a processor's Run.
func listed(errs ...error) error {
	return multierror.Append(nil, fmt.Errorf("ending: %w", multierror.Append(nil, errs...)))
}

// TestWhatGokaListsIsOneLine: what is permanent is the reason of the others.
func TestWhatGokaListsIsOneLine(t *testing.T) {
	foreign := fmt.Errorf("leaders partition 0: offset 5: %w", codec.ErrMalformed)
	denied := &failure.Permanent{Err: sarama.ErrTopicAuthorizationFailed, Hint: "give it the right"}
	other := errors.New("the table is not there")
	for name, c := range map[string]struct {
		err  error
		want string
		is   error
	}{
		"one":                       {listed(foreign), foreign.Error(), foreign},
		"one after one that passes": {listed(io.EOF, foreign, io.EOF), foreign.Error(), foreign},
		"with a hint of its own":    {listed(io.EOF, denied), denied.Error(), denied},
		"a hint with what wraps it": {listed(io.EOF, fmt.Errorf("leaders partition 0: %w", denied)), "leaders partition 0: " + denied.Error(), denied},
		"several that pass":         {listed(io.EOF, listed(other), io.EOF), "EOF; the table is not there", other},
		"within another error":      {fmt.Errorf("goka: %w", listed(other)), other.Error(), other},
	} {
		t.Run(name, func(t *testing.T) {
			err := plain(c.err)
			require.EqualError(t, err, c.want)
			require.ErrorIs(t, err, c.is)
		})
	}
}

// TestOtherErrorsStayAsTheyAre.
func TestOtherErrorsStayAsTheyAre(t *testing.T) {
	for _, err := range []error{nil, io.EOF, fmt.Errorf("reading: %w", io.EOF), errors.Join(io.EOF, errSessionOver), &multierror.Error{}} {
		require.Equal(t, err, plain(err))
	}
}
