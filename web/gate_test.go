package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serving serves a handler with limits until the test ends.
func serving(t *testing.T, bounds bounds, handler http.Handler) string {
	t.Helper()
	server, err := listen("127.0.0.1:0", handler, bounds, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.serve(ctx) }()
	t.Cleanup(func() { cancel(); assert.NoError(t, <-ended) })
	return server.addr().String()
}

// caller is a client with one connection.
type caller struct {
	net.Conn
	in *bufio.Reader
}

// call connects from an address of this machine. A server that refuses the connection closes it,
// perhaps before the client has seen it open. The client cannot tell the difference.
func call(t *testing.T, from, to string) caller {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", to)
	if errors.Is(err, syscall.ECONNRESET) {
		return resetCaller()
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return caller{conn, bufio.NewReader(conn)}
}

// resetConn is a connection that the server closed before it was open.
type resetConn struct{ net.Conn }

func (resetConn) SetDeadline(time.Time) error     { return nil }
func (resetConn) SetReadDeadline(time.Time) error { return nil }

func resetCaller() caller {
	conn, server := net.Pipe()
	_ = server.Close()
	return caller{resetConn{conn}, bufio.NewReader(conn)}
}

// asks sends a request and returns the status, or 0 if the connection is closed.
func (c caller) asks(t *testing.T, request string) int {
	t.Helper()
	assert.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second))) // also beside the test's goroutine
	if _, err := io.WriteString(c, request); err != nil {
		return 0
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

// holding responds when it is released.
func holding() (handler http.HandlerFunc, began <-chan struct{}, letGo func()) {
	in, out := make(chan struct{}, 1000), make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		in <- struct{}{}
		select {
		case <-out:
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte("yes"))
	}, in, func() { close(out) }
}

func TestOneClientDoesNotTakeAllConnections(t *testing.T) {
	handler, began, letGo := holding()
	metrics := newMetrics(nil)
	address := serving(t, bounds{name: "public", connections: 100, perClient: 3, metrics: metrics}, handler)
	answers := make(chan int, 3)
	for range 3 {
		c := call(t, "127.0.0.1", address)
		go func() { answers <- c.asks(t, get) }()
		<-began
	}
	assert.Zero(t, call(t, "127.0.0.1", address).asks(t, get), "all three are being answered")
	other := call(t, "127.0.0.2", address)
	go func() { answers <- other.asks(t, get) }()
	<-began // another client is served
	assert.InDelta(t, 1, testutil.ToFloat64(metrics.connections.WithLabelValues("public", refusedPerClient)), 0)
	assert.InDelta(t, 4, testutil.ToFloat64(metrics.open.WithLabelValues("public")), 0)
	letGo()
	for range 4 {
		assert.Equal(t, http.StatusOK, <-answers)
	}
}

// Idle connections are closed in favor of those with a request, whichever client has them.
func TestIdleConnectionsStarveNobody(t *testing.T) {
	address := serving(t, bounds{name: "public", connections: 20, perClient: 10}, say("yes"))
	var idle []caller
	for i := range 60 {
		idle = append(idle, call(t, fmt.Sprintf("127.0.0.%d", 2+i%6), address)) // it never sends anything
	}
	used := call(t, "127.0.0.9", address)
	require.Equal(t, http.StatusOK, used.asks(t, get))
	for i := range 30 {
		require.Equal(t, http.StatusOK, call(t, fmt.Sprintf("127.0.0.%d", 2+i%6), address).asks(t, get), i)
	}
	closed := 0
	for _, c := range idle {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		if _, err := c.in.ReadByte(); err != nil && !isTimeout(err) {
			closed++
		}
		if closed >= 40 {
			break
		}
	}
	assert.GreaterOrEqual(t, closed, 40, "those that waited longest were given up")
}

func isTimeout(err error) bool {
	timeout, ok := err.(interface{ Timeout() bool })
	return ok && timeout.Timeout()
}

func TestConnectionsAreCountedOut(t *testing.T) {
	metrics := newMetrics(nil)
	address := serving(t, bounds{name: "public", connections: 5, perClient: 5, metrics: metrics}, say("yes"))
	for range 50 {
		c := call(t, "127.0.0.1", address)
		require.Equal(t, http.StatusOK, c.asks(t, get))
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool { return testutil.ToFloat64(metrics.open.WithLabelValues("public")) == 0 }, 10*time.Second, time.Millisecond)
	assert.Zero(t, testutil.ToFloat64(metrics.connections.WithLabelValues("public", refusedAll)))
}

func TestTrustedProxiesAreNotOneClient(t *testing.T) {
	handler, began, letGo := holding()
	proxies, err := NewProxies([]string{"127.0.0.0/24"})
	require.NoError(t, err)
	address := serving(t, bounds{perClient: 2, proxies: proxies}, handler)
	answers := make(chan int, 5)
	for range 5 {
		c := call(t, "127.0.0.1", address)
		go func() { answers <- c.asks(t, get) }()
		<-began
	}
	letGo()
	for range 5 {
		assert.Equal(t, http.StatusOK, <-answers)
	}
}

// What follows a request with both lengths might be read as another request.
func TestChunkedRequestsEndTheirConnection(t *testing.T) {
	address := serving(t, bounds{}, handlerOf(Config{}, routes(), false))
	for name, lengths := range map[string]string{
		"both":    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		"chunked": "Transfer-Encoding: chunked\r\n",
	} {
		c := call(t, "127.0.0.1", address)
		assert.Equal(t, http.StatusOK, c.asks(t, "POST /in HTTP/1.1\r\nHost: localhost\r\n"+lengths+"\r\n0\r\n\r\nGET /open HTTP/1.1\r\nHost: localhost\r\n\r\n"), name)
		_, err := c.in.ReadByte()
		assert.ErrorIs(t, err, io.EOF, name)
	}
	for _, odd := range []string{
		"Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n",
		"Content-Length: 4\r\nContent-Length: 5\r\n", "Content-Length: +4\r\n", "Content-Length : 4\r\n",
	} {
		c := call(t, "127.0.0.1", address)
		assert.GreaterOrEqual(t, c.asks(t, "POST /in HTTP/1.1\r\nHost: localhost\r\n"+odd+"\r\n0\r\n\r\n"), 400, odd)
		_, err := c.in.ReadByte()
		assert.Error(t, err, odd)
	}
}

func TestGiantHeadersAreRefused(t *testing.T) {
	address := serving(t, bounds{}, say("yes"))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge,
		call(t, "127.0.0.1", address).asks(t, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n"))
	assert.Equal(t, http.StatusOK, call(t, "127.0.0.1", address).asks(t, "GET / HTTP/1.0\r\n\r\n"), "HTTP/1.0 has no host")
}

func TestConnectionsWithin(t *testing.T) {
	assert.Equal(t, 10, connectionsWithin(10, 2))
	if files := maxFiles(); files > 0 {
		assert.LessOrEqual(t, 2*connectionsWithin(1<<40, 2), files*3/4)
	}
	assert.Equal(t, 1, connectionsWithin(0, 2), "never none")
}
