package main

import (
	"encoding/binary"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// connections counts the open connections of each client.id.
type connections struct {
	mu   sync.Mutex
	open map[string]int
}

func (c *connections) count(id string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[id] += n; c.open[id] == 0 {
		delete(c.open, id)
	}
}

func (c *connections) now() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.open)
}

// listen is for kfake.
func (c *connections) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return sniffingListener{l, c}, err
}

type sniffingListener struct {
	net.Listener
	counted *connections
}

func (l sniffingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &sniffedConn{Conn: c, counted: l.counted}, err
}

// sniffedConn reads the client.id off the header of the first request.
type sniffedConn struct {
	net.Conn
	counted *connections
	header  []byte
	id      string
	closed  sync.Once
}

// headerBytes is what comes before the client.id: size, key, version, correlation id,
// and its length.
const headerBytes = 4 + 2 + 2 + 4 + 2

func (c *sniffedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.id == "" {
		c.header = append(c.header, b[:n]...)
		if len(c.header) >= headerBytes {
			length := int(binary.BigEndian.Uint16(c.header[headerBytes-2:]))
			if rest := c.header[headerBytes:]; len(rest) >= length {
				c.id = string(rest[:length])
				c.counted.count(c.id, 1)
			}
		}
	}
	return n, err
}

func (c *sniffedConn) Close() error {
	c.closed.Do(func() {
		if c.id != "" {
			c.counted.count(c.id, -1)
		}
	})
	return c.Conn.Close()
}

// TestClientsOfAProcess: all look-ups share one client, and nothing follows the table where the
// process owns all of it.
func TestClientsOfAProcess(t *testing.T) {
	seen := &connections{open: map[string]int{}}
	brokers := broker(t, kfake.ListenFn(seen.listen))
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	i := start(t, "--brokers", brokers, "--roles", "ingest,heat,rank,serve,collect")
	require.Equal(t, exitDone, run(t.Context(), []string{"produce", "--brokers", brokers, "--count", "10", "--rate", "max"}, strings.NewReader(""), io.Discard, &out), &out)
	for _, path := range []string{"/readyz", "/api/v1/boards/all-time", "/api/v1/overview"} {
		answered(t, "http://"+i.address+path, path)
	}
	wanted := []string{"pageheat-dead-letters", "pageheat-heat", "pageheat-ingest", "pageheat-lookup", "pageheat-rank", "pageheat-rank-output", "pageheat-view"}
	require.Eventually(t, func() bool {
		return slices.Equal(wanted, slices.Sorted(maps.Keys(seen.now())))
	}, 10*time.Second, 20*time.Millisecond, "%v", seen.now())
	total := 0
	for _, n := range seen.now() {
		total += n
	}
	t.Log(total, "connections", seen.now())
	assert.LessOrEqual(t, total, 34)
}
