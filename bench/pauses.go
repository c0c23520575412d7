package main

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
)

// traceEnv has a Go program write a line to its standard error for each collection.
const traceEnv = "GODEBUG=gctrace=1"

// pauses are the times, in milliseconds, that a Go program was stopped for its
// collector. A collection stops it twice.
type pauses struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

// collections finds the two pauses in the lines of a trace:
//
//	gc 7 @0.240s 3%: 0.024+1.4+0.15 ms clock, 0.048+0.31/2.6/0+0.31 ms cpu, ...
//
// They are wall-clock time, with the time that it took to stop all goroutines.
func collections(log []string) []float64 {
	line := regexp.MustCompile(`^gc \d+ @[0-9.]+s +\d+%: ([0-9.]+)\+[0-9.]+\+([0-9.]+) ms clock`)
	var all []float64
	for _, text := range log {
		found := line.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		for _, figure := range found[1:] {
			if ms, err := strconv.ParseFloat(figure, 64); err == nil {
				all = append(all, ms)
			}
		}
	}
	return all
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
