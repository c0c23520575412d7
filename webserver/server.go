package webserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Bounds are what the clients of one address may take.
type Bounds struct {
	// Name says which address it is, in the log and in metrics.
	Name string
	// Connections is how many may be open at a time; 0 for no bound. See
	// ConnectionsWithin.
	Connections int
	// PerClient is how many of them one client may have, an address or a /64
	// network of IPv6; 0 for no bound.
	PerClient int
	// Proxies are not bound by PerClient: their clients share their connections.
	Proxies Proxies
	// Metrics count connections; nil for none.
	Metrics *Metrics
}

// ConnectionsWithin is how many of the wanted connections each of some listeners may
// have, so that all together leave a quarter of the files that this process may open
// to everything else.
func ConnectionsWithin(wanted, listeners int) int {
	if files := maxFiles(); files > 0 {
		return max(1, min(wanted, files*3/4/listeners))
	}
	return wanted
}

// Server serves a handler on one address.
type Server struct {
	listener net.Listener
	server   *http.Server
}

// Listen takes the address, such as "127.0.0.1:8080" or ":0", so that a taken
// one is an error at once. Clients are served once Serve is called; whoever
// does not call it calls Close.
func Listen(address string, handler http.Handler, bounds Bounds, logger *slog.Logger) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP: %w", err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	gate := newGate(listener, bounds, logger)
	return &Server{gate, &http.Server{
		Handler:           handler,
		ConnState:         gate.state,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}}, nil
}

// Addr is the address that was taken.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close gives the address back. It is for a server that is not to be served.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the HTTP address: %w", err)
	}
	return nil
}

// Serve serves until ctx is done, then ends the event streams, waits for the
// other requests for a few seconds, and returns nil. An error is that of the
// listener. Call it once.
func (s *Server) Serve(ctx context.Context) error {
	// Shutdown waits for requests and a stream never ends by itself: they all
	// hang on this context.
	base, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	s.server.BaseContext = func(net.Listener) context.Context { return base }

	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving HTTP on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	endStreams()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if s.server.Shutdown(drain) != nil {
		// Whoever is still being answered has had its time.
		_ = s.server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving HTTP on %s: %w", s.Addr(), err)
	}
	return nil
}
