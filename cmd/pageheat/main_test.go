package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
)

func TestExitCodes(t *testing.T) {
	for code, errs := range map[int][]error{
		exitDone:        {nil},
		exitFailed:      {errors.New("no"), context.DeadlineExceeded},
		exitUsage:       {usageError{errors.New("no")}, failure.BadSetting("x", "no"), fmt.Errorf("there: %w", failure.BadSetting("x", "no"))},
		exitDifference:  {errDifference, fmt.Errorf("there: %w", errDifference)},
		exitInterrupted: {errInterrupted, errors.Join(errInterrupted, nil), context.Canceled},
	} {
		for _, err := range errs {
			var out bytes.Buffer
			assert.Equal(t, code, report(&out, nil, err), "%v", err)
			assert.Equal(t, code == exitFailed || code == exitUsage, out.Len() > 0, "%v: %s", err, &out)
		}
	}
}

func TestSignals(t *testing.T) {
	exits := make(chan int, 1)
	ctx, stop := drainOnSignal(t.Context(), func(code int) { exits <- code })
	defer stop()
	assert.NoError(t, ctx.Err())

	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the first signal must end the context")
	}
	assert.Empty(t, exits)

	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	select {
	case code := <-exits:
		assert.Equal(t, 128+2, code)
	case <-time.After(10 * time.Second):
		t.Fatal("the second signal must end at once")
	}
}

func TestStopGivesTheSignalsBack(t *testing.T) {
	ctx, stop := drainOnSignal(t.Context(), func(int) {})
	stop()
	assert.ErrorIs(t, ctx.Err(), context.Canceled)
}
