package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"pageheat/traffic"
)

// produceCmd sends behaviours to the input.
type produceCmd struct {
	Rate  messageRate `placeholder:"N" help:"Messages a second, or max. If not given: 0 to 50 every 5 seconds, each printed."`
	Count int64       `placeholder:"N" help:"Number of messages to send. Sends until interrupted if not given."`
	File  string      `placeholder:"FILE" help:"File whose lines to send unchanged; - for standard input."`
	Seed  *uint64     `placeholder:"N" help:"Seed of the simulator: equal seeds send equal messages."`

	simulatorFlags
}

// simulatorFlags shape the simulated traffic.
type simulatorFlags struct {
	Pages int     `default:"100" help:"Number of simulated pages."`
	Zipf  float64 `default:"0" placeholder:"S" help:"Exponent of Zipf's law: page R gets 1/R^S of the visits of page 1; 0 for uniform traffic."`
}

// simulator checks the flags; a nil seed is one of its own.
func (f *simulatorFlags) simulator(seed *uint64) (*traffic.Simulator, error) {
	if err := checkTraffic(f.Pages, f.Zipf); err != nil {
		return nil, err
	}
	options := traffic.Options{Pages: f.Pages, Zipf: f.Zipf, Seed: rand.Uint64()}
	if seed != nil {
		options.Seed = *seed
	}
	return traffic.NewSimulator(options)
}

// checkTraffic checks the flags one by one, so that the error names the flag.
func checkTraffic(pages int, zipf float64) error {
	if pages == 0 {
		return badFlag("pages", "must be at least 1")
	}
	if err := (traffic.Options{Pages: pages}).Validate(); err != nil {
		return badFlag("pages", "%w", err)
	}
	if err := (traffic.Options{Zipf: zipf}).Validate(); err != nil {
		return badFlag("zipf", "%w", err)
	}
	return nil
}

// Run sends until the count is reached, the file ends, or it is interrupted.
func (c *produceCmd) Run(ctx context.Context, p *program) error {
	if c.Count < 0 {
		return badFlag("count", "%d: must not be negative", c.Count)
	}
	simulator, err := c.simulator(c.Seed)
	if err != nil {
		return err
	}
	var lines io.Reader
	switch c.File {
	case "":
	case "-":
		lines = p.stdin
	default:
		f, err := os.Open(c.File)
		if err != nil {
			return badFlag("file", "%w", err)
		}
		defer func() { _ = f.Close() }() // read only: nothing can get lost
		lines = f
	}

	s, err := newSender(ctx, p, p.topo.Input, usualBatch, deliveryTimeout)
	if err != nil {
		return err
	}
	defer s.close()
	switch {
	case c.File == "-":
		err = c.stream(ctx, p, s, interruptible(ctx, traffic.Lines(lines)))
	case lines != nil:
		err = c.stream(ctx, p, s, traffic.Lines(lines))
	case c.Rate.set():
		err = c.stream(ctx, p, s, endless(simulator.Messages()))
	default:
		err = c.batches(ctx, p, s, simulator)
	}
	return err
}

// batches sends at the article's pace, prints each message and counts each batch.
func (c *produceCmd) batches(ctx context.Context, p *program, s *sender, simulator *traffic.Simulator) error {
	next, stop := iter.Pull(simulator.Messages())
	defer stop()
	pause := time.NewTicker(traffic.Pause)
	defer pause.Stop()
	for batch := 1; ; batch++ {
		size := int64(simulator.Batch())
		if c.Count > 0 {
			size = min(size, c.Count-s.sent())
		}
		for range size {
			message, _ := next() // without end
			if _, err := fmt.Fprintf(p.stdout, "%s\n", message); err != nil {
				return err
			}
			if err := s.send(message); err != nil {
				return err
			}
		}
		// Once begun, a batch is sent whole.
		if err := s.flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.stdout, "batch %d: %d messages sent, %d in all\n", batch, size, s.sent()); err != nil {
			return err
		}
		if c.Count > 0 && s.sent() == c.Count {
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return errInterrupted
		}
	}
}

// stream sends messages at the rate, all at once where there is none, and shows
// how far it is.
func (c *produceCmd) stream(ctx context.Context, p *program, s *sender, messages iter.Seq2[[]byte, error]) (err error) {
	start := time.Now()
	progress := showProgress(p, c.Count, s.sent)
	queued := int64(0)
	pace := newPacer(c.Rate)
	for message, failed := range messages {
		if failed != nil {
			err = failed
			break
		}
		if err = pace.wait(ctx); err != nil {
			break
		}
		if err = s.send(message); err != nil {
			break
		}
		if queued++; queued == c.Count {
			break
		}
	}
	err = errors.Join(err, s.flush())
	progress()
	took := time.Since(start)
	if _, failed := fmt.Fprintf(p.stdout, "%d messages sent in %s (%.0f a second)\n",
		s.sent(), took.Round(time.Millisecond), float64(s.sent())/took.Seconds()); failed != nil {
		err = errors.Join(err, failed)
	}
	return err
}

// endless is a sequence that never fails.
func endless(messages iter.Seq[[]byte]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for m := range messages {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// interruptible gives what a sequence gives, and errInterrupted as soon as ctx is
// done: a read from a terminal cannot be called back. It is then left to itself,
// until it returns or the process ends.
func interruptible(ctx context.Context, messages iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	type read struct {
		message []byte
		err     error
	}
	return func(yield func([]byte, error) bool) {
		reads, left := make(chan read, 1024), make(chan struct{})
		defer close(left)
		go func() {
			defer close(reads)
			for message, err := range messages {
				select {
				case reads <- read{slices.Clone(message), err}:
				case <-left:
					return
				}
			}
		}()
		for {
			select {
			case r, more := <-reads:
				if !more || !yield(r.message, r.err) {
					return
				}
			case <-ctx.Done():
				yield(nil, errInterrupted)
				return
			}
		}
	}
}
