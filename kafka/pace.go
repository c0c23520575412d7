package kafka

import (
	"context"
	"math"
	"time"
)

const (
	// inputPace is the time between two fetches of the input from a broker while little
	// comes: records that came meanwhile are fetched together, and go on together. Half of
	// it is part of the latency of a behaviour.
	inputPace = 30 * time.Millisecond
	// quietPace is the same below quietRate. Each round of a behaviour from the input to the
	// board costs some 2 ms of processor time however little it carries, so a small site pays
	// for rounds, not for behaviours.
	quietPace = 100 * time.Millisecond
	// followPace is the same of what is followed, for which nobody waits, and quietFollowPace
	// below quietRate.
	followPace      = 100 * time.Millisecond
	quietFollowPace = 250 * time.Millisecond
	// unpacedRate is the rate, in bytes a second, above which nothing waits: a
	// fetch has much to give then whenever it comes.
	unpacedRate = 512 << 10
	// quietRate is the rate of a broker's input, in bytes a second, below which quietPace
	// holds: some 400 text messages a second.
	quietRate = 32 << 10
	// rateAge is how long the rate remembers.
	rateAge = 500 * time.Millisecond
)

// pace says when the next fetch is due.
type pace struct {
	interval time.Duration
	quiet    time.Duration // the interval below quietRate
	rate     float64       // in bytes a second: an average in which older bytes weigh less
	last     time.Time
}

// next is when the next fetch is due after one that gave some bytes. It is at a whole
// multiple of the interval, so that all brokers are asked together; at once if nothing
// came, since the broker waits for what comes first.
func (p *pace) next(bytes int, now time.Time) time.Time {
	if !p.last.IsZero() {
		p.rate *= math.Exp(-now.Sub(p.last).Seconds() / rateAge.Seconds())
	}
	p.rate += float64(bytes) / rateAge.Seconds()
	p.last = now
	if bytes == 0 || p.rate > unpacedRate {
		return now
	}
	interval := p.interval
	if p.rate < quietRate {
		interval = p.quiet
	}
	return now.Add(interval - time.Duration(now.UnixNano())%interval)
}

// rest waits until a time or until ctx ends.
func rest(ctx context.Context, until time.Time) {
	pause := time.Until(until)
	if pause <= 0 {
		return
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}
