package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// network6 is the network that counts as one IPv6 client, because a client has all of its
// addresses.
const network6 = 64

// Proxies are the networks of trusted reverse proxies, whose X-Forwarded-For is used. The zero
// value trusts none. It is safe for concurrent use.
type Proxies struct{ networks []netip.Prefix }

// NewProxies reads addresses and networks, such as 127.0.0.1 or 10.0.0.0/8. IPv4 may be written
// as IPv6, such as ::ffff:10.0.0.0/104. The error names an invalid item.
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
		// IPv4 clients are compared as IPv4, see parseAddress.
		if who := network.Addr(); who.Is4In6() {
			const mapped = 96 // ::ffff:0:0/96 is all of IPv4
			if network.Bits() < mapped {
				return Proxies{}, fmt.Errorf("%q contains all of IPv4: use an IPv4 network, such as 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(who.Unmap(), network.Bits()-mapped)
		}
		p.networks = append(p.networks, network.Masked())
	}
	return p, nil
}

// Client returns the client that sends a request: the remote address of the connection, or the
// address in X-Forwarded-For while that is a trusted proxy. Entries that a client writes itself
// are further left and are never reached. All addresses of a /64 network of IPv6 are one
// client. Everything that is not an address counts as one client, the zero address.
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

// trust reports whether an address belongs to a trusted proxy.
func (p Proxies) trust(who netip.Addr) bool {
	return slices.ContainsFunc(p.networks, func(n netip.Prefix) bool { return n.Contains(who) })
}

// clientOf returns the client that an address belongs to.
func clientOf(who netip.Addr) netip.Addr {
	if who.Is6() {
		if network, err := who.Prefix(network6); err == nil {
			return network.Addr()
		}
	}
	return who
}

// parseAddress reads an address, with or without a port.
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
