package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"pageheat/adapter"
	"pageheat/api"
	"pageheat/collect"
	"pageheat/overview"
	"pageheat/site"
	"pageheat/topology"
	"pageheat/views"
	"pageheat/webserver"
)

// web is what an instance serves over HTTP: the roles serve and collect, and of every
// instance its health and metrics.
type web struct {
	servers []*webserver.Server
	parts   []func(context.Context) error // what runs besides
	closers []func()                      // of what is closed once the servers have ended
}

// newWeb makes what is served and takes the addresses: one with all there is, and
// another one with what is for everybody, if there is one. Whoever does not run it
// closes it.
func (pl *pipeline) newWeb() (_ *web, err error) {
	w := &web{}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	metrics := webserver.NewMetrics(pl.status.registry)
	origins, err := pl.cfg.web.origins.Told(pl.cfg.log, metrics)
	if err != nil {
		return nil, err
	}
	var routes []webserver.Route
	var checks []views.Check
	if pl.cfg.has(roleServe) || pl.cfg.has(roleCollect) {
		routes = slices.Concat(site.Routes(), api.Routes())
	}
	if pl.cfg.web.forum {
		forum, err := site.Forum()
		if err != nil {
			return nil, err
		}
		routes = append(routes, forum...)
	}
	if pl.cfg.has(roleCollect) {
		writer, err := collect.NewKafka(pl.cfg.kafka, pl.cfg.topo.Input)
		if err != nil {
			return nil, err
		}
		w.closers = append(w.closers, writer.Close)
		collector, err := pl.collector(writer, origins)
		if err != nil {
			return nil, err
		}
		routes = append(routes, collector.Routes()...)
		checks = append(checks, views.Check{Part: string(roleCollect), Ready: collector.Ready})
	}
	checks = append(checks, pl.status.checks(pl.cfg.roles)...)
	if pl.cfg.has(roleServe) {
		served, err := pl.serve(w, checks, origins)
		if err != nil {
			return nil, err
		}
		routes = append(routes, served...)
	} else {
		routes = append(routes, views.HealthRoutes(checks, pl.status.metrics())...)
	}
	return w, pl.listen(w, routes, metrics)
}

// serve adds the role serve, and returns its routes.
func (pl *pipeline) serve(w *web, checks []views.Check, origins webserver.Origins) ([]webserver.Route, error) {
	boards, pages, followers, err := pl.views()
	if err != nil {
		return nil, err
	}
	cfg := pl.cfg.web
	routes := views.Routes(views.HandlerConfig{
		Boards: boards, Pages: pages, Weights: pl.cfg.weights, Checks: checks, Origins: origins,
		Metrics: pl.status.metrics(), Logger: pl.cfg.log,
		MaxStreams: cfg.maxStreams, MaxStreamsPerClient: cfg.maxStreamsPerClient, Proxies: cfg.proxies,
		Streams: views.NewStreamMetrics(pl.status.registry),
	})
	cluster := overview.New(pl.cfg.kafka, pl.cfg.topo, pl.cfg.log)
	w.parts = append(w.parts, followers...)
	return append(routes, cluster.Routes()...), nil
}

// run serves until ctx is done. Call it once.
func (w *web) run(ctx context.Context) error {
	defer w.close()
	parts, ctx := errgroup.WithContext(ctx)
	for _, server := range w.servers {
		parts.Go(func() error { return server.Serve(ctx) })
	}
	for _, part := range w.parts {
		parts.Go(func() error { return part(ctx) })
	}
	return parts.Wait()
}

// close gives everything back.
func (w *web) close() {
	for _, server := range w.servers {
		_ = server.Close() // nobody is connected any more
	}
	for _, closer := range w.closers {
		closer()
	}
}

// pagesWaitAtMost is how long the pages wait for heat.
const pagesWaitAtMost = 20 * time.Second

// afterHeat runs what reads the whole table once heat has restored its partitions:
// the others wait for those, and both at once take several times as long.
func (pl *pipeline) afterHeat(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-pl.restored:
		case <-time.After(pagesWaitAtMost):
		case <-ctx.Done():
			return nil
		}
		return run(ctx)
	}
}

// views are what follows the board and the pages, and what runs them.
func (pl *pipeline) views() (boards *views.Boards, pages *views.Pages, run []func(context.Context) error, err error) {
	boardsFailed, pagesFailed := make(chan error, 1), make(chan error, 1)
	source := func(topic string, failed chan<- error) views.Source {
		return views.Source{Brokers: pl.cfg.kafka.Brokers(), Topic: topic, Hasher: topology.Hasher(), Logger: pl.cfg.log,
			Consumer: adapter.ViewConsumer(pl.settings), TopicManager: adapter.ViewTopicManager(pl.settings, func(err error) {
				select {
				case failed <- err:
				default: // the first one ends it
				}
			})}
	}
	if boards, err = views.NewBoards(source(pl.cfg.topo.Output, boardsFailed)); err != nil {
		return nil, nil, nil, err
	}
	if pages, err = views.NewPages(source(pl.cfg.topo.HeatTable, pagesFailed)); err != nil {
		return nil, nil, nil, err
	}
	return boards, pages, []func(context.Context) error{
		func(ctx context.Context) error {
			return pl.supervise(ctx, "boards", untilFailed(boards.Run, boardsFailed))
		},
		func(ctx context.Context) error {
			return pl.supervise(ctx, "pages", pl.afterHeat(untilFailed(pages.Run, pagesFailed)))
		},
	}, nil
}

// untilFailed runs a view until an error comes through failed: by itself it would
// go on trying.
func untilFailed(run func(context.Context) error, failed <-chan error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- run(ctx) }()
		select {
		case err := <-ended:
			return err
		case err := <-failed:
			stop()
			return errors.Join(err, <-ended)
		}
	}
}

// collector is what takes behaviours.
func (pl *pipeline) collector(writer collect.Writer, origins webserver.Origins) (*collect.Collector, error) {
	cfg := pl.cfg.web.collect
	return collect.New(collect.Config{
		Writer: writer, Limits: pl.cfg.limits, AllowPages: cfg.pages, MaxPageBytes: cfg.pageBytes,
		MaxBytes: cfg.maxBytes, Rate: cfg.rate, Burst: cfg.burst, TotalRate: cfg.totalRate, Timeout: cfg.timeout,
		Origins: origins, Key: cfg.key, Proxies: pl.cfg.web.proxies,
		Metrics: collect.NewMetrics(pl.status.registry), Logger: pl.cfg.log,
	})
}

// listen takes the addresses for the routes.
func (pl *pipeline) listen(w *web, routes []webserver.Route, metrics *webserver.Metrics) error {
	cfg, log := pl.cfg.web, pl.cfg.log
	listeners := 1
	if cfg.public != "" {
		listeners = 2
	}
	bounds := webserver.Bounds{Name: "listen", Connections: webserver.ConnectionsWithin(cfg.maxConnections, listeners),
		PerClient: cfg.maxConnectionsPerClient, Proxies: cfg.proxies, Metrics: metrics}
	if bounds.Connections < cfg.maxConnections {
		log.Warn("fewer connections are taken than --max-connections allows: this process may not open more files (ulimit -n)",
			"connections", bounds.Connections, "max_connections", cfg.maxConnections)
	}
	handler := webserver.Config{Routes: routes, Prefix: cfg.prefix, Token: cfg.token, Hosts: cfg.hosts,
		Operators: cfg.public != "", Metrics: metrics}
	server, err := listenAt(cfg.listen, webserver.Handler(handler), bounds, log)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	w.servers = append(w.servers, server)
	if cfg.public != "" {
		bounds.Name, handler.Routes, handler.Operators = "public-listen", webserver.Public(routes), false
		public, err := webserver.Listen(cfg.public, webserver.Handler(handler), bounds, log)
		if err != nil {
			return fmt.Errorf("--public-listen: %w", err)
		}
		w.servers = append(w.servers, public)
		log.Info("serves HTTP for everybody", "address", public.Addr().String())
	}
	if cfg.token == "" && !isLoopback(server.Addr()) {
		log.Warn("everybody who can connect sees what is for operators: set --token, or --public-listen and a --listen of this machine alone",
			"address", server.Addr().String())
	}
	log.Info("serves HTTP", "address", server.Addr().String())
	if pl.cfg.listening != nil {
		pl.cfg.listening(server.Addr().String())
	}
	return nil
}

// defaultListen is the address where none is asked for.
const defaultListen = "127.0.0.1:8080"

// listenAt takes an address. Where none is asked for and the usual one is taken, as it
// is by another instance on this machine, any other does.
func listenAt(address string, handler http.Handler, bounds webserver.Bounds, log *slog.Logger) (*webserver.Server, error) {
	if address != "" {
		return webserver.Listen(address, handler, bounds, log)
	}
	server, err := webserver.Listen(defaultListen, handler, bounds, log)
	if errors.Is(err, syscall.EADDRINUSE) {
		log.Warn("the usual address for HTTP is taken, so a free one is used: choose one with --listen", "taken", defaultListen)
		return webserver.Listen("127.0.0.1:0", handler, bounds, log)
	}
	return server, err
}
