package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	exectrace "runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/exp/trace"
)

// measuredRun is a run with pairs of unit and figure.
func measuredRun(name string, figures ...any) *run {
	r := &run{name: name}
	for i := 0; i+1 < len(figures); i += 2 {
		r.set(figures[i].(string), figures[i+1].(float64))
	}
	return r
}

// judgedReport has one run for each target, each of which is just met.
func judgedReport() *report {
	r := &report{}
	for _, s := range []struct {
		pages int
		kind  string
		one   float64
	}{{100, trafficUniform, 120}, {10_000, trafficZipf, 100}, {1_000_000, trafficUniform, 60}, {1_000_000, trafficZipf, 70}} {
		in := scenario{broker: brokerKafka, pages: s.pages, traffic: s.kind, partitions: 3}
		r.add(measuredRun(in.run(caseCeiling).name, rateUnit, 100.0), measuredRun(in.run(caseOne).name, rateUnit, s.one, "cpu-s/M", 1.0))
	}
	in := scenario{broker: brokerKafka, pages: 10_000, traffic: trafficZipf, partitions: 3}
	r.add(measuredRun(in.run(caseGoka).name, rateUnit, 3.9),
		measuredRun("Latency/broker=kafka/pages=10000/rate=2000/linger=5ms", "p50-ms", 30.0, "p99-ms", 60.0),
		measuredRun("Memory/broker=kafka/pages=1000000/name-bytes=40", perPageUnit, 450.0),
		measuredRun("Restore/broker=kafka/pages=1000000/name-bytes=40", "restore-s", 1.0, "bare-s", 0.75, "start-s", 2.25, perPageUnit, 450.0),
		measuredRun("Pauses/broker=kafka/pages=1000000/name-bytes=40", "p99.9-ms", 5.0))
	const streams = "Streams/broker=kafka/pages=10000/rate=20000/clients="
	r.add(measuredRun(streams+"0", "pipeline-cpu-s/M", 100.0),
		measuredRun(streams+"1000", "pipeline-cpu-s/M", 105.0, "serving-cpu-s/M", 900.0, "seen-max-ms", 400.0),
		measuredRun(streams+"1000", "pipeline-cpu-s/M", 104.0, "seen-max-ms", 500.0),
		measuredRun(streams+"1000", "pipeline-cpu-s/M", 115.0, "seen-max-ms", 400.0))
	in.pages, in.traffic = 1_000_000, trafficUniform
	r.add(measuredRun(in.run(caseFive).name, "cpu-s/M", 1.6),
		measuredRun("Latency/broker=kafka/pages=1000000/rate=50000/linger=5ms/boards=5/preload=true", "p99-ms", 90.0,
			"trending-p99-ms", 91.0, "last-hour-p99-ms", 100.0, "last-day-p99-ms", 92.0, "today-p99-ms", 93.0))
	return r
}

// worsen changes a figure of a run.
func (r *report) worsen(n int, unit string, value float64) {
	one := measuredRun(r.runs[n].name)
	for _, v := range r.runs[n].values {
		if v.Unit == unit {
			v.Value = value
		}
		one.set(v.Unit, v.Value)
	}
	r.runs[n] = one
}

func TestTargets(t *testing.T) {
	all := judge(judgedReport())
	assert.Len(t, all, 4+1+2+5+2+2)
	require.NoError(t, missed(all))

	worse := map[string]func(r *report){
		"pages=100/":                     func(r *report) { r.worsen(1, rateUnit, 119) },
		"pages=10000/":                   func(r *report) { r.worsen(3, rateUnit, 99) },
		"pages=1000000/traffic=uniform":  func(r *report) { r.worsen(5, rateUnit, 59) },
		"pages=1000000/traffic=zipf":     func(r *report) { r.worsen(7, rateUnit, 69) },
		"of goka":                        func(r *report) { r.worsen(8, rateUnit, 4.1) },
		"p50":                            func(r *report) { r.worsen(9, "p50-ms", 30.1) },
		"p99":                            func(r *report) { r.worsen(9, "p99-ms", 60.1) },
		"bytes per page, applied":        func(r *report) { r.worsen(10, perPageUnit, 451) },
		"bytes per page, restored":       func(r *report) { r.worsen(11, perPageUnit, 451) },
		"pauses of the collector":        func(r *report) { r.worsen(12, "p99.9-ms", 5.1) },
		"rate, of the bare reader":       func(r *report) { r.worsen(11, "restore-s", 1.2) },
		"start, above the bare":          func(r *report) { r.worsen(11, "start-s", 2.3) },
		"of that without streams":        func(r *report) { r.worsen(14, "pipeline-cpu-s/M", 105.1) },
		"a client sees the newest board": func(r *report) { r.worsen(16, "seen-max-ms", 501) },
		"processor time of five boards":  func(r *report) { r.worsen(17, "cpu-s/M", 1.61) },
		"p99 of every board":             func(r *report) { r.worsen(18, "last-hour-p99-ms", 101) },
	}
	for what, change := range worse {
		r := judgedReport()
		change(r)
		err := missed(judge(r))
		require.ErrorIs(t, err, errMissed, what)
		assert.Len(t, strings.Split(err.Error(), "\n"), 2, what)
		assert.ErrorContains(t, err, what)
		var text bytes.Buffer
		require.NoError(t, printJudgements(&text, judge(r)))
		assert.Equal(t, 1, strings.Count(text.String(), "MISSED"), what)
	}
}

// A start may be faster than the bare reader.
func TestStartIsJudgedBelowTheBareReader(t *testing.T) {
	r := judgedReport()
	r.worsen(11, "start-s", 0.5)
	all := judge(r)
	assert.Len(t, all, 4+1+2+5+2+2)
	assert.NoError(t, missed(all))
}

// With several runs the medians are judged, and each run must be exact.
func TestJudgeRuns(t *testing.T) {
	write := func(change func(*report)) string {
		r := judgedReport()
		change(r)
		file := filepath.Join(t.TempDir(), "results.txt")
		require.NoError(t, r.write(file))
		return file
	}
	good := write(func(*report) {})
	slow := write(func(r *report) {
		r.worsen(3, rateUnit, 99)
		r.worsen(9, "p99-ms", 61)
	})
	judge := func(files ...string) (string, error) {
		var text bytes.Buffer
		err := (&judgeCmd{Results: files}).Run(out{&text, io.Discard})
		return text.String(), err
	}
	text, err := judge(good, slow, good)
	require.NoError(t, err)
	assert.Regexp(t, `pages=10000/traffic=zipf/partitions=3/case=one +of ceiling +1 +0\.99 +1 +1 +>= 1 +met`, text)
	_, err = judge(slow, good, slow)
	require.ErrorIs(t, err, errMissed)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3, "both medians")
	_, err = judge(good, slow)
	assert.ErrorIs(t, err, errMissed, "of two the worse one")
	_, err = judge(good, good, write(func(r *report) { r.runs[10].fail("a page is missing") }))
	assert.ErrorIs(t, err, errWrong)
}

// Figures without a target are not judged.
func TestTargetsAreForKafkaAlone(t *testing.T) {
	r := judgedReport()
	for i, one := range r.runs {
		switch one.benchmark() {
		case "Latency":
			one.name = one.with("linger", "1ms")
		case "Memory", "Restore", "Pauses":
			one.name = one.with("pages", 10_000_000)
		default:
			one.name = one.with("broker", brokerEmbedded)
		}
		r.runs[i] = one
	}
	assert.Empty(t, judge(r))
}

// A missed target ends bench with an error, unless --no-gate is set.
func TestGate(t *testing.T) {
	r := judgedReport()
	r.worsen(10, perPageUnit, 451)
	quiet := out{io.Discard, io.Discard}
	assert.ErrorIs(t, (&outputFlags{Gate: true}).finish(quiet, r), errMissed)
	assert.NoError(t, (&outputFlags{}).finish(quiet, r))
	r.runs[10].fail("a page is missing")
	assert.ErrorIs(t, (&outputFlags{}).finish(quiet, r), errWrong)
}

// A pause ends when any of Go's processors runs again.
func TestStopwatch(t *testing.T) {
	const mine, other, third = trace.ProcID(0), trace.ProcID(1), trace.ProcID(2)
	at := func(ms int) trace.Time { return trace.Time(ms) * trace.Time(time.Millisecond) }
	var s stopwatch
	s.runs(other, at(0))
	s.stop(7, mine, at(10))
	s.runs(mine, at(11)) // the one that stops the others
	s.runs(other, at(12))
	s.runs(third, at(13))
	s.end(7, at(20))
	s.stop(7, mine, at(30)) // nothing else has anything to do
	s.end(8, at(31))        // another range of that name does not end it
	s.end(7, at(33))
	s.end(7, at(40)) // the trace began in the middle of this one
	assert.Equal(t, []float64{2, 3}, s.all)
}

// The pauses of a real trace are found.
func TestPausesOfATrace(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, exectrace.Start(&text))
	for range 3 {
		runtime.GC()
	}
	exectrace.Stop()
	all, err := appendPauses([]float64{1}, text.Bytes())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(all), 1+6, "each collection stops twice")
	assert.Positive(t, quantile(all, 0.5))

	_, err = appendPauses(nil, []byte("no trace"))
	assert.Error(t, err)
}

// Each curve starts at the common first point, and only one parameter varies along it.
func TestGrowthPoints(t *testing.T) {
	c := growthCmd{Partitions: []int32{3, 12}, Inputs: []int32{3, 48}, Tops: []int{10, 100}, Instances: []int{1, 2}}
	points := c.points()
	require.Len(t, points, 8)
	first := points[0]
	for i := 0; i < len(points); i += 2 {
		assert.Equal(t, grown{points[i].what, points[i].n, first.inputs, first.shape}, points[i])
	}
	plain := shape{tablePartitions: 3, top: 10, instances: 1}
	assert.Equal(t, grown{growPartitions, 12, 12, shape{tablePartitions: 12, top: 10, instances: 1}}, points[1])
	assert.Equal(t, grown{growInputs, 48, 48, plain}, points[3])
	assert.Equal(t, grown{growTop, 100, 3, shape{tablePartitions: 3, top: 100, instances: 1}}, points[5])
	assert.Equal(t, grown{growInstances, 2, 3, shape{tablePartitions: 3, top: 10, instances: 2}}, points[7])
}

// The drawing is a well-formed document with colors for dark pages.
func TestPlot(t *testing.T) {
	dir := t.TempDir()
	results, drawing := filepath.Join(dir, "results.txt"), filepath.Join(dir, "curves.svg")
	plot := plotCmd{Results: results, SVG: drawing}
	r := &report{}
	require.NoError(t, r.write(results))
	assert.ErrorContains(t, plot.Run(), "no curves")

	for _, rate := range []int{2_000, 50_000} {
		for _, linger := range []string{"20ms", "1ms", "5ms"} {
			r.add(measuredRun(fmt.Sprintf("Latency/broker=kafka/rate=%d/linger=%s", rate, linger), "p50-ms", 10.0, "p99-ms", 20.0, "bare-p50-ms", 1.0))
		}
	}
	panels := latencyPanels(r.runs)
	require.Len(t, panels, 2)
	assert.Equal(t, []string{"1ms", "5ms", "20ms"}, panels[0].ticks)
	growth := growthPanels([]*run{measuredRun("Growth/broker=kafka/against=input-partitions/n=3", rateUnit, 2e6, ceilingUnit, 1e6)})
	require.Len(t, growth, 1)
	assert.Equal(t, "against input partitions", growth[0].title)
	assert.Equal(t, []float64{2, 1}, []float64{growth[0].curves[0].values[0], growth[0].curves[1].values[0]})
	require.NoError(t, r.write(results))
	require.NoError(t, plot.Run())
	text, err := os.ReadFile(drawing)
	require.NoError(t, err)
	assert.Contains(t, string(text), "50,000 messages/s")
	assert.Contains(t, string(text), "prefers-color-scheme: dark")
	assert.Contains(t, string(text), "fill:#1F2328", "the colour that dark pages replace")
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if !assert.NoError(t, err) {
			break
		}
	}
}
