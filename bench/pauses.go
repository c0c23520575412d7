package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/exp/trace"
)

// collectorStops is the prefix of the collector's ranges in an execution trace.
const collectorStops = "stop-the-world (GC "

// stopwatch measures the collector's pauses from the events of a trace. A pause starts when the
// collector starts to stop goroutines. It ends when they may run again: when another of Go's
// processors runs or, if none does, at the end of the range. The range may end much later: the
// thread that restarts the others often loses its core to them, or to another program, before it
// records the time. Go's own pause figures (gctrace, runtime/metrics) include that delay.
type stopwatch struct {
	stopped bool
	by      trace.GoID
	on      trace.ProcID
	began   trace.Time
	ended   trace.Time // 0 until anything runs again
	all     []float64  // in ms
}

func (s *stopwatch) stop(by trace.GoID, on trace.ProcID, at trace.Time) {
	s.stopped, s.by, s.on, s.began, s.ended = true, by, on, at, 0
}

// runs handles the start of one of Go's processors.
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

// take handles one event.
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

// appendPauses appends the collector's pauses in an execution trace, in milliseconds. Each
// collection has two.
func appendPauses(all []float64, text []byte) ([]float64, error) {
	events, err := trace.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("reading an execution trace: %w", err)
	}
	watch := stopwatch{all: all}
	for {
		e, err := events.ReadEvent()
		if errors.Is(err, io.EOF) {
			return watch.all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading an execution trace: %w", err)
		}
		watch.take(e)
	}
}
