package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"pageheat/accesslog"
	"pageheat/accesslog/logfile"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/terminal"
	"pageheat/traffic"
)

// maxToldLines is how many bad lines of access logs are told one by one.
const maxToldLines = 5

// sendLogs sends the behaviours of access logs, with the times of the logs.
func (c *produceCmd) sendLogs(ctx context.Context, p *program, names []string) error {
	views, visits, err := c.Log.Config()
	switch {
	case err != nil:
		return err
	case len(names) == 0:
		return failure.BadSetting("file", "name the access logs, or - for standard input")
	case c.Log.Follow && len(names) > 1:
		return failure.BadSetting("follow", "one log can be followed, but %d are given: send the older ones first", len(names))
	}
	told := 0
	reader := &accesslog.Reader{Views: views, Visits: visits, Bad: func(e accesslog.Entry) {
		if told++; told <= maxToldLines {
			p.log.Warn("a line is skipped", "file", e.Log, "line", e.Line, "error", e.Err)
		}
	}}
	behaviours := reader.Behaviours(c.entries(ctx, p, names))
	if c.DryRun {
		err = c.printBehaviours(p, behaviours)
	} else {
		err = c.sendBehaviours(ctx, p, behaviours)
	}
	if err == nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return errors.Join(err, c.account(p, reader.Stats()))
}

// entries are those of the logs, until ctx is done.
func (c *produceCmd) entries(ctx context.Context, p *program, names []string) iter.Seq2[accesslog.Entry, error] {
	logs := make([]accesslog.Log, len(names))
	for i, name := range names {
		logs[i].Name = name
		switch {
		case name == stdinName:
			logs[i].Name, logs[i].Lines = "standard input", logfile.Live(ctx, p.stdin)
			logs[i].Once = true
		case c.Log.Follow:
			logs[i].Lines = logfile.Follow(ctx, name)
		default:
			logs[i].Lines = logfile.File(name)
		}
	}
	return func(yield func(accesslog.Entry, error) bool) {
		for e, err := range c.Log.Format.Merge(logs...) {
			if e.Idle != 0 && !c.Log.Follow {
				continue // a pipe that pauses is no quiet site
			}
			if ctx.Err() != nil || !yield(e, err) {
				return
			}
		}
	}
}

// printBehaviours prints what would be sent.
func (c *produceCmd) printBehaviours(p *program, behaviours iter.Seq2[accesslog.Behaviour, error]) error {
	out := bufio.NewWriter(p.stdout)
	var line []byte
	printed := int64(0)
	for b, err := range behaviours {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		line = append(b.Append(line[:0]), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
		if c.Log.Follow { // somebody watches
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if printed++; printed == c.Count {
			break
		}
	}
	return out.Flush()
}

// sendBehaviours sends and shows how far it is. What waits when ctx ends is sent too.
func (c *produceCmd) sendBehaviours(ctx context.Context, p *program, behaviours iter.Seq2[accesslog.Behaviour, error]) error {
	how := kafka.Bulk()
	how.Dated = true
	s, err := c.sender(ctx, p, how)
	if err != nil {
		return err
	}
	defer s.Close()
	keeps := c.retention(ctx, p)
	start := time.Now()
	progress := terminal.Sending(p.stderr, p.log.Logger, c.Count, s.Sent)
	pace := traffic.NewPacer(c.Rate)
	queued := int64(0)
	for b, failed := range behaviours {
		if err = failed; err != nil {
			break
		}
		if queued == 0 && keeps > 0 && time.Since(b.Time) > keeps {
			p.log.Warn("the topic keeps records for a shorter time than the age of the log: what the pipeline has not read may be deleted; raise retention.ms of the topic first",
				"topic", p.topo.Input, "retention", keeps, "oldest", b.Time.UTC())
		}
		_ = pace.Wait(ctx) // once ctx is done, what is left goes at once
		if err = s.Queue(&kafka.Record{Value: b.Append(nil), Timestamp: b.Time}); err != nil {
			break
		}
		if queued++; queued == c.Count {
			break
		}
	}
	err = errors.Join(err, s.Drain())
	progress()
	return errors.Join(err, summary(p, s, start))
}

// retention is how long the input keeps records, by their times; 0 if that is not limited or
// not known.
func (c *produceCmd) retention(ctx context.Context, p *program) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	text, err := p.kafka.Setting(ctx, p.topo.Input, "retention.ms")
	ms, wrong := strconv.ParseInt(text, 10, 64)
	if err != nil || wrong != nil || ms < 0 || ms > int64(time.Duration(1<<63-1)/time.Millisecond) {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// account says what was read, and returns an error if nothing could be.
func (c *produceCmd) account(p *program, s accesslog.Stats) error {
	if s.Lines == 0 {
		return nil
	}
	p.log.Info("read access logs", "format", string(c.Log.Format), "lines", s.Lines, "views", s.Views, "bots_dropped", s.Bots, "bad_lines", s.Bad)
	if s.Late > 0 {
		p.log.Warn("lines are more than a minute older than lines before them: their dwell times may be wrong", "views", s.Late)
	}
	if s.Forced > 0 {
		p.log.Warn("too many views waited for a next one, so the oldest were taken for the last of their clients: give --visit-timeout", "views", s.Forced)
	}
	if s.Bad == s.Lines {
		return fmt.Errorf("none of the %d lines is in the format %s: choose another --format", s.Lines, c.Log.Format)
	}
	return nil
}
