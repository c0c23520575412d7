package traffic

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Rate is how many messages are sent in a second; 0: none was given, infinite: as many
// as go.
type Rate float64

// maxRate keeps the arithmetic of a Pacer exact enough; no broker takes as many.
const maxRate = 1e9

// UnmarshalText reads a positive number or max.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "max" {
		*r = Rate(math.Inf(1))
		return nil
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(n > 0 && n <= maxRate) { // not NaN either
		return fmt.Errorf("must be a number above 0 (messages a second), or max, but got %q", text)
	}
	*r = Rate(n)
	return nil
}

// Pacer lets messages through at a rate. What came late is caught up with, so that
// the rate holds on the whole.
type Pacer struct {
	rate  Rate
	start time.Time
	sent  float64
}

// NewPacer returns a pacer that begins now. Without a rate everything goes at once.
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
		return ctx.Err()
	}
}
