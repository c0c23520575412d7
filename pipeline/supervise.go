package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"pageheat/failure"
)

// RoleState is what a supervised role is doing.
type RoleState int

// The states of a role.
const (
	// RoleRunning: the role runs, or is being set up.
	RoleRunning RoleState = iota
	// RoleWaiting: the role ended with an error and will be started again.
	RoleWaiting
	// RoleEnded: the role has ended for good.
	RoleEnded
)

// RoleError is the permanent error that ended a role.
type RoleError struct {
	Role string
	Err  error
}

// Error names the role.
func (e *RoleError) Error() string { return fmt.Sprintf("role %s cannot go on: %v", e.Role, e.Err) }

// Unwrap is the error without the role.
func (e *RoleError) Unwrap() error { return e.Err }

// Supervised is one role to keep alive.
type Supervised struct {
	// Name is the role, for logs and errors.
	Name string
	// Run runs the role until ctx ends, which is no error. It is called again
	// after an error.
	Run func(ctx context.Context) error
	// Observe is told each change of the state and the error behind it. It may
	// be nil.
	Observe func(state RoleState, err error)
	// Logger is told why a role is started again.
	Logger *slog.Logger
}

const (
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
	// steady is how long a role must have run for its next pause to be short.
	steady = 30 * time.Second
)

// Supervise keeps a role alive: when it ends with an error it is started again
// after a pause that grows. It returns nil when ctx ends, and a *RoleError
// when the role met an error that no second try mends.
func Supervise(ctx context.Context, s Supervised) error {
	if s.Observe == nil {
		s.Observe = func(RoleState, error) {}
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, longestPause
	for {
		s.Observe(RoleRunning, nil)
		began := time.Now()
		err := s.Run(ctx)
		if p := failure.As(err); p != nil {
			s.Observe(RoleEnded, err)
			return &RoleError{Role: s.Name, Err: p}
		}
		if ctx.Err() != nil {
			s.Observe(RoleEnded, nil)
			return nil //nolint:nilerr // what a role says when it is stopped is no fault
		}
		if time.Since(began) > steady {
			pauses.Reset()
		}
		if errors.Is(err, ErrRestart) {
			s.Logger.Info("restarting a role with new producers", "role", s.Name)
			continue
		}
		pause := pauses.NextBackOff()
		s.Observe(RoleWaiting, err)
		s.Logger.Warn("a role ended and will be restarted", "role", s.Name, "after", pause.Round(time.Millisecond), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			s.Observe(RoleEnded, nil)
			return nil
		}
	}
}
