package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"pageheat/accesslog"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/terminal"
	"pageheat/traffic"
)

// produceCmd sends behaviours to the input.
type produceCmd struct {
	Rate  traffic.Rate `placeholder:"N" help:"Messages a second, or max. Default: 0 to 50 every 5 seconds, each printed."`
	Count int64        `placeholder:"N" help:"Number of messages to send. Default: until interrupted."`
	File  string       `placeholder:"FILE" help:"File whose lines to send unchanged; - for standard input. More files may follow as arguments."`
	Files []string     `arg:"" optional:"" name:"file" help:"Files as with --file."`
	Seed  *uint64      `placeholder:"N" example:"1" help:"Seed of the simulator: equal seeds send equal messages."`

	Traffic traffic.Settings `embed:""`

	Log    accesslog.Settings `embed:""`
	DryRun bool               `help:"Print the behaviours of access logs instead of sending them."`
}

// Help says what is done with access logs.
func (*produceCmd) Help() string {
	return `With --format, files are access logs, also compressed by gzip or zstd. Each page view becomes a
behaviour whose minutes are the time until the client's next view. docs/access-logs.md has the
rules.`
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
	names, err := c.names()
	if err != nil {
		return err
	}
	if c.Log.Format != "" {
		return c.sendLogs(ctx, p, names)
	}
	if _, _, err := c.Log.Config(); err != nil {
		return err
	}
	if c.DryRun {
		return failure.BadSetting("dry-run", "is only for access logs, which --format tells")
	}
	s, err := c.sender(ctx, p, kafka.Bulk())
	if err != nil {
		return err
	}
	defer s.Close()
	switch {
	case len(names) > 0:
		return c.stream(ctx, p, s, lines(ctx, p, names))
	case c.Rate != 0:
		return c.stream(ctx, p, s, traffic.Endless(simulator.Messages()))
	}
	return c.batches(ctx, p, s, simulator)
}

// names are those of the files, which exist.
func (c *produceCmd) names() ([]string, error) {
	names := c.Files
	if c.File != "" {
		names = append([]string{c.File}, names...)
	}
	for i, name := range names {
		if name == stdinName {
			if slices.Contains(names[:i], name) {
				return nil, failure.BadSetting("file", "-: standard input is given twice")
			}
			continue
		}
		if err := readable(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// readable makes sure that a file of --file can be opened.
func readable(name string) error {
	if name == stdinName {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return failure.BadSetting("file", "%w", err)
	}
	return f.Close()
}

// stdinName stands for standard input.
const stdinName = "-"

// sender opens what sends to the input, if that can be done.
func (c *produceCmd) sender(ctx context.Context, p *program, how kafka.Sending) (*kafka.Sender, error) {
	if err := p.ready(ctx, "produce"); err != nil {
		return nil, err
	}
	return p.kafka.Sender("produce", p.topo.Input, how)
}

// lines are those of files, in their order.
func lines(ctx context.Context, p *program, names []string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, name := range names {
			if !linesOf(ctx, p, name, yield) {
				return
			}
		}
	}
}

// linesOf yields the lines of a file, and reports whether there may be more.
func linesOf(ctx context.Context, p *program, name string, yield func([]byte, error) bool) bool {
	var all iter.Seq2[[]byte, error]
	if name == stdinName {
		all = traffic.Interruptible(ctx, traffic.Lines(p.stdin))
	} else {
		f, err := os.Open(name)
		if err != nil {
			yield(nil, err)
			return false
		}
		defer func() { _ = f.Close() }() // read only: nothing can get lost
		all = traffic.Lines(f)
	}
	for line, err := range all {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if !yield(line, err) || err != nil {
			return false
		}
	}
	return true
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
	return errors.Join(err, summary(p, s, start))
}

// summary prints how much was sent since start.
func summary(p *program, s *kafka.Sender, start time.Time) error {
	took := time.Since(start)
	_, err := fmt.Fprintf(p.stdout, "%d messages sent in %s (%.0f a second)\n",
		s.Sent(), took.Round(time.Millisecond), float64(s.Sent())/took.Seconds())
	return err
}
