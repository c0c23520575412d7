package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/google/pprof/profile"
)

// What processor time is for. A sample belongs to serving if any of its functions
// is one that serves, since what these call (encoding, writing to a connection,
// allocating) is for the clients; else to the pipeline if any is one of pageheat or
// of a Kafka client. What is left has no caller: the scheduler, timers, the
// collector.
const (
	forServing  = "serving"
	forPipeline = "pipeline"
	forRuntime  = "runtime"
)

type purposes struct{ serving, pipeline *regexp.Regexp }

func newPurposes() purposes {
	return purposes{
		serving:  regexp.MustCompile(`^net/http\.|^pageheat/(views|web|web/site|overview|collect)\.`),
		pipeline: regexp.MustCompile(`^pageheat/|^main\.|^github\.com/(IBM/sarama|lovoo/goka|twmb/franz-go)`),
	}
}

func (p purposes) of(s *profile.Sample) string {
	purpose := forRuntime
	for _, location := range s.Location {
		for _, line := range location.Line {
			switch {
			case line.Function == nil:
			case p.serving.MatchString(line.Function.Name):
				return forServing
			case p.pipeline.MatchString(line.Function.Name):
				purpose = forPipeline
			}
		}
	}
	return purpose
}

// split fills in what a process's processor time was for, in the parts that its
// profile tells. The total is the kernel's: it has no error of sampling.
func (r *streamsResult) split(file string, total time.Duration) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading a profile: %w", err)
	}
	p, err := profile.Parse(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading the profile %s: %w", file, err)
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Unit == "nanoseconds" })
	if at < 0 {
		return fmt.Errorf("%s is no profile of processor time", file)
	}
	purposes, times, all := newPurposes(), make(map[string]int64), int64(0)
	for _, s := range p.Sample {
		times[purposes.of(s)] += s.Value[at]
		all += s.Value[at]
	}
	r.CPU = quotient(total.Seconds()*1e6, float64(r.Messages))
	part := func(purpose string) float64 { return r.CPU * quotient(float64(times[purpose]), float64(all)) }
	r.Pipeline, r.Serving, r.Runtime = part(forPipeline), part(forServing), part(forRuntime)
	return nil
}

// streamsMedians are the runs with the median processor time of the pipeline, one
// for each number of clients, those without clients first. Of an even number it is
// the higher one.
func streamsMedians(all []*streamsResult) []*streamsResult {
	chosen := mediansOf(all, (*streamsResult).key, func(r *streamsResult) float64 { return -r.Pipeline })
	slices.SortStableFunc(chosen, func(a, b *streamsResult) int {
		return cmp.Or(cmp.Compare(a.Broker, b.Broker), cmp.Compare(a.Rate, b.Rate), cmp.Compare(a.Clients, b.Clients))
	})
	return chosen
}

// without is the median run of the same setting that had no clients, nil if there is
// none.
func (r *streamsResult) without(all []*streamsResult) *streamsResult {
	for _, m := range streamsMedians(all) {
		if m.Clients == 0 && m.Broker == r.Broker && m.Rate == r.Rate {
			return m
		}
	}
	return nil
}

// slowest is the longest time in any of the runs of a setting until a client had a
// board.
func (r *streamsResult) slowest(all []*streamsResult) float64 {
	longest := 0.0
	for _, other := range all {
		if other.key() == r.key() {
			longest = max(longest, other.Seen.Max)
		}
	}
	return longest
}

// judgeStreams gives what the targets for event streams are about.
func (r *report) judgeStreams(at func(what string, measured, bound float64, unit string)) {
	for _, m := range streamsMedians(r.Streams) {
		none := m.without(r.Streams)
		if m.Broker != brokerKafka || m.Clients != judgedStreams || none == nil {
			continue
		}
		at(m.key()+": processor time of the pipeline, of that without streams", quotient(m.Pipeline, none.Pipeline), ofNoStreams, "")
		at(m.key()+": a client sees the newest board, at most", m.slowest(r.Streams), seenWithin, " ms")
	}
}

func (r *report) printStreams(w io.Writer) error {
	if len(r.Streams) == 0 {
		return nil
	}
	first := r.Streams[0]
	_, _ = fmt.Fprintf(w, "\nevent streams: %s messages/s, %s pages, %d partitions; processor seconds per million messages, times in ms\n",
		thousands(int64(first.Rate)), thousands(int64(first.Pages)), first.Partitions) // the error comes again with the table
	t := newTable(w)
	t.row("", "streams", "pipeline", "of none", "serving", "runtime", "all", "events/s each", "seen p50", "p99", "max", "load", "")
	for _, m := range streamsMedians(r.Streams) {
		var of string
		if none := m.without(r.Streams); none != nil {
			of = ratio(m.Pipeline, none.Pipeline)
		}
		t.row(m.Broker, thousands(int64(m.Clients)), number(m.Pipeline, "%.2f"), of, number(m.Serving, "%.2f"),
			number(m.Runtime, "%.2f"), number(m.CPU, "%.2f"), number(m.Events, "%.1f"), number(m.Seen.P50, "%.1f"), number(m.Seen.P99, "%.1f"),
			number(m.slowest(r.Streams), "%.1f"), fmt.Sprintf("%.1f", m.Load), exactness(m.Wrong))
	}
	return t.end()
}
