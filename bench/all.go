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

// allCmd runs several benchmarks one after the other, and judges them together.
type allCmd struct {
	Dir string `default:".cache/bench" help:"Where results and curves go (${default})."`
	Set string `default:"compare" enum:"compare,short,rest" help:"compare: throughput in all scenarios, latency and pages. short: all that a target is for, several times. rest: growth, the linger, pages on disk, ten million pages (${default})."`
}

// part is one call of bench.
type part struct {
	name    string
	minutes int // approximate duration on two cores
	call    string
	curves  bool // whether it has curves
}

// parts are the parts of each set.
func (c *allCmd) parts() []part {
	switch c.Set {
	case "short":
		return []part{
			{name: "throughput", minutes: 8, call: "throughput --cases ceiling,one --repeat 3"},
			{name: "goka", minutes: 3, call: "throughput --pages 10000 --traffic uniform --repeat 3"},
			{name: "latency", minutes: 3, call: "latency --repeat 3"},
			{name: "five", minutes: 4, call: "throughput --pages 1000000 --traffic uniform --cases one,five --repeat 3"},
			{name: "five-latency", minutes: 8, call: "latency --rates 50000 --pages 1000000 --five --preload --for 40s --repeat 3"},
			{name: "pages", minutes: 2, call: "pages"},
			{name: "streams", minutes: 8, call: "streams"},
		}
	case "rest":
		return []part{
			{name: "growth", minutes: 5, call: "growth", curves: true},
			{name: "sweep", minutes: 6, call: "latency --rates 2000,10000,50000,100000 --lingers 1ms,5ms,20ms,50ms --for 10s", curves: true},
			{name: "disk", minutes: 3, call: "throughput --pages 10000,1000000 --cases ceiling,one,disk"},
			{name: "ten-million", minutes: 8, call: "pages --pages 10000000 --restores 1 --no-pauses"},
		}
	default:
		return []part{
			{name: "throughput", minutes: 6, call: "throughput"},
			{name: "latency", minutes: 1, call: "latency"},
			{name: "pages", minutes: 2, call: "pages"},
		}
	}
}

// Run runs the parts. If one fails, the others still run.
func (c *allCmd) Run(ctx context.Context, o out) error {
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return fmt.Errorf("making the directory of results: %w", err)
	}
	program, clean, err := (&outputFlags{}).build(ctx)
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
	together := &report{}
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
		together.add(results.runs...)
		o.say("    took %v", time.Since(began).Round(time.Second))
		left -= p.minutes
	}
	failed = append(failed, together.write(filepath.Join(c.Dir, "results.txt")))
	o.say("=== results are in %s", c.Dir)
	judged := judge(together)
	failed = append(failed, printJudgements(o.results, judged), missed(judged))
	return errors.Join(failed...)
}

// run runs one part and draws its curves. A failed part leaves the results that it has so far.
func (c *allCmd) run(ctx context.Context, o out, p part, program string) (*report, error) {
	file := filepath.Join(c.Dir, p.name+".txt")
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &report{}, fmt.Errorf("removing earlier results: %w", err)
	}
	var failed error
	if code := execute(ctx, append(strings.Fields(p.call), "--no-gate", "--out", file, "--program", program), o.results, o.progress); code != 0 {
		failed = fmt.Errorf("bench %s: exit code %d", p.call, code)
	}
	results, err := readReport(file)
	if err != nil {
		return &report{}, errors.Join(failed, err)
	}
	if p.curves {
		err = (&plotCmd{Results: file, SVG: filepath.Join(c.Dir, p.name+".svg")}).Run()
	}
	return results, errors.Join(failed, err)
}
