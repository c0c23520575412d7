package web

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// sendBuffer is how many bytes the kernel keeps of what a client has not taken yet
// (Linux doubles it for its own needs). Left alone it grows to megabytes.
const sendBuffer = 32 << 10

// sayEvery is the minimum time between two log lines about refused connections.
const sayEvery = time.Minute

// gate is a listener that bounds connections, those of each client and all. Beyond a
// bound, a connection that waits for a request is given up for the new one, the one
// that has waited longest first; where all are being answered, the new one is closed.
// So idle connections never keep others out.
//
// netutil.LimitListener is not enough: it makes new connections wait, and does not know
// clients.
type gate struct {
	net.Listener
	bounds bounds
	log    *slog.Logger
	say    rate.Sometimes

	mu      sync.Mutex
	open    int
	clients map[netip.Addr]int
	waiting *list.List // of *gated, the one that has waited longest first

	metricOpen                prometheus.Gauge // nil for none
	refusedClient, refusedAll prometheus.Counter
}

// gated is a connection that passed the gate.
type gated struct {
	net.Conn
	gate    *gate
	client  netip.Addr    // the zero one for a trusted proxy
	waiting *list.Element // while no request is being answered; the gate's lock guards it
	closed  sync.Once
}

func newGate(listener net.Listener, bounds bounds, log *slog.Logger) *gate {
	g := &gate{Listener: listener, bounds: bounds, log: log, say: rate.Sometimes{Interval: sayEvery},
		clients: map[netip.Addr]int{}, waiting: list.New()}
	if m := bounds.metrics; m != nil {
		g.metricOpen = m.open.WithLabelValues(bounds.name)
		g.refusedClient = m.connections.WithLabelValues(bounds.name, refusedPerClient)
		g.refusedAll = m.connections.WithLabelValues(bounds.name, refusedAll)
	}
	return g
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if ok {
			_ = tcp.SetWriteBuffer(sendBuffer) // the connection works without it, too
			forgetful(tcp)
		}
		admitted, instead := g.admit(conn)
		if instead != nil {
			_ = instead.Close() // no client waits for an answer there
		}
		if admitted != nil {
			return admitted, nil
		}
		if ok {
			_ = tcp.SetLinger(0) // nothing is kept of it
		}
		_ = conn.Close() // refused
	}
}

// admit counts a connection in, or returns nil for it; and one to close instead.
func (g *gate) admit(conn net.Conn) (admitted, instead *gated) {
	client := netip.Addr{} // a proxy is no client
	if who := parseAddress(conn.RemoteAddr().String()); !g.bounds.proxies.trust(who) {
		client = clientOf(who)
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case client.IsValid() && g.bounds.perClient > 0 && g.clients[client] >= g.bounds.perClient:
		if instead = g.longestWaiting(client); instead == nil {
			g.refuse(g.refusedClient, "connections are refused: one client has as many as it may", client.String())
			return nil, nil
		}
	case g.bounds.connections > 0 && g.open >= g.bounds.connections:
		if instead = g.longestWaiting(netip.Addr{}); instead == nil {
			g.refuse(g.refusedAll, "connections are refused: all are taken", client.String())
			return nil, nil
		}
	}
	admitted = &gated{Conn: conn, gate: g, client: client}
	admitted.waiting = g.waiting.PushBack(admitted)
	g.count(client, 1)
	return admitted, instead
}

// refuse counts and logs it; the lock is held.
func (g *gate) refuse(counter prometheus.Counter, message, client string) {
	if counter != nil {
		counter.Inc()
	}
	g.say.Do(func() {
		g.log.Warn(message, "listener", g.bounds.name, "client", client, "per_client", g.bounds.perClient, "all", g.bounds.connections)
	})
}

// longestWaiting is the connection, of one client or of all, that has waited longest for a
// request; nil if all are being answered. It does not wait any more.
// The lock is held.
func (g *gate) longestWaiting(of netip.Addr) *gated {
	for e := g.waiting.Front(); e != nil; e = e.Next() {
		if c, ok := e.Value.(*gated); ok && (!of.IsValid() || c.client == of) {
			g.waiting.Remove(e)
			c.waiting = nil
			return c
		}
	}
	return nil
}

// count adds to the open connections of a client; the lock is held.
func (g *gate) count(client netip.Addr, n int) {
	g.open += n
	if g.clients[client] += n; g.clients[client] <= 0 {
		delete(g.clients, client)
	}
	if g.metricOpen != nil {
		g.metricOpen.Set(float64(g.open))
	}
}

// state tracks the state of a connection; it is the server's ConnState.
func (g *gate) state(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*gated)
	if !ok {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.waiting != nil {
		if state == http.StateNew {
			return // it waits since it was accepted
		}
		g.waiting.Remove(c.waiting)
		c.waiting = nil
	}
	if state == http.StateIdle {
		c.waiting = g.waiting.PushBack(c)
	}
}

// CloseWrite lets the server send the end of an answer before it gives the rest of a
// request up.
func (c *gated) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write implements net.Conn. What a client has not taken in time, the kernel does not
// keep for it either once the connection is closed.
func (c *gated) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is given up in any case
		}
	}
	return n, err
}

// Close implements net.Conn.
func (c *gated) Close() error {
	err := c.Conn.Close()
	c.closed.Do(func() {
		c.gate.mu.Lock()
		defer c.gate.mu.Unlock()
		c.gate.count(c.client, -1)
		if c.waiting != nil {
			c.gate.waiting.Remove(c.waiting)
			c.waiting = nil
		}
	})
	return err
}
