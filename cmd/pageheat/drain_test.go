package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPartsAreGivenUpAfterADrain: whatever hangs, the process ends.
func TestPartsAreGivenUpAfterADrain(t *testing.T) {
	failure := errors.New("it cannot go on")
	for _, c := range []struct {
		name    string
		fails   error
		hangs   bool
		takes   time.Duration
		givenUp string
	}{
		{name: "told to end", takes: time.Second},
		{name: "one hangs", hangs: true, takes: 8 * time.Second, givenUp: "hanging"},
		{name: "one fails", fails: failure, takes: time.Second},
		{name: "one fails, another hangs", fails: failure, hangs: true, takes: 8 * time.Second, givenUp: "hanging"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				defer end()
				released := make(chan struct{})
				defer close(released)
				all := newParts(ctx)
				all.run("draining", func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(time.Second)
					return nil
				})
				all.run("hanging", func(ctx context.Context) error {
					<-ctx.Done()
					if c.hangs {
						<-released
					}
					return nil
				})
				if c.fails != nil {
					all.run("failing", func(context.Context) error { return c.fails })
				} else {
					end()
				}
				began := time.Now()
				givenUp, err := all.wait(8 * time.Second)
				assert.Equal(t, c.givenUp, givenUp)
				require.ErrorIs(t, err, c.fails)
				assert.Equal(t, c.takes, time.Since(began))
			})
		})
	}
}
