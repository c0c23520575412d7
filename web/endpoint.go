package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// What a client may take. Bodies of requests and all answers are small, but for
// event streams, which set their own deadlines.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	// drainTimeout is how long requests under way may take once the server
	// has been told to stop.
	drainTimeout = 5 * time.Second
)

// bounds are what the clients of one address may take.
type bounds struct {
	// name says which address it is, in the log and in metrics.
	name string
	// connections is how many may be open at a time; 0 for no bound. See
	// connectionsWithin.
	connections int
	// perClient is how many of them one client may have, an address or a /64
	// network of IPv6; 0 for no bound.
	perClient int
	// proxies are not bound by perClient: their clients share their connections.
	proxies Proxies
	// metrics count connections; nil for none.
	metrics *metrics
}

// endpoint serves a handler on one address.
type endpoint struct {
	listener net.Listener
	server   *http.Server
}

// listenAt takes an address. If none is requested and the default is in use, as by another
// instance on this machine, it takes a free one.
func listenAt(address string, handler http.Handler, b bounds, log *slog.Logger) (*endpoint, error) {
	if address != "" {
		return listen(address, handler, b, log)
	}
	e, err := listen(DefaultListen, handler, b, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		log.Warn("the default HTTP address is in use; using a free port: choose one with --listen", "taken", DefaultListen)
		return listen("127.0.0.1:0", handler, b, log)
	}
	return e, err
}

// listen takes an address, such as "127.0.0.1:8080" or ":0", so that a taken one is an
// error at once. Clients are served once serve is called; a caller that does not call it
// calls close.
func listen(address string, handler http.Handler, b bounds, log *slog.Logger) (*endpoint, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP: %w", err)
	}
	gate := newGate(listener, b, log)
	return &endpoint{gate, &http.Server{
		Handler:           handler,
		ConnState:         gate.state,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// addr is the address that was taken.
func (e *endpoint) addr() net.Addr { return e.listener.Addr() }

// close gives the address back. It is for an address that will not be served.
func (e *endpoint) close() { _ = e.listener.Close() } // no client is connected

// serve serves until ctx is done, then ends the event streams, waits for the
// other requests for a few seconds, and returns nil. An error is that of the
// listener. Call it once.
func (e *endpoint) serve(ctx context.Context) error {
	// Shutdown waits for requests and a stream never ends by itself: they all
	// hang on this context.
	base, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	e.server.BaseContext = func(net.Listener) context.Context { return base }

	ended := make(chan error, 1)
	go func() { ended <- e.server.Serve(e.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving HTTP on %s: %w", e.addr(), err)
	case <-ctx.Done():
	}
	endStreams()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if e.server.Shutdown(drain) != nil {
		// Requests still under way have had their time.
		_ = e.server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving HTTP on %s: %w", e.addr(), err)
	}
	return nil
}
