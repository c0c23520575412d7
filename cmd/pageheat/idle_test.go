package main

import (
	"encoding/binary"
	"fmt"
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
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
)

// requests counts the requests that a broker gets, by client.id and kind.
type requests struct {
	mu  sync.Mutex
	all map[string]int
}

// now returns what was counted so far.
func (r *requests) now() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.all)
}

// listen is for kfake.
func (r *requests) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return countingListener{l, r}, err
}

type countingListener struct {
	net.Listener
	counted *requests
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countedConn{Conn: c, counted: l.counted}, err
}

// countedConn reads the headers of the requests, as a broker reads them.
type countedConn struct {
	net.Conn
	counted *requests
	unread  []byte // the beginning of a request
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.unread = append(c.unread, b[:n]...)
	for len(c.unread) > headerBytes {
		size := 4 + int(binary.BigEndian.Uint32(c.unread))
		if len(c.unread) < size {
			break
		}
		name := headerBytes + int(binary.BigEndian.Uint16(c.unread[headerBytes-2:]))
		kind := kmsg.NameForKey(int16(binary.BigEndian.Uint16(c.unread[4:])))
		c.counted.mu.Lock()
		c.counted.all[string(c.unread[headerBytes:name])+" "+kind]++
		c.counted.mu.Unlock()
		c.unread = c.unread[size:]
	}
	return n, err
}

// TestAnIdleInstanceSendsFewRequests: they are most of what it costs, itself and its brokers.
func TestAnIdleInstanceSendsFewRequests(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	seen := &requests{all: map[string]int{}}
	brokers := broker(t, kfake.ListenFn(seen.listen))
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	i := start(t, "--brokers", brokers)
	require.Equal(t, exitDone, run(t.Context(), []string{"produce", "--brokers", brokers, "--count", "10", "--rate", "max"}, strings.NewReader(""), io.Discard, &out), &out)
	answered(t, "http://"+i.address+"/api/v1/boards/all-time", "all-time")

	// The first windows have what comes after messages: commits, and the offsets of ingest.
	const window, most, windows = 5 * time.Second, 80, 6 // 68 are usual
	var list strings.Builder
	for range windows {
		before := seen.now()
		time.Sleep(window)
		after, total := seen.now(), 0
		list.Reset()
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if n := after[name] - before[name]; n > 0 {
				total += n
				fmt.Fprintf(&list, "%4d  %s\n", n, name)
			}
		}
		t.Logf("%d requests in %s:\n%s", total, window, &list)
		if total <= most {
			return
		}
	}
	assert.Fail(t, "too many requests", "more than %d in each of %d times %s, the last time\n%s", most, windows, window, &list)
}
