package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"pageheat/collect"
	"pageheat/overview"
	"pageheat/pipeline"
	"pageheat/topology"
	"pageheat/views"
	"pageheat/web"
)

// served is what an instance serves over HTTP: the roles serve and collect, and of every
// instance its health and metrics.
type served struct {
	server *web.Server
	parts  []func(context.Context) error // what runs besides
	writer *collect.Kafka                // of the role collect, else nil
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
	cfg.Checks, cfg.Metrics = pl.status.checks(pl.cfg.roles), pl.status.metrics()
	cfg.Registerer, cfg.Logger = pl.status.registry, pl.cfg.log
	if pl.cfg.has(roleCollect) {
		if s.writer, err = collect.NewKafka(pl.cfg.kafka, pl.cfg.topo.Input); err != nil {
			return nil, err
		}
		cfg.Collect.Collector = pl.collector(s.writer)
	}
	if pl.cfg.has(roleServe) {
		boards, pages, followers, err := pl.views()
		if err != nil {
			return nil, err
		}
		s.parts = followers
		cfg.Serve.Boards, cfg.Serve.Pages, cfg.Serve.Cluster, cfg.Serve.Weights = boards, pages, overview.New(pl.cfg.kafka, pl.cfg.topo, pl.cfg.rights.Hidden), pl.cfg.weights
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
	cfg.Writer, cfg.Limits, cfg.Registerer, cfg.Logger = writer, pl.cfg.settings.Limits, pl.status.registry, pl.cfg.log
	return collect.New(cfg)
}

// run serves until ctx is done. Call it once.
func (s *served) run(ctx context.Context) error {
	defer s.close()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return s.server.Serve(ctx) })
	for _, part := range s.parts {
		parts.Go(func() error { return part(ctx) })
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

// pagesWaitAtMost is how long the pages wait for heat.
const pagesWaitAtMost = 20 * time.Second

// afterHeat runs what reads the whole table once heat has restored its partitions:
// the others wait for those, and both at once take several times as long.
func (pl *instance) afterHeat(run func(context.Context) error) func(context.Context) error {
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
func (pl *instance) views() (boards *views.Boards, pages *views.Pages, run []func(context.Context) error, err error) {
	boardsFailed, pagesFailed := make(chan error, 1), make(chan error, 1)
	source := func(topic string, failed chan<- error) views.Source {
		return views.Source{Brokers: pl.cfg.kafka.Brokers(), Topic: topic, Hasher: topology.Hasher(), Logger: pl.cfg.log,
			Consumer: pipeline.ViewConsumer(pl.settings), TopicManager: pipeline.ViewTopicManager(pl.settings, func(err error) {
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
