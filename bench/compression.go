package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"pageheat/integration/harness"
)

// compressionCmd measures what the compression of pageheat's own topics costs and saves: at full
// speed, where batches are large, and at a steady rate, where they are small.
type compressionCmd struct {
	Broker   []string      `default:"kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Codecs   []string      `default:"none,snappy,lz4,zstd,gzip" help:"Values of pageheat run --compression-type (${default}); ratios are to the first."`
	Backlogs []int         `default:"10000,1000000" help:"Numbers of pages of backlogs (${default})."`
	Messages int64         `default:"5000000" help:"Size of a backlog (${default})."`
	Rates    []int         `default:"2000" help:"Messages a second of steady traffic (${default})."`
	Repeat   int           `default:"3" help:"Runs of each, in turn (${default}); the table shows medians."`
	Timeout  time.Duration `default:"5m" help:"Longest time for one run (${default})."`

	steadyTraffic
	outputFlags
}

// Units of what is on the brokers' disks in the end, without replicas and the input: bytes a
// message.
const (
	diskUnit      = "own-B/message"
	diskTableUnit = "table-B/message"
)

// Run measures every codec.
func (c *compressionCmd) Run(ctx context.Context, o out) error { return c.perform(ctx, o, c) }

func (c *compressionCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if c.Repeat < 1 || len(c.Codecs) == 0 {
		return errors.New("--repeat must be at least 1, --codecs needs a value")
	}
	for _, kind := range c.Broker {
		r := &runner{out: o, program: program, timeout: c.Timeout}
		err := c.on(ctx, r, kind, results)
		r.close()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *compressionCmd) on(ctx context.Context, r *runner, kind string, results *report) error {
	for _, pages := range c.Backlogs {
		s := scenario{broker: kind, pages: pages, traffic: trafficUniform, partitions: c.Partitions, messages: c.Messages}
		name := "bench-compression-" + s.String()
		if err := c.start(ctx, r, kind); err != nil {
			return err
		}
		r.say("%s: sends %s messages", s, thousands(s.messages))
		b, err := produceBacklog(ctx, r.cluster, name+"-input", s, s.messages)
		if err != nil {
			return err
		}
		if kind == brokerKafka { // Java compiles what runs often
			for _, codec := range c.Codecs {
				if err := c.backlog(ctx, r, b, name+"-warm-"+codec, codec, newRun("(warm-up)")); err != nil {
					return err
				}
			}
		}
		if err := c.each(ctx, r, results, func(codec string, n int) (*run, error) {
			res := newRun("Compression", "broker", kind, "pages", pages, "rate", "max", "codec", codec)
			return res, c.backlog(ctx, r, b, fmt.Sprintf("%s-%s-%d", name, codec, n), codec, res)
		}); err != nil {
			return err
		}
		if err := r.cluster.deleteTopics(ctx, name); err != nil {
			return err
		}
	}
	for _, rate := range c.Rates {
		if err := c.start(ctx, r, kind); err != nil {
			return err
		}
		if err := c.each(ctx, r, results, func(codec string, n int) (*run, error) {
			res := newRun("Compression", "broker", kind, "pages", c.Pages, "rate", rate, "codec", codec)
			return res, c.steady(ctx, r, fmt.Sprintf("bench-compression-%d-%s-%d", rate, codec, n), codec, rate, res)
		}); err != nil {
			return err
		}
	}
	return nil
}

// start starts the cluster, if there is none yet.
func (c *compressionCmd) start(ctx context.Context, r *runner, kind string) (err error) {
	if r.cluster == nil {
		r.cluster, err = startCluster(ctx, kind)
	}
	return err
}

// each measures all codecs in turn, so that what changes on the machine meets all of them.
func (c *compressionCmd) each(ctx context.Context, r *runner, results *report, once func(codec string, n int) (*run, error)) error {
	for n := range c.Repeat {
		for _, codec := range c.Codecs {
			res, err := once(codec, n)
			if err != nil {
				res.fail("%v", err)
			}
			r.say("%s: %.2f s/M, broker %.2f s/M, %.1f B/message%s", res.name, res.get("cpu-s/M"), res.get("broker-cpu-s/M"), res.get(diskUnit), verdict(res))
			results.add(res)
		}
	}
	return ctx.Err()
}

// backlog is one run at full speed.
func (c *compressionCmd) backlog(ctx context.Context, r *runner, b *backlog, prefix, codec string, res *run) error {
	limited, cancel := within(ctx, c.Timeout)
	defer cancel()
	if err := r.runPipeline(limited, b, prefix, res, "--compression-type", codec); err != nil {
		return err
	}
	if err := onDisk(ctx, r.cluster, prefix, b.messages, res); err != nil {
		return err
	}
	return r.cluster.deleteTopics(ctx, prefix)
}

// steady is one run at a rate.
func (c *compressionCmd) steady(ctx context.Context, r *runner, prefix, codec string, rate int, res *run) error {
	s, err := c.begin(ctx, r.cluster, r.program, prefix, "--roles", "ingest,heat,rank", "--compression-type", codec)
	if err != nil {
		return err
	}
	defer s.close()
	idle := idleCmd{steadyTraffic: c.steadyTraffic}
	var used usage
	var created [][]time.Time
	var want *harness.Recount
	both, during := errgroup.WithContext(s.ctx)
	both.Go(func() (err error) {
		used, err = idle.during(during, s)
		return err
	})
	both.Go(func() (err error) {
		created, want, err = c.send(during, r.cluster, s.site.Input, rate)
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	if _, err := s.boards.First(s.ctx, func(b *harness.Board) bool { return b.Covers(endsOf(created)) }); err != nil {
		return err
	}
	compare(res, s.boards, want, harness.DefaultTop)
	measured := float64(rate) * c.For.Seconds() / 1e6
	res.set("cpu-s/M", used.instance.Seconds()/measured)
	res.set("broker-cpu-s/M", used.broker.Seconds()/measured)
	all, err := latencies(created, created[0][0].Add(c.Warmup), boardTimes(s.boards.Seen(), created))
	if err != nil {
		return err
	}
	res.set("p50-ms", quantile(all, 0.5))
	res.set("p99-ms", quantile(all, 0.99))
	if err := onDisk(ctx, r.cluster, prefix, want.Counted, res, s.site.Input); err != nil {
		return err
	}
	return s.end()
}

// onDisk sets what the topics with a prefix take on the disks of the brokers, except some.
func onDisk(ctx context.Context, c *cluster, prefix string, messages int64, res *run, except ...string) error {
	dirs, err := c.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return fmt.Errorf("asking for the sizes of topics: %w", err)
	}
	all, table := int64(0), int64(0)
	for _, broker := range dirs {
		for _, dir := range broker {
			for topic, partitions := range dir.Topics {
				if len(topic) < len(prefix) || topic[:len(prefix)] != prefix || slices.Contains(except, topic) {
					continue
				}
				for _, p := range partitions {
					all += p.Size
					if topic == prefix+"-heat-table" {
						table += p.Size
					}
				}
			}
		}
	}
	res.set(diskUnit, float64(all)/float64(messages))
	res.set(diskTableUnit, float64(table)/float64(messages))
	return nil
}
