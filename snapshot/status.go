package snapshot

import (
	"sync/atomic"
	"time"
)

// Status is the status of one step of a long read or write.
type Status struct {
	// Step names what is being done.
	Step string
	// Done and Total are offsets or pages. Total is 0 if it is not known.
	Done, Total int64
}

// Progress is told about the status: about once a second, and at the end of each step. It is not
// called concurrently. It may be nil.
type Progress func(Status)

// statusEvery is the time between two calls of a Progress.
const statusEvery = time.Second

// Step begins a step. Call add, from any goroutine, with what is finished, and done at the end.
func (p Progress) Step(name string, total int64) (add func(finished int), done func()) {
	var count atomic.Int64
	add = func(finished int) { count.Add(int64(finished)) }
	if p == nil {
		return add, func() {}
	}
	tell := func() { p(Status{Step: name, Done: count.Load(), Total: total}) }
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(statusEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				tell()
			case <-stop:
				tell()
				return
			}
		}
	}()
	return add, func() { close(stop); <-stopped }
}
