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
	// maxSenders is how many senders are remembered, some 200 bytes each. Whoever
	// has not been seen for longest is forgotten, and then as good as new.
	maxSenders = 100_000
	// maxOpen is how many requests of one sender are answered at a time, so that
	// one that sends slowly does not take the places of all.
	maxOpen = 64
	// maxBodies is how many of the longest requests are held of one sender.
	maxBodies = 4
)

// senders knows who has sent how much lately.
type senders struct {
	rate  rate.Limit
	burst int
	known *lru.Cache[netip.Addr, *sender]
}

// sender is what is known of one client: an address, or a network of IPv6.
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

// of returns what is known of a sender.
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

// spend takes n behaviours, at most a burst, off what the sender may send now, and
// returns 0; or takes nothing and returns how long to wait.
func (s *sender) spend(now time.Time, n int) time.Duration { return spend(s.limiter, now, n) }

func spend(limiter *rate.Limiter, now time.Time, n int) time.Duration {
	reservation := limiter.ReserveN(now, n)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}
