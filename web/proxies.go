package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// network6 is what one client of IPv6 is: its network, since it has all addresses
// in it.
const network6 = 64

// Proxies are the networks of reverse proxies whose X-Forwarded-For is believed.
// The zero value believes none. It is safe for concurrent use.
type Proxies struct{ networks []netip.Prefix }

// NewProxies reads addresses and networks, such as 127.0.0.1 or 10.0.0.0/8. IPv4
// may be written as a part of IPv6, such as ::ffff:10.0.0.0/104. An error names the
// item that is neither.
func NewProxies(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		text = strings.TrimSpace(text)
		network, err := netip.ParsePrefix(text)
		if err != nil {
			who, err := netip.ParseAddr(text)
			if err != nil {
				return Proxies{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
			}
			who = who.WithZone("")
			network = netip.PrefixFrom(who, who.BitLen())
		}
		// Clients of IPv4 are compared as such, see parseAddress.
		if who := network.Addr(); who.Is4In6() {
			const mapped = 96 // ::ffff:0:0/96 is all of IPv4
			if network.Bits() < mapped {
				return Proxies{}, fmt.Errorf("%q is more than all of IPv4: write it as a network of IPv4, such as 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(who.Unmap(), network.Bits()-mapped)
		}
		p.networks = append(p.networks, network.Masked())
	}
	return p, nil
}

// Client says who sends a request: the address at the connection's other end or,
// while that is a trusted proxy, the one that the proxy names in X-Forwarded-For.
// What a client itself has written there stands further to the left and is never
// reached. All addresses of a /64 network of IPv6 are one client. What is no address
// is the zero one, so that all such are one client.
func (p Proxies) Client(r *http.Request) netip.Addr {
	who := parseAddress(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !p.trust(who) || strings.TrimSpace(hop) == "" {
			break
		}
		who = parseAddress(strings.TrimSpace(hop))
	}
	return clientOf(who)
}

// trust reports whether an address is that of a proxy.
func (p Proxies) trust(who netip.Addr) bool {
	return slices.ContainsFunc(p.networks, func(n netip.Prefix) bool { return n.Contains(who) })
}

// clientOf is the client that an address belongs to.
func clientOf(who netip.Addr) netip.Addr {
	if who.Is6() {
		if network, err := who.Prefix(network6); err == nil {
			return network.Addr()
		}
	}
	return who
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
