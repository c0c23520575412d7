package logfile

import (
	"bytes"
	"context"
	"io"
	"iter"
	"time"

	"pageheat/accesslog"
)

// liveLines is how many lines are read ahead. A line has up to 1 MiB.
const liveLines = 64

// Live yields the lines of r, which may be compressed by gzip or zstd, as they come, until ctx is
// done, whose error it does not yield. While none comes it yields how long there was none. A
// read that does not return cannot be canceled: it goes on in the background until it
// returns or the process ends.
func Live(ctx context.Context, r io.Reader) iter.Seq2[accesslog.Line, error] {
	type read struct {
		line accesslog.Line
		err  error
	}
	return func(yield func(accesslog.Line, error) bool) {
		reads, left := make(chan read, liveLines), make(chan struct{})
		defer close(left)
		go func() {
			defer close(reads)
			for line, err := range Unpacked(r) {
				line.Text = bytes.Clone(line.Text)
				select {
				case reads <- read{line, err}:
				case <-left:
					return
				}
			}
		}()
		tick := time.NewTicker(poll)
		defer tick.Stop()
		last := time.Now() // when the last line came
		for {
			select {
			case got, more := <-reads:
				if !more || !yield(got.line, got.err) {
					return
				}
				last = time.Now()
			case <-tick.C:
				if len(reads) == 0 && !yield(accesslog.Line{Idle: max(1, time.Since(last))}, nil) {
					return
				}
			case <-ctx.Done():
				for n := len(reads); n > 0; n-- { // what has come
					if got := <-reads; got.err != nil || !yield(got.line, nil) {
						return
					}
				}
				return
			}
		}
	}
}
