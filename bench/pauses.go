package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/exp/trace"
)

// pauses are the times, in milliseconds, that a Go program was stopped for its
// collector. A collection stops it twice.
type pauses struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

// collectorStops begins the names of the collector's ranges in an execution trace.
const collectorStops = "stop-the-world (GC "

// stopwatch takes the collector's pauses out of the events of a trace. A pause begins
// when the collector begins to stop goroutines, and ends when they may run again: when
// another of Go's processors runs, or where none does, when the range ends. That may be
// long after: the thread that lets the others go on often loses its core to them, or to
// another program, before it takes the time. Go's own figures of pauses (gctrace,
// runtime/metrics) end there.
type stopwatch struct {
	stopped bool
	by      trace.GoID
	on      trace.ProcID
	began   trace.Time
	ended   trace.Time // 0 before anything runs again
	all     []float64  // in ms
}

func (s *stopwatch) stop(by trace.GoID, on trace.ProcID, at trace.Time) {
	s.stopped, s.by, s.on, s.began, s.ended = true, by, on, at, 0
}

// runs is told when one of Go's processors begins to run.
func (s *stopwatch) runs(on trace.ProcID, at trace.Time) {
	if s.stopped && s.ended == 0 && on != s.on {
		s.ended = at
	}
}

func (s *stopwatch) end(by trace.GoID, at trace.Time) {
	if !s.stopped || by != s.by {
		return
	}
	if s.ended == 0 {
		s.ended = at
	}
	s.stopped = false
	s.all = append(s.all, float64(s.ended.Sub(s.began))/float64(time.Millisecond))
}

// take looks at one event.
func (s *stopwatch) take(e trace.Event) {
	switch e.Kind() {
	case trace.EventRangeBegin:
		if strings.HasPrefix(e.Range().Name, collectorStops) {
			s.stop(e.Goroutine(), e.Proc(), e.Time())
		}
	case trace.EventRangeEnd:
		if strings.HasPrefix(e.Range().Name, collectorStops) {
			s.end(e.Goroutine(), e.Time())
		}
	case trace.EventStateTransition:
		if t := e.StateTransition(); t.Resource.Kind == trace.ResourceProc {
			if _, to := t.Proc(); to == trace.ProcRunning {
				s.runs(t.Resource.Proc(), e.Time())
			}
		}
	}
}

// pausesIn reads the pauses of an execution trace.
func pausesIn(file string) (pauses, error) {
	f, err := os.Open(file)
	if err != nil {
		return pauses{}, fmt.Errorf("reading an execution trace: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	events, err := trace.NewReader(bufio.NewReader(f))
	if err != nil {
		return pauses{}, fmt.Errorf("reading the execution trace %s: %w", file, err)
	}
	var watch stopwatch
	for {
		e, err := events.ReadEvent()
		if errors.Is(err, io.EOF) {
			return pausesOf(watch.all), nil
		}
		if err != nil {
			return pauses{}, fmt.Errorf("reading the execution trace %s: %w", file, err)
		}
		watch.take(e)
	}
}

// pausesOf sums pauses up. Of less than a thousand the p99.9 is the longest.
func pausesOf(all []float64) pauses {
	if len(all) == 0 {
		return pauses{}
	}
	sorted := slices.SortedFunc(slices.Values(all), cmp.Compare[float64])
	at := func(part float64) float64 { return sorted[int(math.Ceil(part*float64(len(sorted))))-1] }
	return pauses{Count: len(sorted), P50: at(0.5), P999: at(0.999), Max: sorted[len(sorted)-1]}
}
