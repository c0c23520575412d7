package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The contenders.
const (
	caseCeiling = "ceiling" // a plain consumer: parse, and sum in a map
	caseGoka    = "goka"    // goka, as in its examples
	caseOne     = "one"     // pageheat run, one process
	caseDisk    = "disk"    // the same with its pages on disk
	caseFive    = "five"    // one with four further boards
)

// throughputCmd measures how fast contenders count a backlog.
type throughputCmd struct {
	Broker     []string      `default:"kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Cases      []string      `default:"ceiling,goka,one" help:"Contenders (${default}); disk and five, too."`
	Pages      []int         `default:"100,10000,1000000" help:"Numbers of pages (${default})."`
	Traffic    []string      `default:"uniform,zipf" help:"How pages are visited (${default})."`
	Partitions []int32       `default:"3" help:"Numbers of partitions (${default})."`
	Messages   int64         `default:"5000000" help:"Size of the backlog (${default}); that of goka is a 25th."`
	Repeat     int           `default:"1" help:"Runs of each (${default}); the table shows medians."`
	Timeout    time.Duration `default:"5m" help:"Longest time for one run (${default})."`
	Profile    string        `placeholder:"DIR" help:"Write pageheat's profiles of processor time and memory there."`
	Quick      bool          `help:"A smoke test: a little of every benchmark on the embedded broker."`

	outputFlags
}

// runner runs contenders on one cluster after the other.
type runner struct {
	out
	program    string
	cluster    *cluster
	shape      shape
	timeout    time.Duration
	profileDir string // empty for none
	warming    bool
}

// Run measures every scenario.
func (c *throughputCmd) Run(ctx context.Context, o out) error {
	if c.Quick {
		return c.perform(ctx, o, quick()...)
	}
	return c.perform(ctx, o, c)
}

func (c *throughputCmd) validate() error {
	known := []struct {
		flag          string
		values, known []string
	}{
		{"broker", c.Broker, []string{brokerEmbedded, brokerKafka}},
		{"cases", c.Cases, []string{caseCeiling, caseGoka, caseOne, caseDisk, caseFive}},
		{"traffic", c.Traffic, []string{trafficUniform, trafficZipf}},
	}
	for _, k := range known {
		for _, v := range k.values {
			if !slices.Contains(k.known, v) {
				return fmt.Errorf("--%s: %q: choose among %s", k.flag, v, strings.Join(k.known, ", "))
			}
		}
	}
	if c.Messages < 1 || c.Repeat < 1 {
		return errors.New("--messages and --repeat must be at least 1")
	}
	return nil
}

func (c *throughputCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if err := c.validate(); err != nil {
		return err
	}
	for _, kind := range c.Broker {
		r := &runner{out: o, program: program, timeout: c.Timeout, profileDir: c.Profile}
		for _, pages := range c.Pages {
			for _, visited := range c.Traffic {
				for _, partitions := range c.Partitions {
					s := scenario{broker: kind, pages: pages, traffic: visited, partitions: partitions, messages: c.Messages}
					if err := c.compete(ctx, r, s, results); err != nil {
						r.close()
						return err
					}
					if kind == brokerEmbedded { // which keeps everything in memory
						r.close()
					}
				}
			}
		}
		r.close()
	}
	return nil
}

// close ends the cluster, if there is one.
func (r *runner) close() {
	if r.cluster != nil {
		r.cluster.close()
		r.cluster = nil
	}
}

// compete runs all contenders of one scenario.
func (c *throughputCmd) compete(ctx context.Context, r *runner, s scenario, results *report) error {
	name := "bench-" + s.String()
	full, err := r.prepare(ctx, s, name)
	if err != nil {
		return err
	}
	less := full
	if slices.Contains(c.Cases, caseGoka) {
		// goka would take minutes for all of them.
		if less, err = produceBacklog(ctx, r.cluster, name+"-input-goka", s, max(s.messages/25, 1)); err != nil {
			return err
		}
	}
	for _, contender := range c.Cases {
		b := full
		if contender == caseGoka {
			b = less
		}
		for n := range c.Repeat {
			res := s.run(contender)
			if err := r.once(ctx, contender, b, fmt.Sprintf("%s-%s-%d", name, contender, n), res); err != nil {
				return err
			}
			results.add(res)
		}
	}
	return r.cluster.deleteTopics(ctx, name+"-input")
}

// prepare starts the cluster if there is none yet, and produces a scenario's backlog. It reads the
// backlog once, so no contender is the first reader. It warms up a new Apache Kafka.
func (r *runner) prepare(ctx context.Context, s scenario, name string) (*backlog, error) {
	cold := r.cluster == nil && s.broker == brokerKafka
	if r.cluster == nil {
		var err error
		if r.cluster, err = startCluster(ctx, s.broker); err != nil {
			return nil, err
		}
	}
	r.say("%s: sends %s messages", s, thousands(s.messages))
	b, err := produceBacklog(ctx, r.cluster, name+"-input", s, s.messages)
	if err != nil {
		return nil, err
	}
	if err := r.cluster.readAll(ctx, b.topic, func(*kgo.Record) error { return nil }); err != nil {
		return nil, err
	}
	if cold {
		return b, r.warm(ctx, b, name+"-warm")
	}
	return b, nil
}

// warmUps is the number of unmeasured runs of pageheat on a new broker. Real brokers run for weeks,
// and their JVM has compiled its hot code long ago. In the first runs, compilation takes more CPU
// time than everything else; in later ones it decreases.
const warmUps = 24

// warm runs pageheat a few times without measuring.
func (r *runner) warm(ctx context.Context, b *backlog, prefix string) error {
	unmeasured := *r
	unmeasured.profileDir, unmeasured.warming, unmeasured.shape = "", true, shape{}
	for n := range warmUps {
		if err := unmeasured.once(ctx, caseOne, b, fmt.Sprintf("%s-%d", prefix, n), newRun("(warm-up)")); err != nil {
			return err
		}
	}
	return nil
}

// once runs one contender; its topics have the prefix. A failure is a wrong result.
func (r *runner) once(ctx context.Context, contender string, b *backlog, prefix string, res *run) error {
	limited, cancel := within(ctx, r.timeout)
	defer cancel()
	var err error
	switch contender {
	case caseCeiling:
		err = r.runCeiling(limited, b, res)
	case caseGoka:
		err = r.runGoka(limited, b, prefix+"-", res)
	case caseDisk:
		err = r.runDisk(limited, b, prefix, res)
	case caseFive:
		err = r.runFive(limited, b, prefix, res)
	default:
		err = r.runPipeline(limited, b, prefix, res)
	}
	if err != nil {
		res.fail("%v", err)
	}
	r.say("  %-60s %12s messages/s%s", res.name, figure(res.get(rateUnit)), verdict(res))
	return r.cluster.deleteTopics(ctx, prefix)
}
