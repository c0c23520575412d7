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

// Limits for clients. Request bodies and all answers are small, except event streams, which set
// their own deadlines.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	// drainTimeout is the time limit for open requests after the server was told to stop.
	drainTimeout = 5 * time.Second
)

// bounds are the limits for the clients of one address.
type bounds struct {
	// name identifies the address in the log and in metrics.
	name string
	// connections is the maximum number of open connections; 0 for no limit. See
	// connectionsWithin.
	connections int
	// perClient is the maximum number of open connections of one client, an address or a /64
	// network of IPv6; 0 for no limit.
	perClient int
	// proxies are exempt from perClient: their clients share their connections.
	proxies Proxies
	// metrics count connections; nil for none.
	metrics *metrics
}

// endpoint serves a handler on one address.
type endpoint struct {
	listener net.Listener
	server   *http.Server
}

// listenAt opens an address. If none is configured and the default is in use, for example by
// another instance on this machine, it opens a free port.
func listenAt(address string, handler http.Handler, b bounds, log *slog.Logger) (*endpoint, error) {
	if address != "" {
		return listen(address, handler, b, log)
	}
	e, err := listen(DefaultListen, handler, b, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		log.Warn("the default HTTP address is in use; using a free port", "taken", DefaultListen, "hint", "choose a port with --listen")
		return listen("127.0.0.1:0", handler, b, log)
	}
	return e, err
}

// listen opens an address, such as "127.0.0.1:8080" or ":0", so an address in use is an error
// at once. Clients are served once serve is called; a caller that does not call it calls close.
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
		ErrorLog:          slog.NewLogLogger(log.With("component", "net/http").Handler(), slog.LevelDebug),
	}}, nil
}

// addr is the address that was opened.
func (e *endpoint) addr() net.Addr { return e.listener.Addr() }

// close closes an address that will not be served.
func (e *endpoint) close() { _ = e.listener.Close() } // no client is connected

// serve serves until ctx is done. Then it ends the event streams, waits for the other requests
// for a few seconds, and returns nil. An error is that of the listener. Call it once.
func (e *endpoint) serve(ctx context.Context) error {
	// Shutdown waits for requests, and a stream never ends by itself, so all requests use this
	// context.
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
		// The time for open requests is over.
		_ = e.server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving HTTP on %s: %w", e.addr(), err)
	}
	return nil
}
