package logfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"pageheat/accesslog"
	"pageheat/compressed"
)

// poll is how often a file is looked at that has nothing new: log rotation and dwell times are
// matters of minutes.
const poll = 250 * time.Millisecond

// Follow yields the lines of a file and then those that are appended to it, until ctx is done,
// whose error it does not yield. At the end of the file, and then each time it has looked, it
// yields how long it has been idle.
//
// If another file takes the name, Follow goes on with that one, after it has found nothing
// new in the old one twice: a server may still write there. If the file becomes shorter, it was
// truncated, and Follow goes on from its start. What it cannot notice is a file that was
// truncated and has grown beyond its earlier length within 250 ms.
func Follow(ctx context.Context, name string) iter.Seq2[accesslog.Line, error] {
	return func(yield func(accesslog.Line, error) bool) {
		f := follower{name: name, ctx: ctx}
		err := f.open()
		defer func() { f.close() }()
		if err == nil {
			err = f.run(yield)
		}
		if err != nil {
			yield(accesslog.Line{}, err)
		}
	}
}

// follower follows a file.
type follower struct {
	ctx   context.Context
	name  string
	file  *os.File
	lines splitter
}

func (f *follower) close() {
	if f.file != nil {
		_ = f.file.Close() // read only: nothing can get lost
	}
}

// open opens the file, or its successor.
func (f *follower) open() error {
	file, err := os.Open(f.name)
	if err != nil {
		return err
	}
	form, err := compressed.FormOf(newReader(file))
	if err == nil && form != compressed.Plain {
		err = fmt.Errorf("it is compressed by %s: only a file that is being written can be followed", form)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = file.Close() // read only: nothing can get lost
		return err
	}
	f.close()
	f.file = file
	f.lines = splitter{reader: newReader(file)}
	return nil
}

// run yields lines until ctx is done or yield has enough. An error is one of reading.
func (f *follower) run(yield func(accesslog.Line, error) bool) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	last := time.Now() // when the last line came
	quiet := 0         // how often nothing was found since another file has the name
	for f.ctx.Err() == nil {
		line, err := f.lines.next()
		switch {
		case err == nil:
			last, quiet = time.Now(), 0
			if !yield(line, nil) {
				return nil
			}
			continue
		case !errors.Is(err, io.EOF):
			return err
		}
		if !yield(accesslog.Line{Idle: max(1, time.Since(last))}, nil) {
			return nil
		}
		select {
		case <-f.ctx.Done():
			return nil
		case <-tick.C:
		}
		change, err := f.changed()
		if err != nil {
			return err
		}
		if change == replaced {
			quiet++
		}
		if change == truncated || quiet == 2 {
			quiet = 0
			if f.lines.pending() && !yield(f.lines.rest(), nil) {
				return nil
			}
			if err := f.open(); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// change is what has happened to a file.
type change int

const (
	none change = iota
	replaced
	truncated
)

// changed compares the file that is read with the one that has the name now.
func (f *follower) changed() (change, error) {
	now, err := os.Stat(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil // it is being rotated
	}
	if err != nil {
		return none, err
	}
	own, err := f.file.Stat()
	if err != nil {
		return none, err
	}
	if !os.SameFile(now, own) {
		return replaced, nil
	}
	at, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return none, err
	}
	if own.Size() < at {
		return truncated, nil
	}
	return none, nil
}
