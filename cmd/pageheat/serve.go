package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"pageheat/adapter"
	"pageheat/topology"
	"pageheat/views"
	"pageheat/webserver"
)

// serve follows the board and the pages, and answers over HTTP.
func (pl *pipeline) serve(ctx context.Context) error {
	source := func(topic string) views.Source {
		return views.Source{Brokers: pl.cfg.brokers, Topic: topic, Hasher: topology.Hasher(), Logger: pl.cfg.log,
			Consumer: adapter.ViewConsumer(pl.settings), TopicManager: adapter.ViewTopicManager(pl.settings)}
	}
	boards, err := views.NewBoards(source(pl.cfg.topo.Output))
	if err != nil {
		return err
	}
	pages, err := views.NewPages(source(pl.cfg.topo.HeatTable))
	if err != nil {
		return err
	}
	server, err := webserver.Listen(pl.cfg.listen, views.NewHandler(views.HandlerConfig{
		Boards: boards, Pages: pages, Weights: pl.cfg.weights, Checks: pl.status.checks(pl.cfg.roles),
		Metrics: pl.status.metrics(), Logger: pl.cfg.log,
	}), pl.cfg.log)
	if err != nil {
		return fmt.Errorf("role %s (choose another address with --listen): %w", roleServe, err)
	}
	pl.cfg.log.Info("serves HTTP", "address", server.Addr().String())
	if pl.cfg.listening != nil {
		pl.cfg.listening(server.Addr().String())
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return pl.supervise(ctx, "boards", boards.Run) })
	parts.Go(func() error { return pl.supervise(ctx, "pages", pages.Run) })
	parts.Go(func() error { return server.Serve(ctx) })
	return parts.Wait()
}
