package terminal

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	// progressDraw is the interval between updates of the line on a terminal.
	progressDraw = 200 * time.Millisecond
	// LogEvery is the interval between log lines if there is no terminal.
	LogEvery = 10 * time.Second
)

// Sending reports the number of sent messages until the returned function is called: in a line
// on w, if that is a terminal, else in the log every 10 seconds. total is the expected number,
// 0 if unknown. done is called from another goroutine.
func Sending(w io.Writer, log *slog.Logger, total int64, done func() int64) (stop func()) {
	every, tell := LogEvery, func() { log.Info("sending", "messages", done(), "of", total) }
	if total == 0 {
		tell = func() { log.Info("sending", "messages", done()) }
	}
	finish := func() {}
	if Is(w) {
		bar := newBar(w, total)
		every, tell = progressDraw, func() { _ = bar.Set64(done()) } // a missing line does no harm
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
