package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/IBM/sarama"
	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
)

// listed is an error as goka returns it from a processor's Run.
func listed(errs ...error) error {
	return multierror.Append(nil, fmt.Errorf("error consuming from group consumer: %w",
		&handed{fmt.Errorf("ending a session: %w", multierror.Append(nil, errs...))}))
}

// TestWhatGokaListsIsOneLine: what is wrong comes first, and what to do about it last.
func TestWhatGokaListsIsOneLine(t *testing.T) {
	foreign := fmt.Errorf("leaders partition 0: offset 5: %w", codec.ErrMalformed)
	denied := &failure.Permanent{Err: sarama.ErrTopicAuthorizationFailed, Hint: "give it the right"}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"one":                       {listed(foreign), foreign.Error() + ": " + failure.Malformed},
		"without a list in it":      {fmt.Errorf("goka: %w", multierror.Append(nil, fmt.Errorf("error consuming from group consumer: %w", &handed{foreign}))), foreign.Error() + ": " + failure.Malformed},
		"one after one that passes": {listed(io.EOF, foreign, io.EOF), foreign.Error() + ": " + failure.Malformed},
		"with a hint of its own":    {listed(io.EOF, denied), denied.Error()},
		"a hint with what wraps it": {listed(io.EOF, fmt.Errorf("leaders partition 0: %w", denied)), "leaders partition 0: " + denied.Error()},
		"a hint around a list":      {fmt.Errorf("setting up: %w", &failure.Permanent{Err: listed(foreign), Hint: "do it"}), foreign.Error() + ": do it"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Supervise(t.Context(), Supervised{Name: "rank", Run: func(context.Context) error { return c.err }})
			require.EqualError(t, err, "role rank cannot go on: "+c.want)
		})
	}
}

// TestWhatPassesIsOneLine in the log, and in what /readyz says.
func TestWhatPassesIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		ctx, end := context.WithCancel(t.Context())
		other := errors.New("the table is not there")
		require.NoError(t, Supervise(ctx, Supervised{Name: "heat", Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Run: func(context.Context) error { return listed(io.EOF, listed(other), io.EOF) },
			Observe: func(s RoleState, err error) {
				if s == RoleWaiting {
					assert.EqualError(t, err, "EOF; the table is not there")
					assert.ErrorIs(t, err, other)
					end()
				}
			}}))
		assert.Contains(t, log.String(), `error="EOF; the table is not there"`)
	})
}

// TestOtherErrorsStayAsTheyAre.
func TestOtherErrorsStayAsTheyAre(t *testing.T) {
	for _, err := range []error{nil, io.EOF, fmt.Errorf("reading: %w", io.EOF), errors.Join(io.EOF, errSessionOver), &multierror.Error{}} {
		require.Equal(t, err, plain(err))
	}
}
