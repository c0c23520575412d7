package web

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"
)

// DefaultListen is the address for HTTP if none is configured.
const DefaultListen = "127.0.0.1:8080"

// Server serves on one address or, with a second one for the public, on two.
type Server struct {
	all    *endpoint // for operators
	public *endpoint // nil for none
}

// New opens the addresses, so an address in use is an error at once. Clients are served once
// Serve is called; a caller that does not call it calls Close.
func New(cfg Config) (*Server, error) {
	cfg.metrics = newMetrics(cfg.Registerer)
	service, err := newService(cfg)
	if err != nil {
		return nil, err
	}
	cfg = service.Config
	routes := service.routes()
	listeners := 1
	if cfg.PublicListen != "" {
		listeners = 2
	}
	b := bounds{name: "listen", connections: connectionsWithin(cfg.MaxConnections, listeners),
		perClient: cfg.MaxConnectionsPerClient, proxies: cfg.Proxies, metrics: cfg.metrics}
	if b.connections < cfg.MaxConnections {
		cfg.Logger.Warn("fewer connections are accepted than --max-connections allows", "hint", "raise the open-file limit (ulimit -n)",
			"connections", b.connections, "max_connections", cfg.MaxConnections)
	}
	s := &Server{}
	if s.all, err = listenAt(cfg.Listen, handlerOf(cfg, routes, cfg.PublicListen != ""), b, cfg.Logger); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if cfg.PublicListen != "" {
		b.name = "public-listen"
		if s.public, err = listen(cfg.PublicListen, handlerOf(cfg, public(routes), false), b, cfg.Logger); err != nil {
			s.Close()
			return nil, fmt.Errorf("--public-listen: %w", err)
		}
		cfg.Logger.Info("serves public HTTP", "address", s.public.addr().String())
	}
	if cfg.Token == nil && !isLoopback(s.Addr()) {
		cfg.Logger.Warn("operator routes are open to every client that can connect",
			"hint", "set --token-file, or set --public-listen and a loopback address for --listen",
			"address", s.Addr().String())
	}
	cfg.Logger.Info("serves HTTP", "address", s.Addr().String())
	return s, nil
}

// Addr is the address of all routes.
func (s *Server) Addr() net.Addr { return s.all.addr() }

// Close closes the addresses of a server that will not serve.
func (s *Server) Close() {
	s.all.close()
	if s.public != nil {
		s.public.close()
	}
}

// Serve serves until ctx is done. Then it ends the event streams, waits for the other requests
// for a few seconds, and returns nil. An error is that of a listener. Call it once.
func (s *Server) Serve(ctx context.Context) error {
	endpoints, ctx := errgroup.WithContext(ctx)
	endpoints.Go(func() error { return s.all.serve(ctx) })
	if s.public != nil {
		endpoints.Go(func() error { return s.public.serve(ctx) })
	}
	return endpoints.Wait()
}

// connectionsWithin returns how many of the wanted connections each listener may have, so that
// together they leave a quarter of the process's open-file limit for everything else.
func connectionsWithin(wanted, listeners int) int {
	if files := maxFiles(); files > 0 {
		return max(1, min(wanted, files*3/4/listeners))
	}
	return wanted
}

// isLoopback reports whether only this machine can connect to an address.
func isLoopback(address net.Addr) bool { return parseAddress(address.String()).IsLoopback() }
