package traffic

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Rate is a rate in messages per second; 0: none was given, infinite: unlimited.
type Rate float64

// maxRate keeps a Pacer's arithmetic exact enough. No broker accepts that many.
const maxRate = 1e9

// UnmarshalText reads a positive number or max.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "max" {
		*r = Rate(math.Inf(1))
		return nil
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(n > 0 && n <= maxRate) { // not NaN either
		return fmt.Errorf("must be a number above 0 (messages per second), or max, but got %q", text)
	}
	*r = Rate(n)
	return nil
}

// Pacer limits messages to a rate. It catches up after delays, so the overall rate holds.
type Pacer struct {
	rate  Rate
	start time.Time
	sent  float64
}

// NewPacer returns a pacer that starts now. Without a rate there is no limit.
func NewPacer(r Rate) *Pacer {
	if r == 0 {
		r = Rate(math.Inf(1))
	}
	return &Pacer{rate: r, start: time.Now()}
}

// Wait returns when the next message is due, or the error of ctx when that is done.
func (p *Pacer) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	due := time.Duration(p.sent / float64(p.rate) * float64(time.Second))
	p.sent++
	early := due - time.Since(p.start)
	// Shorter sleeps are imprecise, so a few messages go together instead.
	if early < time.Millisecond {
		return nil
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
