package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sync/errgroup"

	"pageheat/integration/harness"
)

// idleCmd measures what one instance with all roles costs while little or nothing
// is sent, and what that costs the broker.
type idleCmd struct {
	Broker     []string `default:"kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Rates      []int    `default:"0,100,2000" help:"Messages a second (${default})."`
	Repeat     int      `default:"1" help:"Runs of each (${default}); the table shows medians."`
	ProfileDir string   `name:"profile" placeholder:"DIR" help:"Write a profile of each run's processor time there; it costs some itself."`

	steadyTraffic
	outputFlags
}

// Figures of idle runs.
const (
	coreUnit       = "core-%"        // of the instance
	brokerCoreUnit = "broker-core-%" // of the broker, less what the traffic alone costs
	bareCoreUnit   = "bare-core-%"   // of the broker for the traffic alone
	residentUnit   = "RSS-MiB"
)

// settled is the least warm-up where nothing is sent: heat partitions repeat their leaders often in the first
// 15 seconds.
const settled = 20 * time.Second

// Run measures every rate.
func (c *idleCmd) Run(ctx context.Context, o out) error { return c.perform(ctx, o, c) }

func (c *idleCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if c.Repeat < 1 || len(c.Rates) == 0 {
		return errors.New("--repeat must be at least 1, --rates needs a value")
	}
	return onEach(ctx, c.Broker, func(broker *cluster) error { return c.on(ctx, o, broker, program, results) })
}

func (c *idleCmd) on(ctx context.Context, o out, broker *cluster, program string, results *report) error {
	if broker.kind == brokerKafka { // Java compiles what runs often
		warm := latencyCmd{steadyTraffic: c.steadyTraffic}
		warm.For = min(warm.For, 10*time.Second)
		const rate, unmeasured = 20_000, -1
		res := newRun("Latency")
		if err := warm.once(ctx, broker, program, rate, 5*time.Millisecond, unmeasured, res); err != nil || len(res.wrong) > 0 {
			return fmt.Errorf("warming up: %w:%s", errors.Join(err, errWrong), verdict(res))
		}
	}
	for _, rate := range c.Rates {
		for n := range c.Repeat {
			res := newRun("Idle", "broker", broker.kind, "pages", c.Pages, "partitions", c.Partitions, "rate", rate)
			run := *c
			if rate == 0 {
				run.Warmup = max(run.Warmup, settled)
			}
			if err := run.once(ctx, broker, program, rate, n, res); err != nil {
				res.fail("%v", err)
			}
			o.say("%s: %.2f %% of a core, broker %.1f %%, %.1f MiB, p50 %.1f ms, p99 %.1f ms%s", res.name, res.get(coreUnit),
				res.get(brokerCoreUnit), res.get(residentUnit), res.get("p50-ms"), res.get("p99-ms"), verdict(res))
			results.add(res)
		}
	}
	return ctx.Err()
}

// once is one run: the traffic alone first, then with an instance.
func (c *idleCmd) once(ctx context.Context, broker *cluster, program string, rate, n int, res *run) error {
	prefix := fmt.Sprintf("bench-idle-%s-%d-%d", broker.kind, rate, n)
	bare, err := c.bare(ctx, broker, prefix+"-bare", rate)
	if err != nil {
		return err
	}
	s, err := c.begin(ctx, broker, program, prefix)
	if err != nil {
		return err
	}
	defer s.close()
	var used usage
	var created [][]time.Time
	var want *harness.Recount
	both, ctx := errgroup.WithContext(s.ctx)
	both.Go(func() (err error) {
		used, err = c.during(ctx, s)
		return err
	})
	both.Go(func() (err error) {
		created, want, err = c.send(ctx, broker, s.site.Input, rate)
		return err
	})
	if c.ProfileDir != "" {
		both.Go(func() error { return c.profile(ctx, s.in, prefix) })
	}
	if err := both.Wait(); err != nil {
		return err
	}
	if _, err := s.boards.First(s.ctx, func(b *harness.Board) bool { return b.Covers(endsOf(created)) }); err != nil {
		return err
	}
	compare(res, s.boards, want, harness.DefaultTop)
	used.figures(res, c.For)
	res.set(brokerCoreUnit, max(0, percent(used.broker-bare, c.For)))
	res.set(bareCoreUnit, percent(bare, c.For))
	if rate > 0 {
		all, err := latencies(created, created[0][0].Add(c.Warmup), boardTimes(s.boards.Seen(), created))
		if err != nil {
			return err
		}
		res.set("p50-ms", quantile(all, 0.5))
		res.set("p99-ms", quantile(all, 0.99))
	}
	return s.end()
}

// bare is the processor time of the broker for the traffic, and for a reader that waits
// for boards, without an instance.
func (c *idleCmd) bare(ctx context.Context, broker *cluster, prefix string, rate int) (time.Duration, error) {
	input, output := prefix+"-input", prefix+"-output"
	if err := errors.Join(broker.createTopic(ctx, input, c.Partitions), broker.createTopic(ctx, output, 1)); err != nil {
		return 0, err
	}
	boards, err := broker.followBoards(output)
	if err != nil {
		return 0, err
	}
	defer boards.Close()
	sending, during := errgroup.WithContext(ctx)
	sending.Go(func() error {
		_, _, err := c.send(during, broker, input, rate)
		return err
	})
	var used time.Duration
	sending.Go(func() error {
		if err := sleep(during, c.Warmup); err != nil {
			return err
		}
		before := known(broker.cpu())
		err := sleep(during, c.For)
		used = known(broker.cpu()) - before
		return err
	})
	if err := sending.Wait(); err != nil {
		return 0, err
	}
	return used, broker.deleteTopics(ctx, prefix)
}

// profile writes a profile of the measured time.
func (c *idleCmd) profile(ctx context.Context, in *harness.Instance, name string) error {
	if err := sleep(ctx, c.Warmup); err != nil {
		return err
	}
	text, err := take(ctx, in, "profile", max(1, int(c.For.Seconds())))
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(c.ProfileDir, 0o750), os.WriteFile(filepath.Join(c.ProfileDir, name+".cpu"), text, 0o600)); err != nil {
		return fmt.Errorf("keeping a profile: %w", err)
	}
	return nil
}

// during is what is used in the measured time, after the warm-up.
func (c *idleCmd) during(ctx context.Context, s *steadyRun) (usage, error) {
	if err := sleep(ctx, c.Warmup); err != nil {
		return usage{}, err
	}
	before, err := s.used(ctx)
	if err != nil {
		return usage{}, err
	}
	if err := sleep(ctx, c.For); err != nil {
		return usage{}, err
	}
	after, err := s.used(ctx)
	return after.since(before), err
}

// usage is what an instance and its broker have used, and what was written.
type usage struct {
	instance, broker               time.Duration
	resident                       float64 // MiB
	writes, wakeups                uint64
	ranges, leaders, table, boards int64
}

// used is the usage so far.
func (s *steadyRun) used(ctx context.Context) (u usage, err error) {
	u.instance, u.broker = known(s.in.CPU()), known(s.broker.cpu())
	u.resident, _ = memory(s.in)
	if u.writes, u.wakeups, err = activity(s.in.PID()); err != nil {
		return u, err
	}
	for _, counted := range []struct {
		topic string
		into  *int64
	}{{behaviourTopic(s.site), &u.ranges}, {s.site.Prefix + "-leaders", &u.leaders}, {heatTopic(s.site), &u.table}, {s.site.Output, &u.boards}} {
		ends, err := s.broker.ends(ctx, counted.topic)
		if err != nil {
			return u, err
		}
		for _, end := range ends {
			*counted.into += end
		}
	}
	return u, nil
}

func (u usage) since(before usage) usage {
	u.instance, u.broker = u.instance-before.instance, u.broker-before.broker
	u.writes, u.wakeups = u.writes-before.writes, u.wakeups-before.wakeups
	u.ranges, u.leaders, u.table, u.boards = u.ranges-before.ranges, u.leaders-before.leaders, u.table-before.table, u.boards-before.boards
	return u
}

// figures sets what was used in a time.
func (u usage) figures(res *run, in time.Duration) {
	res.set(coreUnit, percent(u.instance, in))
	res.set(residentUnit, u.resident)
	for _, rate := range []struct {
		unit string
		n    int64
	}{{"ranges/s", u.ranges}, {"leaders/s", u.leaders}, {"table/s", u.table}, {"boards/s", u.boards},
		{"writes/s", int64(u.writes)}, {"wakeups/s", int64(u.wakeups)}} {
		res.set(rate.unit, perSecond(rate.n, in))
	}
}

// activity is how often a process has called write, mostly to send a request, and how
// often one of its threads has gone to sleep.
func activity(pid int) (writes, wakeups uint64, err error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the activity of process %d: %w", pid, err)
	}
	io, err := proc.IO()
	if err != nil {
		return 0, 0, fmt.Errorf("reading the activity of process %d: %w", pid, err)
	}
	threads, err := procfs.AllThreads(pid)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the threads of process %d: %w", pid, err)
	}
	for _, t := range threads {
		if status, err := t.NewStatus(); err == nil { // otherwise it has ended
			wakeups += status.VoluntaryCtxtSwitches
		}
	}
	return io.SyscW, wakeups, nil
}

// percent is a processor time as a share of one core.
func percent(used, in time.Duration) float64 { return 100 * used.Seconds() / in.Seconds() }

// sleep waits, or returns why ctx has ended.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
