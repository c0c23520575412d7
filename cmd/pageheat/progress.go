package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	// progressDraw is how often the line on a terminal is drawn.
	progressDraw = 200 * time.Millisecond
	// progressLog is how often the log tells, where there is no terminal.
	progressLog = 10 * time.Second
)

// showProgress tells on standard error how far something long is, until the
// returned function is called: a line on a terminal, else the log every 10 seconds.
// total is how many there will be, 0 if nobody knows; done is asked from another
// goroutine.
func showProgress(p *program, total int64, done func() int64) (stop func()) {
	every, tell := progressLog, func() { p.log.Info("sending", "messages", done(), "of", total) }
	if total == 0 {
		tell = func() { p.log.Info("sending", "messages", done()) }
	}
	finish := func() {}
	if isTerminal(p.stderr) {
		bar := newBar(p.stderr, total)
		every, tell = progressDraw, func() { _ = bar.Set64(done()) } // a line that is not drawn is no harm
		finish = func() { _ = bar.Clear() }
	}
	ended := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		drawing.Wait()
		finish()
	}
}

func newBar(w io.Writer, total int64) *progressbar.ProgressBar {
	if total == 0 {
		total = -1 // the library's word for unknown
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("messages"),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetDescription("sending"),
	)
}

// terminalWidth is the width of a terminal that can be drawn on; false where w is none.
func terminalWidth(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !canDraw(w) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil && width > 0
}

// isTerminal reports whether a person looks at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
