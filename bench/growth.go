package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
)

// growthCmd measures what it costs to have more of something: one thing grows,
// everything else stays at its first value.
type growthCmd struct {
	Broker     string        `default:"kafka" enum:"embedded,kafka" help:"Broker to measure on: embedded, kafka (${default})."`
	Partitions []int32       `default:"3,12,48" help:"Partitions of the input and of the table (${default})."`
	Inputs     []int32       `default:"3,48,256" help:"Partitions of the input alone, each of which is in every progress (${default})."`
	Tops       []int         `default:"10,100,1000" help:"Pages of the board (${default})."`
	Instances  []int         `default:"1,2,3" help:"Instances, all on this machine (${default})."`
	Pages      int           `default:"10000" help:"Number of pages (${default})."`
	Messages   int64         `default:"5000000" help:"Size of the backlog (${default})."`
	Repeat     int           `default:"1" help:"Runs of each; the table shows the one with the median rate."`
	Audit      bool          `default:"true" negatable:"" help:"Have pageheat audit check every page after each run (default)."`
	Timeout    time.Duration `default:"5m" help:"Longest time for one run (${default})."`

	outputFlags
}

// shape is how large pageheat is in a run; the zero value is one process with its
// defaults.
type shape struct {
	// TablePartitions are those of the table, 0: as many as the input has.
	TablePartitions int32 `json:"table_partitions,omitempty"`
	// Top is the number of pages on the board, 0: ten.
	Top int `json:"top,omitempty"`
	// Instances is the number of processes, 0: one.
	Instances int `json:"instances,omitempty"`
}

// create are the flags of "pageheat topics create".
func (s shape) create() []string {
	if s.TablePartitions == 0 {
		return nil
	}
	return []string{"--partitions", strconv.Itoa(int(s.TablePartitions))}
}

// run are the flags of "pageheat run".
func (s shape) run() []string {
	if s.Top == 0 {
		return nil
	}
	return []string{"--top", strconv.Itoa(s.Top)}
}

// top is the number of pages on the board.
func (s shape) top() int {
	if s.Top == 0 {
		return harness.DefaultTop
	}
	return s.Top
}

// What can grow.
const (
	growPartitions = "partitions"
	growInputs     = "input partitions"
	growTop        = "pages of the board"
	growInstances  = "instances"
)

// grown is one point of one curve.
type grown struct {
	what   string
	n      int
	inputs int32
	shape  shape
}

// points are all points of all curves.
func (c *growthCmd) points() []grown {
	base := c.Partitions[0]
	plain := shape{TablePartitions: base, Top: c.Tops[0], Instances: c.Instances[0]}
	var all []grown
	for _, n := range c.Partitions {
		s := plain
		s.TablePartitions = n
		all = append(all, grown{growPartitions, int(n), n, s})
	}
	for _, n := range c.Inputs {
		all = append(all, grown{growInputs, int(n), n, plain})
	}
	for _, n := range c.Tops {
		s := plain
		s.Top = n
		all = append(all, grown{growTop, n, base, s})
	}
	for _, n := range c.Instances {
		s := plain
		s.Instances = n
		all = append(all, grown{growInstances, n, base, s})
	}
	return all
}

// growthResult is one run at one point.
type growthResult struct {
	What string `json:"what"`
	N    int    `json:"n"`
	result
	shape
	// Ceiling is the median rate of a bare consumer of the same topic.
	Ceiling float64 `json:"ceiling"`
}

func (g *growthResult) key() string { return fmt.Sprintf("%s, %s %d", g.Broker, g.What, g.N) }

// growthMedians are the runs with the median rate, one for each point.
func growthMedians(all []*growthResult) []*growthResult {
	return mediansOf(all, (*growthResult).key, func(g *growthResult) float64 { return g.Rate })
}

// Run measures every point.
func (c *growthCmd) Run(ctx context.Context, o out) error {
	results := newReport()
	if err := c.measure(ctx, o, results); err != nil {
		return err
	}
	return c.finish(o, results)
}

func (c *growthCmd) measure(ctx context.Context, o out, results *report) error {
	if len(c.Partitions) == 0 || len(c.Tops) == 0 || len(c.Instances) == 0 || c.Repeat < 1 || c.Messages < 1 {
		return errors.New("--partitions, --tops and --instances need a value, --repeat and --messages must be at least 1")
	}
	program, clean, err := c.build(ctx, &profiles{})
	if err != nil {
		return err
	}
	defer clean()
	broker, err := startCluster(ctx, c.Broker)
	if err != nil {
		return err
	}
	defer broker.close()
	r := &runner{out: o, program: program, cluster: broker, audit: c.Audit, profiles: &profiles{}}
	points := c.points()
	measured := make(map[grown][]*result) // by inputs and shape
	ceilings := make(map[int32]float64)
	// One backlog after the other, each for all points that have its partitions.
	for _, first := range points {
		if _, done := ceilings[first.inputs]; done {
			continue
		}
		cold := len(ceilings) == 0 && c.Broker == brokerKafka
		if ceilings[first.inputs], err = c.backlog(ctx, r, first.inputs, points, cold, measured); err != nil {
			return err
		}
	}
	for _, p := range points {
		for _, res := range measured[grown{inputs: p.inputs, shape: p.shape}] {
			results.Growth = append(results.Growth, &growthResult{What: p.what, N: p.n, result: *res, shape: p.shape, Ceiling: ceilings[p.inputs]})
		}
	}
	return nil
}

// backlog measures all points whose input has so many partitions, each shape once
// whatever number of curves it is a point of. It returns the ceiling's median rate.
func (c *growthCmd) backlog(ctx context.Context, r *runner, inputs int32, points []grown, cold bool, measured map[grown][]*result) (float64, error) {
	s := scenario{Broker: c.Broker, Pages: c.Pages, Traffic: trafficUniform, Partitions: inputs, Messages: c.Messages}
	r.say("%s: sends %s messages", s, thousands(s.Messages))
	name := "bench-growth-" + strconv.Itoa(int(inputs))
	b, err := produceBacklog(ctx, r.cluster, name+"-input", s, s.Messages)
	if err != nil {
		return 0, err
	}
	if err := readAll(ctx, r.cluster, b.topic, func(*kgo.Record) error { return nil }); err != nil {
		return 0, err
	}
	runs := &throughputCmd{Timeout: c.Timeout}
	if cold {
		if err := runs.warm(ctx, r, b, name+"-warm"); err != nil {
			return 0, err
		}
	}
	runsBefore := 0
	repeat := func(contender, label string) ([]*result, error) {
		var all []*result
		for range c.Repeat {
			// No two runs share a name: groups outlive their topics.
			runsBefore++
			prefix := fmt.Sprintf("%s-%s-%d", name, contender, runsBefore)
			res := runs.once(ctx, r, contender, b, prefix)
			res.scenario, res.Case = s, contender
			all = append(all, res)
			r.say("  %-24s %12s messages/s%s", label, thousands(int64(res.Rate)), verdict(res.Wrong))
			if err := r.cluster.deleteTopics(ctx, prefix); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	ceilings, err := repeat(caseCeiling, caseCeiling)
	if err != nil {
		return 0, err
	}
	for _, p := range points {
		key := grown{inputs: p.inputs, shape: p.shape}
		if p.inputs != inputs || measured[key] != nil {
			continue
		}
		r.shape = p.shape
		if measured[key], err = repeat(caseOne, fmt.Sprintf("%s %d", p.what, p.n)); err != nil {
			return 0, err
		}
	}
	r.shape = shape{}
	return medians(ceilings)[0].Rate, r.cluster.deleteTopics(ctx, b.topic)
}

func (r *report) printGrowth(w io.Writer) error {
	all := growthMedians(r.Growth)
	var t table
	first := &growthResult{}
	for i, g := range all {
		if g.What != first.What {
			if i > 0 {
				if err := t.end(); err != nil {
					return err
				}
			}
			first, t = g, newTable(w)
			if _, err := fmt.Fprintf(w, "\nagainst %s: %s, %s pages, %s messages\n", g.What, g.Broker,
				thousands(int64(g.Pages)), thousands(g.Messages)); err != nil {
				return fmt.Errorf("printing the results: %w", err)
			}
			t.row("", "messages/s", "of first", "2nd half", "of first", "ceiling", "of first", "of ceiling", "cpu s/M", "broker s/M", "MiB", "load", "")
		}
		t.row(strconv.Itoa(g.N), rate(g.Rate), ratio(g.Rate, first.Rate), rate(g.SecondHalf), ratio(g.SecondHalf, first.SecondHalf), rate(g.Ceiling), ratio(g.Ceiling, first.Ceiling),
			ratio(g.Rate, g.Ceiling), number(g.CPU, "%.2f"), number(g.BrokerCPU, "%.2f"), number(g.Peak, "%.0f"),
			fmt.Sprintf("%.1f", g.Load), exactness(g.Wrong))
	}
	if len(all) == 0 {
		return nil
	}
	return t.end()
}
