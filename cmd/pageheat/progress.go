package main

import (
	"fmt"
	"time"

	"pageheat/snapshot"
	"pageheat/terminal"
)

// progress tells on standard error how far a long command is: on one line of a
// terminal, else in the log every 10 seconds. finish clears the line.
func (p *program) progress() (tell snapshot.Progress, finish func()) {
	if terminal.Is(p.stderr) {
		const clear = "\r\x1b[K"
		tell = func(s snapshot.Status) {
			of := ""
			if s.Total > 0 {
				of = fmt.Sprintf(" of %d", s.Total)
			}
			_, _ = fmt.Fprintf(p.stderr, clear+"%s: %d%s", s.Step, s.Done, of) // a line that is not drawn is no harm
		}
		return tell, func() { _, _ = fmt.Fprint(p.stderr, clear) }
	}
	last := time.Now()
	return func(s snapshot.Status) {
		if now := time.Now(); now.Sub(last) >= terminal.LogEvery {
			last = now
			p.log.Info(s.Step, "done", s.Done, "of", s.Total)
		}
	}, func() {}
}
