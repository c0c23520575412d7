package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"pageheat/integration/harness"
	"pageheat/traffic"
)

// steadyTraffic is traffic at a steady rate.
type steadyTraffic struct {
	Pages      int           `default:"10000" help:"Number of pages (${default})."`
	Partitions int32         `default:"3" help:"Number of partitions (${default})."`
	For        time.Duration `default:"20s" help:"How long messages are sent (${default})."`
	Warmup     time.Duration `default:"3s" help:"How long messages are sent before, which are not measured (${default})."`
}

// latencyCmd measures the time from a message's creation until a reader of the output has the
// first board that includes it. A bare consumer of the same messages runs at the same time: its
// latency is that of the machine and the broker.
type latencyCmd struct {
	Broker  []string        `default:"kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Rates   []int           `default:"2000,50000" help:"Messages a second (${default})."`
	Lingers []time.Duration `default:"5ms" help:"Settings of pageheat run --linger (${default})."`
	Repeat  int             `default:"1" help:"Runs of each (${default}); the table shows medians."`
	Five    bool            `help:"Publish four further boards, and measure each."`
	Preload bool            `help:"Before, count two behaviours of each page, an hour and a day old, which leave the windows while it is measured."`
	Profile string          `placeholder:"DIR" help:"Write pageheat's profiles of processor time and memory there, and the greatest latencies of each 100 ms."`

	steadyTraffic
	outputFlags
}

// Run measures every combination.
func (c *latencyCmd) Run(ctx context.Context, o out) error { return c.perform(ctx, o, c) }

func (c *latencyCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if c.Repeat < 1 || len(c.Rates) == 0 || len(c.Lingers) == 0 {
		return errors.New("--repeat must be at least 1, --rates and --lingers need a value")
	}
	return onEach(ctx, c.Broker, func(broker *cluster) error { return c.on(ctx, o, broker, program, results) })
}

func (c *latencyCmd) on(ctx context.Context, o out, broker *cluster, program string, results *report) error {
	measured := func(rate int, linger time.Duration, n int) *run {
		labels := []any{"broker", broker.kind, "pages", c.Pages, "rate", rate, "linger", linger}
		if c.Five {
			labels = append(labels, "boards", 1+len(furtherBoards()))
		}
		if c.Preload {
			labels = append(labels, "preload", true)
		}
		res := newRun("Latency", labels...)
		if err := c.once(ctx, broker, program, rate, linger, n, res); err != nil {
			res.fail("%v", err)
		}
		o.say("%s: p50 %.1f ms, p99 %.1f ms; bare %.1f and %.1f%s", res.name,
			res.get("p50-ms"), res.get("p99-ms"), res.get("bare-p50-ms"), res.get("bare-p99-ms"), verdict(res))
		return res
	}
	if broker.kind == brokerKafka && !c.Preload { // which warms up
		const unmeasured = -1 // Java compiles what runs often
		if warm := measured(slices.Max(c.Rates), c.Lingers[0], unmeasured); len(warm.wrong) > 0 {
			return fmt.Errorf("warming up: %w:%s", errWrong, verdict(warm))
		}
	}
	for _, rate := range c.Rates {
		for _, linger := range c.Lingers {
			for n := range c.Repeat {
				results.add(measured(rate, linger, n))
			}
		}
	}
	return ctx.Err()
}

// once is one run.
func (c *latencyCmd) once(ctx context.Context, broker *cluster, program string, rate int, linger time.Duration, n int, res *run) error {
	flags := []string{"--roles", "ingest,heat,rank", "--linger", linger.String()}
	if c.Five {
		flags = append(flags, furtherFlags()...)
	}
	prefix := fmt.Sprintf("bench-%s-%d-per-second-linger-%s-%d", broker.kind, rate, linger, n)
	s, err := c.begin(ctx, broker, program, prefix, flags...)
	if err != nil {
		return err
	}
	defer s.close()
	sent := newSent(c.Partitions)
	if c.Preload {
		if err := c.preload(ctx, s, sent); err != nil {
			return err
		}
	}
	var bare [][]time.Time
	reading, ctx := errgroup.WithContext(s.ctx)
	total, before := c.total(rate), cpu(s.in)
	already, first := sent.want.Counted, len(sent.created[0])
	reading.Go(func() (err error) {
		bare, err = broker.arrivals(ctx, s.site.Input, c.Partitions, already+total)
		return err
	})
	var profiles *recording
	if c.Profile != "" {
		profiles = record(ctx, s.in, "profile")
	}
	if err := c.sendMore(ctx, broker, s.site.Input, rate, sent); err != nil {
		return err
	}
	if profiles != nil {
		if err := profiles.keep(ctx, s.in, c.Profile, prefix); err != nil {
			return err
		}
	}
	created, want := sent.created, sent.want
	// A board may already count all messages: its offset is the lowest of all heat partitions,
	// and a partition without pages of the last range learns about it a moment later.
	if _, err := s.boards.First(ctx, func(b *harness.Board) bool { return b.Covers(endsOf(created)) }); err != nil {
		return err
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	compare(res, s.boards, want, harness.DefaultTop)
	from := created[0][first].Add(c.Warmup)
	if c.Profile != "" {
		if err := keepTimeline(filepath.Join(c.Profile, prefix+".timeline"), created, from, boardTimes(s.boards.Seen(), created), bare); err != nil {
			return err
		}
	}
	for _, figure := range []struct {
		prefix string
		came   [][]time.Time
	}{{"", boardTimes(s.boards.Seen(), created)}, {"bare-", bare}} {
		all, err := latencies(created, from, figure.came)
		if err != nil {
			return err
		}
		for _, part := range []float64{50, 90, 99, 100} {
			res.set(fmt.Sprintf("%sp%g-ms", figure.prefix, part), quantile(all, part/100))
		}
	}
	if c.Five {
		if err := s.measureFurther(created, from, res); err != nil {
			return err
		}
	}
	res.set("cpu-s/M", (cpu(s.in)-before)/float64(total)*1e6)
	_, peak := memory(s.in)
	res.set("peak-MiB", peak)
	return s.end()
}

// steadyRun is one instance with its readers.
type steadyRun struct {
	ctx    context.Context //nolint:containedctx // of the run
	broker *cluster
	site   *harness.Installation
	in     *harness.Instance
	boards *harness.Boards
	// unwatch lets the instance end without an error; free has the cleanups, called in reverse
	// order.
	unwatch func()
	free    []func()
}

// begin starts an instance on its own input, and waits for its first board. The caller closes
// it.
func (t *steadyTraffic) begin(ctx context.Context, broker *cluster, program, prefix string, flags ...string) (*steadyRun, error) {
	const patience = 4 * time.Minute // more than is requested
	s := &steadyRun{broker: broker}
	ctx, cancel := within(ctx, t.Warmup+t.For+patience)
	s.free = append(s.free, cancel)
	input := prefix + "-input"
	err := broker.createTopic(ctx, input, t.Partitions)
	if err == nil {
		s.site, err = install(ctx, broker, program, prefix, input)
	}
	if err == nil {
		s.in, err = s.site.StartInstance("measured", flags...)
	}
	if err == nil {
		s.free = append(s.free, func() { _ = s.in.Kill() })
		s.ctx, s.unwatch = harness.While(ctx, s.in)
		s.free = append(s.free, s.unwatch)
		s.boards, err = broker.followBoards(s.site.Output)
	}
	if err == nil {
		s.free = append(s.free, s.boards.Close)
		_, err = s.boards.First(s.ctx, counts(0))
	}
	if err != nil {
		s.close()
	}
	return s, err
}

// end drains the instance and deletes the topics.
func (s *steadyRun) end() error {
	s.unwatch() // from now on the instance may end
	if err := s.in.Stop(); err != nil {
		return fmt.Errorf("%w\n%s", err, s.in.LastWords())
	}
	return s.broker.deleteTopics(context.WithoutCancel(s.ctx), s.site.Prefix)
}

func (s *steadyRun) close() {
	for _, free := range slices.Backward(s.free) {
		free()
	}
}

// total is the number of messages to send.
func (t *steadyTraffic) total(rate int) int64 {
	return int64((t.Warmup + t.For).Seconds() * float64(rate))
}

// sent is what was sent: the creation time of each message, by partition and offset, and the expected result.
type sent struct {
	created [][]time.Time
	want    *harness.Recount
}

func newSent(partitions int32) *sent {
	return &sent{created: make([][]time.Time, partitions), want: harness.NewRecount()}
}

// send sends messages at a rate. It returns the creation time of each, by partition and offset,
// and the expected result.
func (t *steadyTraffic) send(ctx context.Context, broker *cluster, topic string, rate int) ([][]time.Time, *harness.Recount, error) {
	s := newSent(t.Partitions)
	err := t.sendMore(ctx, broker, topic, rate, s)
	return s.created, s.want, err
}

// sendMore sends messages at a rate, after what was sent.
func (t *steadyTraffic) sendMore(ctx context.Context, broker *cluster, topic string, rate int, all *sent) error {
	simulator, err := traffic.NewSimulator(traffic.Options{Pages: t.Pages, Seed: 1})
	if err != nil {
		return err
	}
	s, err := newSender(ctx, broker, topic, t.Partitions, all.want, kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	began, already := time.Now(), all.want.Counted
	total := t.total(rate)
	var message []byte
	for n := int64(0); err == nil && n < total; n = all.want.Counted - already {
		due := min(int64(time.Since(began).Seconds()*float64(rate))+1, total)
		for err == nil && all.want.Counted < already+due {
			message = simulator.Next().Append(message[:0])
			err = all.send(s, message, time.Now())
		}
		time.Sleep(time.Until(began.Add(time.Duration(float64(all.want.Counted-already) / float64(rate) * float64(time.Second)))))
	}
	if ended := s.end(); err == nil {
		err = ended
	}
	return err
}

// send sends a message with a timestamp.
func (a *sent) send(s *sender, message []byte, at time.Time) error {
	p := a.want.Counted % int64(len(a.created))
	a.created[p] = append(a.created[p], at)
	return s.send(message, at)
}

// endsOf returns the offset after the last message of each partition.
func endsOf(created [][]time.Time) harness.Ends {
	ends := harness.Ends{}
	for p, messages := range created {
		ends[int32(p)] = int64(len(messages))
	}
	return ends
}

// boardTimes returns, for each message, the arrival of the first board that includes every
// message up to it.
func boardTimes(boards []*harness.Board, created [][]time.Time) [][]time.Time {
	came := make([][]time.Time, len(created))
	for p := range came {
		came[p] = make([]time.Time, 0, len(created[p]))
		for _, b := range boards {
			for int64(len(came[p])) < min(b.Offsets[fmt.Sprint(p)], int64(len(created[p]))) {
				came[p] = append(came[p], b.Came)
			}
		}
	}
	return came
}

// latencies returns the times from creation to arrival in milliseconds, of messages created
// from a given time on.
func latencies(created [][]time.Time, from time.Time, came [][]time.Time) ([]float64, error) {
	var all []float64
	for p := range created {
		if len(came[p]) < len(created[p]) {
			return nil, fmt.Errorf("%d of %d messages of partition %d came", len(came[p]), len(created[p]), p)
		}
		for i, at := range created[p] {
			if !at.Before(from) {
				all = append(all, milliseconds(came[p][i].Sub(at)))
			}
		}
	}
	return all, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile returns a quantile of the figures, from 0 to 1; 0 if there are none. It sorts them.
func quantile(all []float64, part float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[max(0, int(math.Ceil(part*float64(len(all))))-1)]
}
