package collect

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// maxClients is how many clients are remembered, some 200 bytes each. Whoever
	// has not been seen for longest is forgotten, and then as good as new.
	maxClients = 100_000
	// maxOpen is how many requests of one client are answered at a time, so that
	// one that sends slowly does not take the places of all.
	maxOpen = 64
	// maxBodies is how many of the longest requests are held of one client.
	maxBodies = 4
)

// clients knows who has sent how much lately.
type clients struct {
	rate  rate.Limit
	burst int
	known *lru.Cache[netip.Addr, *client]
}

// client is one address, or one network of IPv6, that sends.
type client struct {
	limiter *rate.Limiter
	open    atomic.Int32
	held    atomic.Int64 // bytes of bodies
}

func newClients(r rate.Limit, burst int) (*clients, error) {
	known, err := lru.New[netip.Addr, *client](maxClients)
	if err != nil {
		return nil, fmt.Errorf("remembering clients: %w", err)
	}
	return &clients{r, burst, known}, nil
}

// of returns what is known of a client.
func (c *clients) of(who netip.Addr) *client {
	if known, ok := c.known.Get(who); ok {
		return known
	}
	fresh := &client{limiter: rate.NewLimiter(c.rate, c.burst)}
	if known, ok, _ := c.known.PeekOrAdd(who, fresh); ok {
		return known
	}
	return fresh
}

// enter counts one more open request, unless there are too many.
func (c *client) enter() bool {
	if c.open.Add(1) > maxOpen {
		c.open.Add(-1)
		return false
	}
	return true
}

func (c *client) leave() { c.open.Add(-1) }

// spend takes n behaviours, at most a burst, off what the client may send now, and
// returns 0; or takes nothing and returns how long to wait.
func (c *client) spend(now time.Time, n int) time.Duration { return spend(c.limiter, now, n) }

func spend(limiter *rate.Limiter, now time.Time, n int) time.Duration {
	reservation := limiter.ReserveN(now, n)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}
