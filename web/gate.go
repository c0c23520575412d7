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

// sendBuffer is the size of the kernel's send buffer in bytes (Linux doubles it for its own
// needs). By default it grows to megabytes.
const sendBuffer = 32 << 10

// sayEvery is the minimum time between two log lines about refused connections.
const sayEvery = time.Minute

// gate is a listener that limits connections, per client and in total. At a limit, the
// connection that has been idle longest is closed to admit the new one; if all are active, the
// new one is closed. So idle connections never block others.
//
// netutil.LimitListener is not enough: it makes new connections wait, and does not distinguish
// clients.
type gate struct {
	net.Listener
	bounds bounds
	log    *slog.Logger
	say    rate.Sometimes

	mu      sync.Mutex
	open    int
	clients map[netip.Addr]int
	waiting *list.List // of *gated, longest idle first

	metricOpen                prometheus.Gauge // nil for none
	refusedClient, refusedAll prometheus.Counter
}

// gated is a connection that passed the gate.
type gated struct {
	net.Conn
	gate    *gate
	client  netip.Addr    // zero for a trusted proxy
	waiting *list.Element // while no request is in progress; guarded by the gate's lock
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
			_ = tcp.SetWriteBuffer(sendBuffer) // the connection also works without it
			forgetful(tcp)
		}
		admitted, instead := g.admit(conn)
		if instead != nil {
			_ = instead.Close() // no client waits for an answer on it
		}
		if admitted != nil {
			return admitted, nil
		}
		if ok {
			_ = tcp.SetLinger(0) // discard what is buffered
		}
		_ = conn.Close() // refused
	}
}

// admit registers a connection, or returns nil if it is refused. It also returns a connection
// to close instead, if any.
func (g *gate) admit(conn net.Conn) (admitted, instead *gated) {
	client := netip.Addr{} // a proxy is not a client
	if who := parseAddress(conn.RemoteAddr().String()); !g.bounds.proxies.trust(who) {
		client = clientOf(who)
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case client.IsValid() && g.bounds.perClient > 0 && g.clients[client] >= g.bounds.perClient:
		if instead = g.longestWaiting(client); instead == nil {
			g.refuse(g.refusedClient, "connections are refused: one client has the maximum number", client.String())
			return nil, nil
		}
	case g.bounds.connections > 0 && g.open >= g.bounds.connections:
		if instead = g.longestWaiting(netip.Addr{}); instead == nil {
			g.refuse(g.refusedAll, "connections are refused: the maximum number is open", client.String())
			return nil, nil
		}
	}
	admitted = &gated{Conn: conn, gate: g, client: client}
	admitted.waiting = g.waiting.PushBack(admitted)
	g.count(client, 1)
	return admitted, instead
}

// refuse counts and logs a refusal; the lock is held.
func (g *gate) refuse(counter prometheus.Counter, message, client string) {
	if counter != nil {
		counter.Inc()
	}
	g.say.Do(func() {
		g.log.Warn(message, "listener", g.bounds.name, "client", client, "per_client", g.bounds.perClient, "all", g.bounds.connections,
			"hint", "raise --max-connections or --max-connections-per-client if these clients are wanted")
	})
}

// longestWaiting removes and returns the connection, of one client or of all, that has been
// idle longest; nil if all are active. The lock is held.
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

// count adds to the number of a client's open connections; the lock is held.
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
			return // it has been idle since it was accepted
		}
		g.waiting.Remove(c.waiting)
		c.waiting = nil
	}
	if state == http.StateIdle {
		c.waiting = g.waiting.PushBack(c)
	}
}

// CloseWrite lets the server finish an answer before it discards the rest of a request.
func (c *gated) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write implements net.Conn. After a write timeout the kernel discards unread data when the
// connection is closed.
func (c *gated) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is closed in any case
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
