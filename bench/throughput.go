package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// throughputCmd measures how fast a backlog is counted.
type throughputCmd struct {
	Broker     []string `default:"embedded,kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Cases      []string `default:"ceiling,franz,goka,one,two" help:"Contenders (${default}); disk, too."`
	Pages      []int    `default:"100,10000,1000000" help:"Numbers of pages (${default})."`
	Traffic    []string `default:"uniform,zipf" help:"How pages are visited (${default})."`
	Partitions []int32  `default:"3,12" help:"Numbers of partitions (${default})."`
	Messages   int64    `default:"5000000" help:"Size of the backlog (${default})."`
	// goka alone would take minutes for a backlog of the others' size.
	GokaMessages int64         `placeholder:"N" help:"Backlog of goka alone; by default a 25th of the others'."`
	Repeat       int           `default:"1" help:"Runs of each; the table shows the one with the median rate."`
	Serve        bool          `help:"Run pageheat with the role serve, too."`
	Audit        bool          `default:"true" negatable:"" help:"Have pageheat audit check every page after each run (default)."`
	Timeout      time.Duration `default:"5m" help:"Longest time for one run (${default})."`

	outputFlags
	Profile string `placeholder:"DIR" help:"Write pageheat's profiles of processor time and memory there."`
	Quick   bool   `help:"A smoke test: few messages, the embedded broker, latency and pages too."`
}

// runner measures on one cluster after the other.
type runner struct {
	out
	program  string
	cluster  *cluster
	serve    bool
	audit    bool
	profiles *profiles
	shape    shape
}

// Run measures every scenario.
func (c *throughputCmd) Run(ctx context.Context, o out) error {
	if c.Quick {
		return quick(ctx, o, c.outputFlags)
	}
	results := newReport()
	if err := c.measure(ctx, o, results); err != nil {
		return err
	}
	return c.finish(o, results)
}

func (c *throughputCmd) validate() error {
	known := []struct {
		flag          string
		values, known []string
	}{
		{"broker", c.Broker, []string{brokerEmbedded, brokerKafka}},
		{"cases", c.Cases, []string{caseCeiling, caseFranz, caseGoka, caseOne, caseTwo, caseDisk}},
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

// measure adds what it measures to the results, also where it ends with an error.
func (c *throughputCmd) measure(ctx context.Context, o out, results *report) error {
	if err := c.validate(); err != nil {
		return err
	}
	r := &runner{out: o, serve: c.Serve, audit: c.Audit, profiles: &profiles{dir: c.Profile}}
	program, clean, err := c.build(ctx, r.profiles)
	if err != nil {
		return err
	}
	defer clean()
	r.program = program
	for _, s := range c.scenarios() {
		cold := false
		// An embedded broker keeps all in memory: each scenario gets a new one.
		if r.cluster == nil || s.Broker == brokerEmbedded || s.Broker != r.cluster.kind {
			if r.cluster != nil {
				r.cluster.close()
			}
			if r.cluster, err = startCluster(ctx, s.Broker); err != nil {
				return err
			}
			cold = s.Broker == brokerKafka
		}
		if err := c.compete(ctx, r, s, "bench-"+s.slug(), cold, results); err != nil {
			r.cluster.close()
			return err
		}
	}
	if r.cluster != nil {
		r.cluster.close()
	}
	return nil
}

// compete runs all contenders of one scenario.
func (c *throughputCmd) compete(ctx context.Context, r *runner, s scenario, name string, cold bool, results *report) error {
	r.say("%s: sends %s messages", s, thousands(s.Messages))
	inputs := name + "-input"
	full, err := produceBacklog(ctx, r.cluster, inputs, s, s.Messages)
	if err != nil {
		return err
	}
	less := full
	if slices.Contains(c.Cases, caseGoka) {
		n := c.GokaMessages
		if n == 0 {
			n = max(s.Messages/25, 1)
		}
		if less, err = produceBacklog(ctx, r.cluster, inputs+"-goka", s, n); err != nil {
			return err
		}
	}
	// Nobody shall be the first that the broker reads for.
	if err := readAll(ctx, r.cluster, full.topic, func(*kgo.Record) error { return nil }); err != nil {
		return err
	}
	if cold {
		// Java compiles what runs often: the first to use transactions would pay for all.
		if err := c.warm(ctx, r, full, name+"-warm"); err != nil {
			return err
		}
	}
	for _, contender := range c.Cases {
		for run := range c.Repeat {
			b := full
			if contender == caseGoka {
				b = less
			}
			prefix := fmt.Sprintf("%s-%s-%d", name, contender, run)
			res := c.once(ctx, r, contender, b, prefix)
			res.scenario, res.Case = s, contender
			results.Throughput = append(results.Throughput, res)
			r.say("  %-8s %12s messages/s%s", contender, thousands(int64(res.Rate)), verdict(res.Wrong))
			if err := r.cluster.deleteTopics(ctx, prefix); err != nil {
				return err
			}
		}
	}
	return r.cluster.deleteTopics(ctx, inputs)
}

// warmUps is how often pageheat runs unmeasured on a broker that has just been started.
// Brokers are up for weeks, and their Java has long compiled what runs often: in the
// first runs that takes more processor time than all else, and in later ones it still
// goes on, less and less.
const warmUps = 24

// warm runs pageheat some times, unmeasured.
func (c *throughputCmd) warm(ctx context.Context, r *runner, b *backlog, prefix string) error {
	profiles, audit := r.profiles, r.audit
	r.profiles, r.audit = nil, false
	defer func() { r.profiles, r.audit = profiles, audit }()
	for i := range warmUps {
		prefix := fmt.Sprintf("%s-%d", prefix, i)
		res := c.once(ctx, r, caseOne, b, prefix)
		r.say("  (warm-up  %12s messages/s%s)", thousands(int64(res.Rate)), verdict(res.Wrong))
		if err := r.cluster.deleteTopics(ctx, prefix); err != nil {
			return err
		}
	}
	return nil
}

// verdict says on a person's line whether an answer was exact.
func verdict(wrong []string) string {
	if len(wrong) == 0 {
		return ""
	}
	return "  WRONG: " + strings.Join(wrong, "; ")
}

// once is one run of one contender. What fails is a wrong answer.
func (c *throughputCmd) once(ctx context.Context, r *runner, contender string, b *backlog, prefix string) *result {
	before := load()
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("it took longer than %v", c.Timeout))
	defer cancel()
	var res *result
	var err error
	switch contender {
	case caseCeiling:
		res, err = r.runSelf(ctx, b, prefix, "ceiling")
	case caseFranz:
		res, err = r.runSelf(ctx, b, prefix, "ceiling", "--franz")
	case caseGoka:
		res, err = r.runGoka(ctx, b, prefix+"-")
	case caseDisk:
		res, err = r.runDisk(ctx, b, prefix)
	default:
		processes := max(1, r.shape.Instances)
		if contender == caseTwo {
			processes = 2
		}
		res, err = r.runPipeline(ctx, b, prefix, processes)
	}
	if err != nil {
		res = &result{Counted: b.messages}
		res.wrong("%v", err)
	}
	res.Load = before
	millions := float64(res.Counted) / 1e6
	res.CPU /= millions
	res.BrokerCPU /= millions
	return res
}

// runSelf measures a process of bench that says itself when it has counted all.
func (r *runner) runSelf(ctx context.Context, b *backlog, prefix, name string, flags ...string) (*result, error) {
	logs := newWritten(r.cluster, prefix)
	broker := r.cluster.cpu()
	p, err := self(nil, append([]string{name, "--brokers", r.cluster.bootstrap(), "--topic", b.topic,
		"--messages", strconv.FormatInt(b.messages, 10)}, flags...)...)
	if err != nil {
		return nil, err
	}
	defer p.kill()
	text, err := p.output(ctx)
	if err != nil {
		return nil, err
	}
	var m measured
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("what %s says of itself: %w", p, err)
	}
	res := &result{Counted: b.messages, Durable: -1, CPU: m.CPU.Seconds(), Peak: mib(m.Peak),
		BrokerCPU: (r.cluster.cpu() - broker).Seconds()}
	res.times(p.began, m)
	if m.Counted != b.messages {
		res.wrong("it counts %d messages instead of %d", m.Counted, b.messages)
	}
	if name == caseCeiling && m.Digest != b.want.digest() {
		res.wrong("its sums are not those of a recount")
	}
	if err := logs.look(ctx); err != nil {
		return nil, err
	}
	res.Bytes = logs.per(b.messages)
	return res, nil
}
