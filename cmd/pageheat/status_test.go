package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/pipeline"
)

// TestARoleThatEndsAgainAndAgainIsNotReady: not in between either, when it was started
// again and has not got its partitions.
func TestARoleThatEndsAgainAndAgainIsNotReady(t *testing.T) {
	s := newStatus()
	check := s.checks([]role{roleHeat})[0]
	s.set(string(roleHeat), pipeline.RoleRunning, nil)
	require.NoError(t, check.Ready())
	s.set(string(roleHeat), pipeline.RoleWaiting, errors.New("a fault"))
	require.ErrorContains(t, check.Ready(), "a fault")
	s.set(string(roleHeat), pipeline.RoleRunning, nil)
	require.ErrorContains(t, check.Ready(), "no partitions yet: a fault")
	s.conditions.Set(string(roleHeat), pipeline.AboutRestart, nil) // as its group does with a session
	require.NoError(t, check.Ready())
}

// TestAViewThatFailsForGoodEnds: by itself it tries forever.
func TestAViewThatFailsForGoodEnds(t *testing.T) {
	failed := make(chan error, 1)
	run := untilFailed(func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}, failed)
	failure := errors.New("a right is missing")
	failed <- failure
	require.ErrorIs(t, run(t.Context()), failure)
	ctx, end := context.WithCancel(t.Context())
	end()
	require.NoError(t, run(ctx))
}
