package kafka

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// dialer connects to brokers.
type dialer interface {
	Dial(network, address string) (net.Conn, error)
}

// fetches are the connections of a client of sarama, which can end its fetches. It is safe for
// concurrent use.
type fetches struct {
	dialer dialer

	mu      sync.Mutex
	over    bool
	claims  []func() // close the claims of the session
	waiting map[*fetchConn]struct{}
}

func newFetches(d dialer) *fetches {
	return &fetches{dialer: d, waiting: make(map[*fetchConn]struct{})}
}

// Dial implements proxy.Dialer.
func (f *fetches) Dial(network, address string) (net.Conn, error) {
	inner, err := f.dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &fetchConn{Conn: inner, all: f}, nil
}

// begin allows fetches: a session begins.
func (f *fetches) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over, f.claims = false, nil
}

// claimed takes note of how to close a claim of the session, which is closed at once if the session is over.
func (f *fetches) claimed(closeClaim func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		closeClaim()
		return
	}
	f.claims = append(f.claims, closeClaim)
}

// end closes the claims, and then the connections on which a fetch waits for its answer. Until the next session begins, a
// fetch closes its connection. Other requests go on.
func (f *fetches) end() {
	for _, c := range f.ended() {
		_ = c.Conn.Close() // the fetch has the error
	}
}

func (f *fetches) ended() (waiting []*fetchConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, closeClaim := range f.claims {
		closeClaim()
	}
	f.over, f.claims = true, nil
	for c := range f.waiting {
		c.ended = true
		waiting = append(waiting, c)
	}
	clear(f.waiting)
	return waiting
}

// fetchConn is a connection to a broker. After the end of its fetch it answers nothing, so that sarama
// closes it and opens another one.
type fetchConn struct {
	net.Conn
	all   *fetches
	ended bool // under the lock of all
}

// keyEnd is where the kind of a request ends, after its size.
const keyEnd = 4 + 2

// Write implements net.Conn. sarama writes each request at once.
func (c *fetchConn) Write(request []byte) (int, error) {
	isFetch := len(request) >= keyEnd && kmsg.Key(binary.BigEndian.Uint16(request[keyEnd-2:])) == kmsg.Fetch
	if isFetch && !c.fetching() {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(request)
}

// fetching takes note of a fetch, and reports whether it may be sent.
func (c *fetchConn) fetching() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.all.over {
		c.all.waiting[c] = struct{}{}
	}
	return !c.all.over
}

// answered takes note that no fetch waits for its answer, and reports whether it was ended.
func (c *fetchConn) answered() (ended bool) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	delete(c.all.waiting, c)
	return c.ended
}

// Read implements net.Conn.
func (c *fetchConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.answered() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close implements net.Conn.
func (c *fetchConn) Close() error {
	c.answered()
	return c.Conn.Close()
}
