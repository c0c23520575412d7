package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"pageheat/failure"
	"pageheat/pipeline"
)

// The exit codes. A second signal ends with 128 + its number, see drainOnSignal.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDifference  = 3
	exitInterrupted = 130
)

// usageError is an error in the command line, the environment or the
// configuration file.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errDifference is what audit and topics check return where they have found, and
// printed, a difference.
var errDifference = errors.New("there are differences")

// errInterrupted is what a command returns that a signal ended before it was done.
var errInterrupted = errors.New("interrupted")

// report says an error, unless it has been said already, and maps it to the exit code: in the
// log, if there is one, and otherwise, or if a setting is wrong, as a line on standard error.
func report(stderr io.Writer, log *slog.Logger, err error) int {
	var usage usageError
	var setting *failure.Setting
	code := exitFailed
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errDifference):
		return exitDifference
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &setting):
		code, log = exitUsage, nil
	}
	if log == nil {
		if p := failure.As(err); p != nil {
			err = p // with its hint
		}
		_, _ = fmt.Fprintf(stderr, "pageheat: %v\n", err) // where else to say it
		return code
	}
	if role, ok := errors.AsType[*pipeline.RoleError](err); ok {
		log = log.With("role", role.Role)
	}
	log.Error("pageheat failed", failure.Attrs(err)...)
	return code
}
