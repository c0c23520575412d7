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
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pageheat/views"
)

// client is an http.ResponseWriter that records what a stream sends and when. It runs in a synctest
// bubble, so times are exact and waiting is free.
type client struct {
	mu     sync.Mutex
	header http.Header
	status int
	text   strings.Builder
	events []event
	event  []byte        // the last one, as received
	gate   chan struct{} // not nil: each write waits for an element
}

type event struct {
	id uint64
	at time.Time
}

func (c *client) Header() http.Header { return c.header }

func (c *client) WriteHeader(status int) { c.status = status }

func (c *client) Flush() {}

func (c *client) Write(b []byte) (int, error) {
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(b)
	if rest, ok := strings.CutPrefix(string(b), "id: "); ok {
		id, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return 0, err
		}
		c.events = append(c.events, event{n, time.Now()})
		c.event = b
	}
	return len(b), nil
}

// seen returns the IDs of the events so far.
func (c *client) seen() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := []uint64{}
	for _, e := range c.events {
		ids = append(ids, e.id)
	}
	return ids
}

// sent returns everything that was sent so far.
func (c *client) sent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// connect opens a stream in the bubble; it ends with the test.
func connect(t *testing.T, h http.Handler, headers ...string) *client {
	return connectAs(t, h, &client{}, headers...)
}

func connectAs(t *testing.T, h http.Handler, c *client, headers ...string) *client {
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest(http.MethodGet, "/api/v1/boards/all-time/events", nil).WithContext(ctx)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	c.header, c.status = http.Header{}, http.StatusOK
	done := make(chan struct{})
	go func() { defer close(done); h.ServeHTTP(c, r) }()
	t.Cleanup(func() {
		cancel()
		if c.gate != nil {
			close(c.gate)
		}
		<-done
	})
	synctest.Wait()
	return c
}

func TestEventsBringTheNewestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		boards.publish(boardOf(6, 0))
		boards.publish(boardOf(7, 0))
		c := connect(t, handler(t, cfg))
		require.Equal(t, "text/event-stream", c.header.Get("Content-Type"))
		require.Equal(t, "no-store", c.header.Get("Cache-Control"))
		require.Equal(t, []uint64{7}, c.seen(), "the newest at once, and nothing before it")
		require.Contains(t, c.sent(), "id: 7\ndata: "+string(boardOf(7, 0).Value)+"\n\n")

		time.Sleep(time.Second)
		boards.publish(boardOf(8, 0))
		synctest.Wait()
		require.Equal(t, []uint64{7, 8}, c.seen(), "without waiting, when it was quiet")
	})
}

func TestEventsBeforeTheFirstBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		c := connect(t, handler(t, cfg))
		require.Empty(t, c.seen())
		time.Sleep(time.Minute)
		boards.publish(boardOf(1, 0))
		synctest.Wait()
		require.Equal(t, []uint64{1}, c.seen())
	})
}

func TestEventsAreAtMostTenASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		c := connect(t, handler(t, cfg))
		const versions = 1000
		for v := range versions { // 5 s, one every 5 ms
			boards.publish(boardOf(uint64(v+1), 0))
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Second)
		ids := c.seen()
		require.InDelta(t, 50, len(ids), 2)
		require.EqualValues(t, versions, ids[len(ids)-1], "the last one gets out")
		for i := 1; i < len(c.events); i++ {
			require.Greater(t, c.events[i].id, c.events[i-1].id)
			require.GreaterOrEqual(t, c.events[i].at.Sub(c.events[i-1].at), eventInterval)
		}
	})
}

func TestEventsHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		c := connect(t, handler(t, cfg))
		beats := func() int { return strings.Count(c.sent(), "\n:\n\n") }
		time.Sleep(14 * time.Second)
		require.Equal(t, 0, beats())
		boards.publish(boardOf(1, 0)) // an event replaces a heartbeat
		time.Sleep(14 * time.Second)
		require.Equal(t, 0, beats())
		time.Sleep(2 * time.Second)
		require.Equal(t, 1, beats())
	})
}

func TestEventsRespectLastEventID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		h := handler(t, cfg)
		boards.publish(boardOf(7, 0))
		newest, older := connect(t, h, "Last-Event-ID", "7"), connect(t, h, "Last-Event-ID", "5")
		time.Sleep(time.Second)
		require.Empty(t, newest.seen(), "it has this one")
		require.Equal(t, []uint64{7}, older.seen())
		boards.publish(boardOf(8, 0))
		synctest.Wait()
		require.Equal(t, []uint64{8}, newest.seen())
	})
}

func TestEventsAreOneLineEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		boards.publish(views.Board{Key: views.DefaultBoard, Version: 3, Value: []byte("{\r\n  \"version\": 3\n}\n")})
		c := connect(t, handler(t, cfg))
		require.Contains(t, c.sent(), "id: 3\ndata: {\"version\":3}\n\n")
	})
}

// All of many clients see the newest version, which is encoded once for all. A client that is stuck
// delays no other one. When it continues, it gets the newest version and none of those before.
func TestManyClientsSeeTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, last = 200, 50
		boards, _, cfg := served()
		cfg.Serve.MaxStreamsPerClient = many + 1
		boards.publish(boardOf(1, 0))
		h := handler(t, cfg)
		slow := connectAs(t, h, &client{gate: make(chan struct{}, last)})
		clients := make([]*client, many)
		for i := range clients {
			clients[i] = connect(t, h)
		}
		slow.gate <- struct{}{} // the beginning, but not the first event
		synctest.Wait()
		require.Empty(t, slow.seen())

		for v := uint64(2); v <= last; v++ {
			time.Sleep(eventInterval)
			boards.publish(boardOf(v, 0))
			synctest.Wait()
			for i, c := range clients {
				seen := c.seen()
				require.Equal(t, v, seen[len(seen)-1], "client %d", i)
			}
		}
		first := clients[0].event
		for i, c := range clients {
			require.Len(t, c.seen(), last, "client %d", i)
			require.Same(t, &first[0], &c.event[0], "client %d gets an event that was encoded for it alone", i)
		}
		slow.gate <- struct{}{} // takes the event that it was stuck at
		slow.gate <- struct{}{}
		time.Sleep(eventInterval)
		synctest.Wait()
		require.Equal(t, []uint64{1, last}, slow.seen())
	})
}

func TestEachBoardHasItsEvent(t *testing.T) {
	var encoded encodedEvents
	text := func(name string, version uint64) string {
		b, err := encoded.of(views.Board{Key: name, Version: version, Value: fmt.Appendf(nil, "%s-%d", name, version)})
		require.NoError(t, err)
		return string(b)
	}
	for range 2 {
		require.Equal(t, "id: 0\ndata: a-0\n\n", text("a", 0))
		require.Equal(t, "id: 7\ndata: a-7\n\n", text("a", 7))
		require.Equal(t, "id: 7\ndata: b-7\n\n", text("b", 7))
		require.Equal(t, "id: 6\ndata: a-6\n\n", text("a", 6), "also for one that comes late")
	}
	require.Len(t, encoded.events, 2)
	_, err := encoded.of(views.Board{Key: "c", Version: 1, Value: []byte("{\n")})
	require.ErrorContains(t, err, "board c version 1")
}

// counted counts the bytes that the kernel accepted for a client.
type counted struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// A client that never reads uses little kernel memory, and only for a short time.
func TestClientThatNeverReads(t *testing.T) {
	boards, _, cfg := served()
	s, err := newService(cfg)
	require.NoError(t, err)
	s.writeTimeout = 300 * time.Millisecond
	var sent atomic.Int64
	began, ended := make(chan struct{}), make(chan struct{})
	routes := handlerOf(cfg, s.routes(), false)
	server, err := listen("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		routes.ServeHTTP(counted{w, &sent}, r)
		close(ended)
	}), bounds{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.serve(ctx) }()
	defer func() { stop(); require.NoError(t, <-served) }()

	// Its own buffer, of a size that it chooses, is its own.
	const ofClient = 16 << 10
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, ofClient)
		}), err)
	}}
	slow, err := dialer.DialContext(t.Context(), "tcp", server.addr().String())
	require.NoError(t, err)
	defer slow.Close()
	_, err = fmt.Fprint(slow, "GET /api/v1/boards/all-time/events HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-began
	deadline := time.After(20 * time.Second)
	for v := uint64(1); ; v++ {
		boards.publish(boardOf(v, 20<<10))
		select {
		case <-ended:
			require.Less(t, sent.Load(), int64(256<<10), "bytes that were taken from us")
			require.InDelta(t, 1, testutil.ToFloat64(s.streams.metrics.dropped), 0)
			// From now on, nothing is kept for it either.
			require.NoError(t, slow.SetReadDeadline(time.Now().Add(10*time.Second)))
			_, err := io.Copy(io.Discard, slow)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			return
		case <-deadline:
			t.Fatal("the client is still served")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A client that reads nothing delays no other one, and is disconnected. This test uses the kernel's
// buffers, so it takes real time.
func TestSlowClientBlocksNobody(t *testing.T) {
	boards, _, cfg := served()
	s, err := newService(cfg)
	require.NoError(t, err)
	s.writeTimeout = 300 * time.Millisecond
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlerOf(cfg, s.routes(), false).ServeHTTP(w, r)
		if r.Header.Get("Slow") != "" {
			close(ended)
		}
	}))
	defer server.Close()

	address, err := net.ResolveTCPAddr("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	slow, err := net.DialTCP("tcp", nil, address)
	require.NoError(t, err)
	defer slow.Close()
	require.NoError(t, slow.SetReadBuffer(4096))
	_, err = fmt.Fprint(slow, "GET /api/v1/boards/all-time/events HTTP/1.1\r\nHost: x\r\nSlow: yes\r\n\r\n")
	require.NoError(t, err)

	quick, err := http.Get(server.URL + "/api/v1/boards/all-time/events")
	require.NoError(t, err)
	defer quick.Body.Close()
	lines := bufio.NewReader(quick.Body)
	const size = 4 << 20 // more than a connection holds
	for v := uint64(1); v <= 5; v++ {
		boards.publish(boardOf(v, size))
		require.Equal(t, v, nextEvent(t, lines), "the quick one gets every version that it waits for")
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the slow client is still served")
	}
}

// nextEvent reads up to the next event and returns its ID.
func nextEvent(t *testing.T, r *bufio.Reader) uint64 {
	t.Helper()
	var id uint64
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if text, ok := strings.CutPrefix(line, "id: "); ok {
			id, err = strconv.ParseUint(strings.TrimSpace(text), 10, 64)
			require.NoError(t, err)
		}
		if line == "\n" && id != 0 {
			return id
		}
	}
}

func TestServerStopEndsStreams(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	boards, _, cfg := served()
	boards.publish(boardOf(1, 0))
	cfg.Listen = "127.0.0.1:0"
	server, err := New(cfg)
	require.NoError(t, err)
	cfg.Listen = server.Addr().String()
	_, err = New(cfg)
	require.ErrorContains(t, err, "listening for HTTP")

	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	answer, err := http.Get("http://" + server.Addr().String() + "/api/v1/boards/all-time/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, uint64(1), nextEvent(t, bufio.NewReader(answer.Body)))

	stop()
	select {
	case err := <-served:
		require.NoError(t, err)
	case <-time.After(2 * time.Second):
		t.Fatal("the stream keeps the server from stopping")
	}
	_, err = net.Dial("tcp", server.Addr().String())
	require.Error(t, err, "the address is free again")
	http.DefaultClient.CloseIdleConnections()
}

// The server's deadlines are for requests. A stream outlives them.
func TestStreamOutlivesTheServersDeadlines(t *testing.T) {
	boards, _, cfg := served()
	boards.publish(boardOf(1, 0))
	server := httptest.NewUnstartedServer(handler(t, cfg))
	server.Config.ReadTimeout = 100 * time.Millisecond
	server.Config.WriteTimeout = 100 * time.Millisecond
	server.Start()
	defer server.Close()
	answer, err := http.Get(server.URL + "/api/v1/boards/all-time/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	require.Equal(t, uint64(1), nextEvent(t, lines))
	// The wait is deliberate: both deadlines have to pass.
	time.Sleep(400 * time.Millisecond)
	boards.publish(boardOf(2, 0))
	require.Equal(t, uint64(2), nextEvent(t, lines))
}

// The stream of a board that is deleted ends, and those of others do not.
func TestEventsOfADeletedBoardEnd(t *testing.T) {
	boards, _, cfg := served()
	boards.publishBoard(t, groupBoard("events"))
	server := httptest.NewServer(handler(t, cfg))
	t.Cleanup(server.Close)
	response, err := http.Get(server.URL + "/" + boardPath("hours/events", "events"))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	boards.delete("hours/events")
	_, err = io.ReadAll(response.Body)
	require.NoError(t, err, "it ends as a stream should")
	requireProblem(t, ask(handler(t, cfg), "GET", "/"+boardPath("hours/events", "events")), http.StatusNotFound, `"hours"`)
}
