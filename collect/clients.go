package collect

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
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
	// network6 is what one client of IPv6 is: its network, since it has all
	// addresses in it.
	network6 = 64
)

// clients knows who has sent how much lately.
type clients struct {
	proxies []netip.Prefix
	rate    rate.Limit
	burst   int
	known   *lru.Cache[netip.Addr, *client]
}

// client is one address that sends.
type client struct {
	limiter *rate.Limiter
	open    atomic.Int32
}

func newClients(proxies []netip.Prefix, r rate.Limit, burst int) (*clients, error) {
	known, err := lru.New[netip.Addr, *client](maxClients)
	if err != nil {
		return nil, fmt.Errorf("remembering clients: %w", err)
	}
	return &clients{proxies, r, burst, known}, nil
}

// of returns the client that sends a request.
func (c *clients) of(r *http.Request) *client {
	who := c.address(r)
	if who.Is6() {
		if network, err := who.Prefix(network6); err == nil {
			who = network.Addr()
		}
	}
	if known, ok := c.known.Get(who); ok {
		return known
	}
	fresh := &client{limiter: rate.NewLimiter(c.rate, c.burst)}
	if known, ok, _ := c.known.PeekOrAdd(who, fresh); ok {
		return known
	}
	return fresh
}

// address is where a request comes from: the connection's other end or, while that
// is a trusted proxy, whom the proxy names in X-Forwarded-For. What a client itself
// has written there stands further to the left and is never reached. What is no
// address is the zero one, so that all such share one limit.
func (c *clients) address(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	who := parseAddress(host)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !c.trusts(who) || strings.TrimSpace(hop) == "" {
			break
		}
		who = parseAddress(strings.TrimSpace(hop))
	}
	return who
}

func (c *clients) trusts(who netip.Addr) bool {
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(who) })
}

// parseAddress reads an address, with a port or without.
func parseAddress(text string) netip.Addr {
	who, err := netip.ParseAddr(text)
	if err != nil {
		with, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		who = with.Addr()
	}
	return who.Unmap().WithZone("")
}

// ParseProxies reads addresses and networks, such as 10.0.0.0/8 or 127.0.0.1.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		text = strings.TrimSpace(text)
		if network, err := netip.ParsePrefix(text); err == nil {
			out = append(out, network.Masked())
			continue
		}
		who, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		out = append(out, netip.PrefixFrom(who.Unmap(), who.Unmap().BitLen()))
	}
	return out, nil
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
func (c *client) spend(now time.Time, n int) time.Duration {
	reservation := c.limiter.ReserveN(now, n)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}
