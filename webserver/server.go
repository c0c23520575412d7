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

// Server serves a handler on one address.
type Server struct {
	listener net.Listener
	server   *http.Server
}

// Listen takes the address, such as "127.0.0.1:8080" or ":0", so that a taken
// one is an error at once. Clients are served once Serve is called; whoever
// does not call it calls Close.
func Listen(address string, handler http.Handler, logger *slog.Logger) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP: %w", err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Server{listener, &http.Server{
		Handler:           handler,
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
