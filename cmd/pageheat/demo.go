package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/cmd/pageheat/forum"
	"pageheat/kafka"
	"pageheat/traffic"
	"pageheat/views"
)

// demoCmd is everything in one process.
type demoCmd struct {
	Rate   messageRate   `default:"200" placeholder:"N" help:"Simulated messages a second, or max."`
	For    time.Duration `placeholder:"DURATION" help:"Time to run, such as 1m30s. Runs until interrupted if not given."`
	Data   string        `placeholder:"DIR" help:"Directory that keeps everything for the next demo. Kept in memory if not given."`
	Listen *string       `placeholder:"HOST:PORT" help:"Address of the dashboard and the forum: 127.0.0.1:8080 if not given, or a free port where that is taken."`
	Seed   *uint64       `placeholder:"N" help:"Seed of the simulator: equal seeds send equal messages."`

	Pages int     `default:"100" help:"Number of threads in the forum."`
	Zipf  float64 `default:"0.7" placeholder:"S" help:"Exponent of Zipf's law: the thread of rank R gets 1/R^S of the visits of the first, fashions aside."`

	pipelineFlags
}

// trendTime is how long a thread is in fashion.
const trendTime = 25 * time.Second

// visitors checks the flags of the traffic.
func (c *demoCmd) visitors() (*traffic.Visitors, error) {
	if err := checkTraffic(c.Pages, c.Zipf); err != nil {
		return nil, err
	}
	const quick = 10_000 // what counts as the rate where it is max
	threads := forum.Threads()
	options := traffic.VisitorsOptions{
		Pages: c.Pages, Zipf: c.Zipf, Seed: rand.Uint64(),
		Trend: max(1, int(min(float64(c.Rate), quick)*trendTime.Seconds())),
		Name:  func(page int) string { return threads[page%len(threads)].Part(page / len(threads)).Path },
	}
	if c.Seed != nil {
		options.Seed = *c.Seed
	}
	return traffic.NewVisitors(options)
}

// titles gives the title of a thread of the forum, empty for other pages.
func titles() func(page string) string {
	threads := map[string]forum.Thread{}
	for _, thread := range forum.Threads() {
		threads[thread.Path] = thread
	}
	return func(page string) string {
		if thread, known := threads[page]; known {
			return thread.Title
		}
		at := strings.LastIndex(page, "-part-")
		if at < 0 {
			return ""
		}
		thread, known := threads[page[:at]]
		part, err := strconv.Atoi(page[at+len("-part-"):])
		if !known || err != nil || part < 2 {
			return ""
		}
		return thread.Part(part - 1).Title
	}
}

// demoSession is the shortest that the embedded broker takes: after a crash, a demo
// with --data waits for its own ghost.
const demoSession = 6 * time.Second

// demoPrint is how often the board is printed where there is no terminal.
const demoPrint = time.Second

// Run runs an embedded broker, the pipeline, the simulator and the board until it is
// told to end. Then the simulator stops first, so that all it has sent is counted.
func (c *demoCmd) Run(ctx context.Context, p *program) error {
	if c.For < 0 {
		return badFlag("for", "%s: must not be negative", c.For)
	}
	if _, err := listenAddress(c.Listen); err != nil {
		return err
	}
	if _, err := c.visitors(); err != nil {
		return err
	}
	if _, err := c.config(p); err != nil {
		return err
	}
	broker, err := startBroker(c.Data)
	if err != nil {
		return err
	}
	defer broker.Close()
	own := *p
	own.kafka = kafka.New(kafka.Config{Brokers: broker.ListenAddrs(), ClientID: p.topo.Prefix})
	defer own.kafka.Close()
	if isTerminal(p.stdout) && isTerminal(p.stderr) {
		own.quieten() // the board is there
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	return c.demonstrate(ctx, &own)
}

// startBroker starts the embedded broker on a free port of the loopback interface. It
// keeps its data in a directory, or in memory where dir is empty.
func startBroker(dir string) (*kfake.Cluster, error) {
	options := []kfake.Opt{kfake.NumBrokers(1)}
	if dir != "" {
		options = append(options, kfake.DataDir(dir))
	}
	broker, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	return broker, nil
}

// demonstrate runs everything against the broker of p until ctx is done.
func (c *demoCmd) demonstrate(ctx context.Context, p *program) error {
	partitions, err := createTopics(ctx, p, layoutFlags{Replication: 1}, func(string) {})
	if err != nil {
		return err
	}
	cfg, err := c.config(p)
	if err != nil {
		return err
	}
	cfg.roles, cfg.partitions = allRoles(), partitions
	listen, err := listenAddress(c.Listen)
	if err != nil {
		return err
	}
	if cfg.web, err = demoWeb(listen); err != nil {
		return err
	}
	cfg.sessionTimeout, cfg.drainTimeout = demoSession, defaultDrain
	var dashboard atomic.Pointer[string]
	cfg.listening = func(address string) { dashboard.Store(&address) }
	sending, err := newSender(ctx, p, p.topo.Input, usualBatch, deliveryTimeout)
	if err != nil {
		return err
	}
	defer sending.close()
	notes := func() []note {
		var all []note
		if address := dashboard.Load(); address != nil {
			all = append(all, note{"Dashboard", "http://" + *address + "/"}, note{"Forum", "http://" + *address + forum.Path})
		}
		return append(all, note{"Kafka", p.kafka.Brokers()[0]})
	}

	// Whatever ends first ends ctx; then one after the other, in the order of
	// the records, each when the one before has drained.
	ctx, end := context.WithCancel(ctx)
	defer end()
	pipelineCtx, endPipeline := context.WithCancel(context.WithoutCancel(ctx))
	defer endPipeline()
	boardCtx, endBoard := context.WithCancel(context.WithoutCancel(ctx))
	defer endBoard()
	shown := newWatermark()
	var sent, ran error
	var parts sync.WaitGroup
	parts.Go(func() {
		defer endPipeline()
		if sent = c.simulate(ctx, sending); sent == nil {
			sent = awaitInput(boardCtx, p, shown)
			if errors.Is(sent, errInterrupted) {
				sent = nil // the board was closed, or the pipeline has failed
			}
		}
	})
	parts.Go(func() {
		defer endBoard()
		defer end()
		ran = runPipeline(pipelineCtx, cfg)
	})
	err = display{board: views.DefaultBoard, weights: cfg.weights, every: demoPrint, notes: notes, title: titles(), seen: shown.reach}.show(boardCtx, p)
	end()
	endBoard()
	parts.Wait()
	p.log.Info("the demo ends", "messages", sending.sent())
	return errors.Join(ran, sent, err)
}

// simulate sends until ctx is done or sending fails.
func (c *demoCmd) simulate(ctx context.Context, sending *sender) error {
	visitors, err := c.visitors()
	if err != nil {
		return err
	}
	pace := newPacer(c.Rate)
	for message := range visitors.Messages() {
		if err := pace.wait(ctx); err != nil {
			break // told to end
		}
		if err := sending.send(message); err != nil {
			return err
		}
	}
	return sending.flush()
}
