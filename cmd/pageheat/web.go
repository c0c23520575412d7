package main

import (
	"context"
	"fmt"
	"slices"
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

// web runs the roles that are served over HTTP, serve and collect: on one address
// with all there is, and on another one with what is for everybody, if there is one.
func (pl *pipeline) web(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	routes := slices.Concat(site.Routes(), api.Routes())
	if pl.cfg.web.forum {
		forum, err := site.Forum()
		if err != nil {
			return err
		}
		routes = append(routes, forum...)
	}
	var checks []views.Check
	if pl.cfg.has(roleCollect) {
		writer, err := collect.NewKafka(pl.cfg.brokers, pl.settings.ClientID, pl.cfg.topo.Input, pl.settings.Dialer.Options()...)
		if err != nil {
			return err
		}
		defer writer.Close() // after the servers have ended
		collector, err := pl.collector(writer)
		if err != nil {
			return err
		}
		routes = append(routes, collector.Routes()...)
		checks = append(checks, views.Check{Part: string(roleCollect), Ready: collector.Ready})
	}
	checks = append(checks, pl.status.checks(pl.cfg.roles)...)
	if pl.cfg.has(roleServe) {
		boards, pages, err := pl.views()
		if err != nil {
			return err
		}
		routes = append(routes, views.Routes(views.HandlerConfig{
			Boards: boards, Pages: pages, Weights: pl.cfg.weights, Checks: checks, Origins: pl.cfg.web.origins,
			Metrics: pl.status.metrics(), MaxStreams: pl.cfg.web.maxStreams, Logger: pl.cfg.log,
		})...)
		cluster, err := overview.New(pl.cfg.brokers, pl.cfg.topo, pl.cfg.log, pl.settings.Dialer.Options()...)
		if err != nil {
			return err
		}
		defer cluster.Close()
		routes = append(routes, cluster.Routes()...)
		parts.Go(func() error { return pl.supervise(ctx, "boards", boards.Run) })
		parts.Go(func() error { return pl.supervise(ctx, "pages", pl.afterHeat(pages.Run)) })
	} else {
		routes = append(routes, views.HealthRoutes(checks, pl.status.metrics())...)
	}
	parts.Go(func() error { return pl.listen(ctx, routes) })
	return parts.Wait()
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

// views are what follows the board and the pages.
func (pl *pipeline) views() (*views.Boards, *views.Pages, error) {
	source := func(topic string) views.Source {
		return views.Source{Brokers: pl.cfg.brokers, Topic: topic, Hasher: topology.Hasher(), Logger: pl.cfg.log,
			Consumer: adapter.ViewConsumer(pl.settings), TopicManager: adapter.ViewTopicManager(pl.settings)}
	}
	boards, err := views.NewBoards(source(pl.cfg.topo.Output))
	if err != nil {
		return nil, nil, err
	}
	pages, err := views.NewPages(source(pl.cfg.topo.HeatTable))
	return boards, pages, err
}

// collector is what takes behaviours.
func (pl *pipeline) collector(writer collect.Writer) (*collect.Collector, error) {
	cfg := pl.cfg.web.collect
	return collect.New(collect.Config{
		Writer: writer, Limits: pl.cfg.limits, AllowPages: cfg.pages, MaxPageBytes: cfg.pageBytes,
		MaxBytes: cfg.maxBytes, Rate: cfg.rate, Burst: cfg.burst, Timeout: cfg.timeout,
		Origins: pl.cfg.web.origins, Key: cfg.key, Proxies: cfg.proxies,
		Metrics: collect.NewMetrics(pl.status.registry), Logger: pl.cfg.log,
	})
}

// listen serves the routes until ctx is done.
func (pl *pipeline) listen(ctx context.Context, routes []webserver.Route) error {
	cfg := pl.cfg.web
	handler := webserver.Config{Routes: routes, Prefix: cfg.prefix, Token: cfg.token}
	server, err := webserver.Listen(cfg.listen, webserver.Handler(handler), pl.cfg.log)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	servers, ctx := errgroup.WithContext(ctx)
	if cfg.public != "" {
		handler.Routes = webserver.Public(routes)
		public, err := webserver.Listen(cfg.public, webserver.Handler(handler), pl.cfg.log)
		if err != nil {
			_ = server.Close() // nobody has connected
			return fmt.Errorf("--public-listen: %w", err)
		}
		pl.cfg.log.Info("serves HTTP for everybody", "address", public.Addr().String())
		servers.Go(func() error { return public.Serve(ctx) })
	}
	if cfg.token == "" && !isLoopback(server.Addr()) {
		pl.cfg.log.Warn("everybody who can connect sees what is for operators: set --token, or --public-listen and a --listen of this machine alone",
			"address", server.Addr().String())
	}
	pl.cfg.log.Info("serves HTTP", "address", server.Addr().String())
	if pl.cfg.listening != nil {
		pl.cfg.listening(server.Addr().String())
	}
	servers.Go(func() error { return server.Serve(ctx) })
	return servers.Wait()
}
