package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// allCmd runs several benchmarks, one after the other, and judges them together.
type allCmd struct {
	Dir string `default:".cache/bench" help:"Where results, curves and profiles go (${default})."`
	Set string `default:"compare" enum:"compare,short,rest" help:"compare: all contenders in all scenarios, latency and pages. short: only what a target is for. rest: growth, the linger, pages on disk, profiles, ten million pages (${default})."`
}

// part is one call of bench.
type part struct {
	name    string
	minutes int // that it takes on two cores, about
	call    string
	// curves is whether it has some to draw, profiles whether it writes some, own
	// whether it builds the program itself.
	curves, profiles, own bool
}

// parts are what is measured.
func (c *allCmd) parts() []part {
	switch c.Set {
	case "short":
		return []part{
			{name: "throughput", minutes: 7, call: "throughput --broker kafka --partitions 3 --cases ceiling,one --repeat 3"},
			{name: "goka", minutes: 2, call: "throughput --broker kafka --partitions 3 --pages 10000 --traffic uniform --cases ceiling,goka,one --repeat 3"},
			{name: "latency", minutes: 4, call: "latency --broker kafka --lingers 5ms --repeat 3"},
			{name: "pages", minutes: 2, call: "pages --broker kafka"},
			{name: "streams", minutes: 8, call: "streams --broker kafka", own: true},
		}
	case "rest":
		return []part{
			{name: "growth", minutes: 5, call: "growth", curves: true},
			{name: "sweep", minutes: 6, call: "latency --broker kafka --rates 2000,10000,50000,100000 --lingers 1ms,5ms,20ms,50ms --for 10s", curves: true},
			{name: "disk", minutes: 3, call: "throughput --broker kafka --partitions 3 --pages 10000,1000000 --cases ceiling,one,disk"},
			{name: "profiles", minutes: 2, call: "throughput --broker kafka --partitions 3 --traffic uniform --cases one", profiles: true},
			{name: "profiles-steady", minutes: 2, call: "latency --broker kafka --rates 2000,50000 --lingers 5ms --for 10s", profiles: true},
			{name: "ten-million", minutes: 8, call: "pages --broker kafka --pages 10000000 --restores 1 --no-pauses"},
		}
	default:
		return []part{
			{name: "throughput", minutes: 11, call: "throughput"},
			{name: "latency", minutes: 2, call: "latency --lingers 5ms"},
			{name: "pages", minutes: 2, call: "pages"},
		}
	}
}

// Run runs the parts. One that fails does not keep the others from running.
func (c *allCmd) Run(ctx context.Context, o out) error {
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return fmt.Errorf("making the directory of results: %w", err)
	}
	program, clean, err := (&outputFlags{}).build(ctx, &profiles{})
	if err != nil {
		return err
	}
	defer clean()
	parts := c.parts()
	left := 0
	for _, p := range parts {
		left += p.minutes
	}
	var failed []error
	together := newReport()
	for i, p := range parts {
		o.say("=== %d of %d: %s, about %d minutes; about %d until the end", i+1, len(parts), p.name, p.minutes, left)
		began := time.Now()
		results, err := c.run(ctx, o, p, program)
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !p.profiles { // a profile slows down what it is of
			together.add(results)
		}
		o.say("    took %v", time.Since(began).Round(time.Second))
		left -= p.minutes
	}
	failed = append(failed, together.write(filepath.Join(c.Dir, "results.json")))
	o.say("=== results are in %s", c.Dir)
	if _, err := fmt.Fprintf(o.results, "\nall targets\n"); err != nil {
		return fmt.Errorf("printing the results: %w", err)
	}
	judged := together.judge()
	failed = append(failed, printJudgements(o.results, judged), missed(judged))
	return errors.Join(failed...)
}

// run runs one part, and draws what it has curves of. The results are there also
// where it failed, as far as it came.
func (c *allCmd) run(ctx context.Context, o out, p part, program string) (*report, error) {
	file := filepath.Join(c.Dir, p.name+".json")
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &report{}, fmt.Errorf("removing earlier results: %w", err)
	}
	args := append(strings.Fields(p.call), "--no-gate", "--json", file)
	profiles := filepath.Join(c.Dir, p.name)
	switch {
	case p.profiles:
		if err := os.RemoveAll(profiles); err != nil {
			return &report{}, fmt.Errorf("removing earlier profiles: %w", err)
		}
		args = append(args, "--profile", profiles)
	case !p.own:
		args = append(args, "--program", program)
	}
	var failed error
	if code := run(ctx, args, o.results, o.progress); code != 0 {
		failed = fmt.Errorf("bench %s: exit code %d", p.call, code)
	}
	results, err := readReport(file)
	if err != nil {
		return &report{}, errors.Join(failed, err)
	}
	switch {
	case p.profiles:
		err = (&hotspotsCmd{Dir: profiles}).Run(o)
	case p.curves:
		err = (&plotCmd{Results: file, SVG: filepath.Join(c.Dir, p.name+".svg")}).Run()
	}
	return results, errors.Join(failed, err)
}

// add takes over another report's runs.
func (r *report) add(other *report) {
	r.Throughput = append(r.Throughput, other.Throughput...)
	r.Latency = append(r.Latency, other.Latency...)
	r.Pages = append(r.Pages, other.Pages...)
	r.Growth = append(r.Growth, other.Growth...)
	r.Streams = append(r.Streams, other.Streams...)
}
