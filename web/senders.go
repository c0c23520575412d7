package web

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// maxSenders is the number of senders that are remembered, about 200 bytes each. The least
	// recently seen sender is forgotten, and then counts as new.
	maxSenders = 100_000
	// maxOpen is the maximum number of open requests of one sender, so that a slow sender does
	// not use all slots.
	maxOpen = 64
	// maxBodies is the maximum number of requests of maximum size that are buffered for one
	// sender.
	maxBodies = 4
)

// senders tracks how much each sender has sent recently.
type senders struct {
	rate  rate.Limit
	burst int
	known *lru.Cache[netip.Addr, *sender]
}

// sender is the state of one client: an address, or a network of IPv6.
type sender struct {
	limiter *rate.Limiter
	open    atomic.Int32
	held    atomic.Int64 // bytes of bodies
}

func newSenders(r rate.Limit, burst int) (*senders, error) {
	known, err := lru.New[netip.Addr, *sender](maxSenders)
	if err != nil {
		return nil, fmt.Errorf("remembering senders: %w", err)
	}
	return &senders{r, burst, known}, nil
}

// of returns the state of a sender.
func (s *senders) of(who netip.Addr) *sender {
	if known, ok := s.known.Get(who); ok {
		return known
	}
	fresh := &sender{limiter: rate.NewLimiter(s.rate, s.burst)}
	if known, ok, _ := s.known.PeekOrAdd(who, fresh); ok {
		return known
	}
	return fresh
}

// enter counts one more open request, unless there are too many.
func (s *sender) enter() bool {
	if s.open.Add(1) > maxOpen {
		s.open.Add(-1)
		return false
	}
	return true
}

func (s *sender) leave() { s.open.Add(-1) }

// spend charges a sender for n behaviours, at most a burst, and returns 0; or it charges
// nothing and returns the time to wait.
func (s *sender) spend(now time.Time, n int) time.Duration { return spend(s.limiter, now, n) }

func spend(limiter *rate.Limiter, now time.Time, n int) time.Duration {
	reservation := limiter.ReserveN(now, n)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}
