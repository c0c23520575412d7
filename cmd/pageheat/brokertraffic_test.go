package main

import (
	"encoding/binary"
	"maps"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerTraffic counts what clients do at a broker of kfake, by their client.id.
type brokerTraffic struct {
	mu          sync.Mutex
	connections map[string]int // that are open, by client.id
	requests    map[string]int // by client.id and kind: "pageheat-heat Fetch"
}

func newBrokerTraffic() *brokerTraffic {
	return &brokerTraffic{connections: map[string]int{}, requests: map[string]int{}}
}

// now returns the numbers of open connections, and of the requests so far.
func (t *brokerTraffic) now() (connections, requests map[string]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.connections), maps.Clone(t.requests)
}

func (t *brokerTraffic) request(client string, kind int16, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests[client+" "+kmsg.NameForKey(kind)]++
	if first {
		t.connections[client]++
	}
}

func (t *brokerTraffic) closed(client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connections[client]--; t.connections[client] == 0 {
		delete(t.connections, client)
	}
}

// listen is for kfake.
func (t *brokerTraffic) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return countingListener{l, t}, err
}

type countingListener struct {
	net.Listener
	counted *brokerTraffic
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countedConn{Conn: c, counted: l.counted}, err
}

// countedConn reads the headers of the requests, as a broker reads them.
type countedConn struct {
	net.Conn
	counted *brokerTraffic

	mu     sync.Mutex // Close may come during Read
	client string     // of the first request
	known  bool       // whether there was one
	ended  bool
	unread []byte // the beginning of a request
}

// headerBytes is what comes before the client.id: size, key, version, correlation id,
// and its length.
const headerBytes = 4 + 2 + 2 + 4 + 2

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = append(c.unread, b[:n]...)
	for len(c.unread) > headerBytes && !c.ended {
		size := 4 + int(binary.BigEndian.Uint32(c.unread))
		if len(c.unread) < size {
			break
		}
		kind := int16(binary.BigEndian.Uint16(c.unread[4:]))
		name := max(0, int(int16(binary.BigEndian.Uint16(c.unread[headerBytes-2:])))) // -1: none
		client := string(c.unread[headerBytes : headerBytes+name])
		c.counted.request(client, kind, !c.known)
		if !c.known {
			c.client, c.known = client, true
		}
		c.unread = c.unread[size:]
	}
	return n, err
}

func (c *countedConn) Close() error {
	c.mu.Lock()
	if c.known && !c.ended {
		c.counted.closed(c.client)
	}
	c.ended = true
	c.mu.Unlock()
	return c.Conn.Close()
}
