package main

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"pageheat/demo"
	"pageheat/demo/forum"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/terminal"
	"pageheat/topics"
	"pageheat/traffic"
	"pageheat/views"
	"pageheat/web"
)

// demoCmd is everything in one process.
type demoCmd struct {
	Demo     demo.Settings       `embed:""`
	Pipeline processors.Settings `embed:""`
	Boards   boardsSettings      `embed:""`
}

const (
	// demoPrint is how often the board is printed where there is no terminal.
	demoPrint = time.Second
	// inputTimeout is how long the demo waits at its end for a board of all that was sent.
	inputTimeout = 5 * time.Second
)

// config checks the flags.
func (c *demoCmd) config(p *program) (pipelineConfig, error) {
	if c.Boards.none() {
		c.Boards.Boards.lines = demo.Boards()
	}
	cfg, err := newPipelineConfig(p, c.Pipeline, c.Boards, c.Demo.Web())
	if err != nil {
		return cfg, err
	}
	cfg.roles, cfg.member = allRoles(), kafka.Member{SessionTimeout: demo.SessionTimeout}
	cfg.web.Serve.PageLink = web.ServedHere()
	cfg.web.Routes, err = forum.Routes()
	return cfg, err
}

// Run runs an embedded broker, the pipeline, the simulator and the board until it is
// told to end. Then the simulator stops first, so that all it has sent is counted.
func (c *demoCmd) Run(ctx context.Context, p *program) error {
	visitors, err := c.Demo.Visitors()
	if err != nil {
		return err
	}
	if _, err := c.config(p); err != nil {
		return err
	}
	broker, err := c.Demo.Broker()
	if err != nil {
		return err
	}
	defer broker.Close()
	own := *p
	own.kafka = kafka.New(kafka.Config{Brokers: broker.ListenAddrs(), ClientID: p.topo.Prefix, Logger: p.log.Logger})
	defer own.kafka.Close()
	if terminal.Is(p.stdout) && terminal.Is(p.stderr) {
		own.log.Quieten() // the board is there
	}
	if c.Demo.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Demo.For)
		defer cancel()
	}
	return c.demonstrate(ctx, &own, visitors)
}

// demonstrate runs everything against the broker of p until ctx is done.
func (c *demoCmd) demonstrate(ctx context.Context, p *program, visitors *traffic.Visitors) error {
	cfg, err := c.config(p)
	if err != nil {
		return err
	}
	if cfg.partitions, err = createTopics(ctx, p, topics.Layout{Replication: 1}, func(string) {}); err != nil {
		return err
	}
	var dashboard atomic.Pointer[string]
	cfg.listening = func(address string) { dashboard.Store(&address) }
	sending, err := p.kafka.Sender("produce", p.topo.Input, kafka.Bulk())
	if err != nil {
		return err
	}
	defer sending.Close()
	notes := func() []terminal.Note {
		var all []terminal.Note
		if address := dashboard.Load(); address != nil {
			all = append(all, terminal.Note{Label: "Dashboard", Value: "http://" + *address + "/"},
				terminal.Note{Label: "Forum", Value: "http://" + *address + forum.Path})
		}
		return append(all, terminal.Note{Label: "Kafka", Value: p.kafka.Brokers()[0]})
	}

	// Whatever ends first ends ctx; then one after the other, in the order of
	// the records, each when the one before has drained.
	ctx, end := context.WithCancel(ctx)
	defer end()
	pipelineCtx, endPipeline := context.WithCancel(context.WithoutCancel(ctx))
	defer endPipeline()
	boardCtx, endBoard := context.WithCancel(context.WithoutCancel(ctx))
	defer endBoard()
	shown := demo.NewWatermark()
	var sent, ran error
	var parts sync.WaitGroup
	parts.Go(func() {
		defer endPipeline()
		if sent = c.simulate(ctx, visitors, sending); sent == nil {
			sent = awaitInput(boardCtx, p, shown)
		}
	})
	parts.Go(func() {
		defer endBoard()
		defer end()
		ran = runPipeline(pipelineCtx, cfg)
	})
	err = terminal.Display{Boards: boardsOf(p.output(), views.DefaultBoard, shown.Reach), Weights: cfg.weights,
		Every: demoPrint, Notes: notes}.Show(boardCtx, p.stdin, p.stdout)
	end()
	endBoard()
	parts.Wait()
	p.log.Info("the demo ends", "messages", sending.Sent())
	return errors.Join(ran, sent, err)
}

// simulate sends until ctx is done or sending fails.
func (c *demoCmd) simulate(ctx context.Context, visitors *traffic.Visitors, sending *kafka.Sender) error {
	pace := traffic.NewPacer(c.Demo.Rate)
	for message := range visitors.Messages() {
		if err := pace.Wait(ctx); err != nil {
			break // told to end
		}
		if err := sending.Queue(&kafka.Record{Value: bytes.Clone(message)}); err != nil {
			return err
		}
	}
	return sending.Drain()
}

// awaitInput waits until everything in the input is on the board, but not forever, and
// not longer than ctx: it ends when the board was closed, or the pipeline has failed.
func awaitInput(ctx context.Context, p *program, shown *demo.Watermark) error {
	ctx, cancel := context.WithTimeout(ctx, inputTimeout)
	defer cancel()
	input, err := p.kafka.AllBounds(ctx, p.topo.Input)
	if errors.Is(interrupted(ctx, err), errInterrupted) {
		return nil
	}
	if err != nil {
		return err
	}
	if !shown.Await(ctx, input) {
		p.log.Warn("some messages are not on the board yet: with --data they are kept and counted next time")
	}
	return nil
}
