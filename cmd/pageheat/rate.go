package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// messageRate is how many messages are sent in a second; 0: none was given,
// infinite: as many as go.
type messageRate float64

// maxRate keeps the arithmetic of the pacer exact enough; no broker takes as many.
const maxRate = 1e9

// UnmarshalText reads a positive number or max.
func (r *messageRate) UnmarshalText(text []byte) error {
	if string(text) == "max" {
		*r = messageRate(math.Inf(1))
		return nil
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(n > 0 && n <= maxRate) { // not NaN either
		return fmt.Errorf("must be a number above 0 (messages a second), or max, but got %q", text)
	}
	*r = messageRate(n)
	return nil
}

func (r messageRate) set() bool { return r != 0 }

// pacer lets messages through at a rate. What came late is caught up with, so that
// the rate holds on the whole.
type pacer struct {
	rate  messageRate
	start time.Time
	sent  float64
}

func newPacer(r messageRate) *pacer {
	if !r.set() {
		r = messageRate(math.Inf(1))
	}
	return &pacer{rate: r, start: time.Now()}
}

// wait returns when the next message is due, or errInterrupted when ctx is done.
func (p *pacer) wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	due := time.Duration(p.sent / float64(p.rate) * float64(time.Second))
	p.sent++
	early := due - time.Since(p.start)
	// A shorter sleep takes longer than it should: then a few go together.
	if early < time.Millisecond {
		return nil
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}
