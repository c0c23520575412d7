package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// growthCmd measures the cost of growth: it varies one parameter, and the others keep their
// first values.
type growthCmd struct {
	Broker     string        `default:"kafka" enum:"embedded,kafka" help:"Broker to measure on: embedded, kafka (${default})."`
	Partitions []int32       `default:"3,12,48" help:"Partitions of the input and of the table (${default})."`
	Inputs     []int32       `default:"3,48,256" help:"Partitions of the input alone, each of which is in every progress (${default})."`
	Tops       []int         `default:"10,100,1000" help:"Pages of the board (${default})."`
	Instances  []int         `default:"1,2,3" help:"Instances, all on this machine (${default})."`
	Pages      int           `default:"10000" help:"Number of pages (${default})."`
	Messages   int64         `default:"5000000" help:"Size of the backlog (${default})."`
	Repeat     int           `default:"1" help:"Runs of each (${default}); the table shows medians."`
	Timeout    time.Duration `default:"5m" help:"Longest time for one run (${default})."`

	outputFlags
}

// The parameters.
const (
	growPartitions = "partitions"
	growInputs     = "input-partitions"
	growTop        = "pages-of-the-board"
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
	plain := shape{tablePartitions: base, top: c.Tops[0], instances: c.Instances[0]}
	var all []grown
	for _, n := range c.Partitions {
		s := plain
		s.tablePartitions = n
		all = append(all, grown{growPartitions, int(n), n, s})
	}
	for _, n := range c.Inputs {
		all = append(all, grown{growInputs, int(n), n, plain})
	}
	for _, n := range c.Tops {
		s := plain
		s.top = n
		all = append(all, grown{growTop, n, base, s})
	}
	for _, n := range c.Instances {
		s := plain
		s.instances = n
		all = append(all, grown{growInstances, n, base, s})
	}
	return all
}

// Run measures every point.
func (c *growthCmd) Run(ctx context.Context, o out) error { return c.perform(ctx, o, c) }

func (c *growthCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if len(c.Partitions) == 0 || len(c.Tops) == 0 || len(c.Instances) == 0 || c.Repeat < 1 || c.Messages < 1 {
		return errors.New("--partitions, --tops and --instances need a value, --repeat and --messages must be at least 1")
	}
	r := &runner{out: o, program: program, timeout: c.Timeout}
	defer r.close()
	points := c.points()
	// Points with the same input and shape are measured once, even if they are on several
	// curves; a point without a shape is the bare consumer.
	measured := make(map[grown][]*run)
	key := func(p grown) grown { return grown{inputs: p.inputs, shape: p.shape} }
	bare := func(p grown) grown { return grown{inputs: p.inputs} }
	for _, first := range points {
		if measured[bare(first)] != nil {
			continue
		}
		// One backlog after the other, each for all points with its partitions.
		s := scenario{broker: c.Broker, pages: c.Pages, traffic: trafficUniform, partitions: first.inputs, messages: c.Messages}
		name := fmt.Sprintf("bench-growth-%d", first.inputs)
		b, err := r.prepare(ctx, s, name)
		if err != nil {
			return err
		}
		repeat := func(contender string, k grown) error {
			r.shape = k.shape
			for range c.Repeat {
				res := s.run(contender)
				// Names of runs are unique: groups outlive their topics.
				if err := r.once(ctx, contender, b, fmt.Sprintf("%s-%s-%d-%d", name, contender, len(measured), len(measured[k])), res); err != nil {
					return err
				}
				measured[k] = append(measured[k], res)
			}
			return nil
		}
		if err := repeat(caseCeiling, bare(first)); err != nil {
			return err
		}
		for _, p := range points {
			if p.inputs == first.inputs && measured[key(p)] == nil {
				if err := repeat(caseOne, key(p)); err != nil {
					return err
				}
			}
		}
		if err := r.cluster.deleteTopics(ctx, b.topic); err != nil {
			return err
		}
	}
	for _, p := range points {
		for i, res := range measured[key(p)] {
			point := &run{name: fmt.Sprintf("Growth/broker=%s/pages=%d/against=%s/n=%d", c.Broker, c.Pages, p.what, p.n), values: slices.Clip(res.values), wrong: slices.Clip(res.wrong)}
			ceiling := measured[bare(p)][i]
			point.set(ceilingUnit, ceiling.get(rateUnit))
			point.wrong = append(point.wrong, ceiling.wrong...)
			results.add(point)
		}
	}
	return nil
}
