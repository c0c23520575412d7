package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"time"

	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/terminal"
	"pageheat/traffic"
)

// produceCmd sends behaviours to the input.
type produceCmd struct {
	Rate  traffic.Rate `placeholder:"N" help:"Messages a second, or max. Default: 0 to 50 every 5 seconds, each printed."`
	Count int64        `placeholder:"N" help:"Number of messages to send. Default: until interrupted."`
	File  string       `placeholder:"FILE" help:"File whose lines to send unchanged; - for standard input."`
	Seed  *uint64      `placeholder:"N" example:"1" help:"Seed of the simulator: equal seeds send equal messages."`

	Traffic traffic.Settings `embed:""`
}

// simulator checks the flags of the traffic.
func (c *produceCmd) simulator() (*traffic.Simulator, error) {
	if err := c.Traffic.Validate(); err != nil {
		return nil, err
	}
	options := traffic.Options{Pages: c.Traffic.Pages, Zipf: c.Traffic.Zipf, Seed: rand.Uint64()}
	if c.Seed != nil {
		options.Seed = *c.Seed
	}
	return traffic.NewSimulator(options)
}

// Run sends until the count is reached, the file ends, or it is interrupted.
func (c *produceCmd) Run(ctx context.Context, p *program) error {
	if c.Count < 0 {
		return failure.BadSetting("count", "%d: must not be negative", c.Count)
	}
	simulator, err := c.simulator()
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
			return failure.BadSetting("file", "%w", err)
		}
		defer func() { _ = f.Close() }() // read only: nothing can get lost
		lines = f
	}

	if err := p.ready(ctx, "produce"); err != nil {
		return err
	}
	s, err := p.kafka.Sender("produce", p.topo.Input, kafka.Bulk())
	if err != nil {
		return err
	}
	defer s.Close()
	switch {
	case c.File == "-":
		err = c.stream(ctx, p, s, traffic.Interruptible(ctx, traffic.Lines(lines)))
	case lines != nil:
		err = c.stream(ctx, p, s, traffic.Lines(lines))
	case c.Rate != 0:
		err = c.stream(ctx, p, s, traffic.Endless(simulator.Messages()))
	default:
		err = c.batches(ctx, p, s, simulator)
	}
	return err
}

// batches sends at the article's pace, prints each message and counts each batch.
func (c *produceCmd) batches(ctx context.Context, p *program, s *kafka.Sender, simulator *traffic.Simulator) error {
	next, stop := iter.Pull(simulator.Messages())
	defer stop()
	pause := time.NewTicker(traffic.Pause)
	defer pause.Stop()
	for batch := 1; ; batch++ {
		size := int64(simulator.Batch())
		if c.Count > 0 {
			size = min(size, c.Count-s.Sent())
		}
		for range size {
			message, _ := next() // without end
			if _, err := fmt.Fprintf(p.stdout, "%s\n", message); err != nil {
				return err
			}
			if err := s.Queue(&kafka.Record{Value: bytes.Clone(message)}); err != nil {
				return err
			}
		}
		// Once begun, a batch is sent whole.
		if err := s.Drain(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.stdout, "batch %d: %d messages sent, %d in all\n", batch, size, s.Sent()); err != nil {
			return err
		}
		if c.Count > 0 && s.Sent() == c.Count {
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
func (c *produceCmd) stream(ctx context.Context, p *program, s *kafka.Sender, messages iter.Seq2[[]byte, error]) (err error) {
	start := time.Now()
	progress := terminal.Sending(p.stderr, p.log.Logger, c.Count, s.Sent)
	queued := int64(0)
	pace := traffic.NewPacer(c.Rate)
	for message, failed := range messages {
		if failed != nil {
			err = failed
			break
		}
		if err = pace.Wait(ctx); err != nil {
			break
		}
		if err = s.Queue(&kafka.Record{Value: bytes.Clone(message)}); err != nil {
			break
		}
		if queued++; queued == c.Count {
			break
		}
	}
	err = errors.Join(interrupted(ctx, err), s.Drain())
	progress()
	took := time.Since(start)
	if _, failed := fmt.Fprintf(p.stdout, "%d messages sent in %s (%.0f a second)\n",
		s.Sent(), took.Round(time.Millisecond), float64(s.Sent())/took.Seconds()); failed != nil {
		err = errors.Join(err, failed)
	}
	return err
}
