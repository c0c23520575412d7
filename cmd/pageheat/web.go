package main

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"pageheat/collect"
	"pageheat/overview"
	"pageheat/pipeline"
	"pageheat/views"
	"pageheat/web"
)

// served is what an instance serves over HTTP: the roles serve and collect, and of every
// instance its health and metrics.
type served struct {
	server *web.Server
	boards func(context.Context) error // follows the boards; nil without the role serve
	writer *collect.Kafka              // of the role collect, else nil
}

// newServed makes what is served and takes the addresses. Whoever does not run it closes
// it.
func (pl *instance) newServed() (_ *served, err error) {
	s := &served{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	cfg := pl.cfg.web
	parts := pl.cfg.roles
	if pl.cfg.hasEvents() {
		parts = append(slices.Clone(parts), role(pipeline.RoleEvents))
	}
	cfg.Checks, cfg.Metrics = pl.status.checks(parts), pl.status.metrics()
	cfg.Registerer, cfg.Logger = pl.status.registry, pl.cfg.log.With("component", "http")
	if pl.cfg.has(roleCollect) {
		if s.writer, err = collect.NewKafka(pl.cfg.kafka, pl.cfg.topo.Input); err != nil {
			return nil, err
		}
		cfg.Collect.Collector = pl.collector(s.writer)
	}
	if pl.cfg.has(roleServe) {
		boards, follow, err := pl.boards()
		if err != nil {
			return nil, err
		}
		s.boards = follow
		cfg.Serve.Boards, cfg.Serve.Pages, cfg.Serve.Cluster, cfg.Serve.Weights = boards, pl.table, overview.New(pl.cfg.kafka, pl.cfg.topo, pl.cfg.rights.Hidden), pl.cfg.weights
	}
	if s.server, err = web.New(cfg); err != nil {
		return nil, err
	}
	if pl.cfg.listening != nil {
		pl.cfg.listening(s.server.Addr().String())
	}
	return s, nil
}

// collector is what takes behaviours.
func (pl *instance) collector(writer *collect.Kafka) *collect.Collector {
	cfg := pl.cfg.collector
	cfg.Tracer = pl.settings.Tracer
	cfg.Writer, cfg.Limits, cfg.Registerer, cfg.Logger = writer, pl.cfg.settings.Limits, pl.status.registry, pl.cfg.log.With("role", string(roleCollect))
	return collect.New(cfg)
}

// run serves until ctx is done. Call it once.
func (s *served) run(ctx context.Context) error {
	defer s.close()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.server.Serve(ctx) })
	if s.boards != nil {
		parts.Go(func() error { return s.boards(ctx) })
	}
	return parts.Wait()
}

// close gives everything back.
func (s *served) close() {
	if s.server != nil {
		s.server.Close()
	}
	if s.writer != nil {
		s.writer.Close()
	}
}

// boards are the boards, and what follows them.
func (pl *instance) boards() (*views.Boards, func(context.Context) error, error) {
	failed := make(chan error, 1)
	boards, err := views.NewBoards(views.Source{Brokers: pl.cfg.kafka.Brokers(), Topic: pl.cfg.topo.Output, Logger: pl.cfg.log.With("role", "boards"),
		Consumer: pipeline.ViewConsumer(pl.settings), TopicManager: pipeline.ViewTopicManager(pl.settings, func(err error) {
			select {
			case failed <- err:
			default: // the first one ends it
			}
		})})
	return boards, func(ctx context.Context) error {
		return pl.supervise(ctx, "boards", untilFailed(boards.Run, failed))
	}, err
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
