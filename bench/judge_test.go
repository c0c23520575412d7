package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	exectrace "runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/exp/trace"
)

// judgedReport has one run for each target, all of them just met.
func judgedReport() *report {
	r := newReport()
	run := func(pages int, kind, contender string, rate float64) {
		s := scenario{Broker: brokerKafka, Pages: pages, Traffic: kind, Partitions: 3, Messages: 1}
		r.Throughput = append(r.Throughput, &result{scenario: s, Case: contender, Rate: rate})
	}
	for _, s := range []struct {
		pages int
		kind  string
		one   float64
	}{{100, trafficUniform, 120}, {10_000, trafficZipf, 100}, {1_000_000, trafficUniform, 60}, {1_000_000, trafficZipf, 70}} {
		run(s.pages, s.kind, caseCeiling, 100)
		run(s.pages, s.kind, caseOne, s.one)
	}
	run(10_000, trafficZipf, caseGoka, 3.9)
	r.Latency = []*latencyResult{{Broker: brokerKafka, Rate: 2_000, Linger: "5ms", Pages: 10_000, Board: percentiles{P50: 30, P99: 60}}}
	r.Pages = []*pagesResult{{Broker: brokerKafka, Pages: 1_000_000, NameBytes: 40, PerPage: 450, PerPageRestored: 450,
		Pauses: pauses{P999: 5}, Bare: 0.75, Restore: 1, Start: 2.25}}
	r.Streams = []*streamsResult{
		{Broker: brokerKafka, Rate: 20_000, Pipeline: 100},
		{Broker: brokerKafka, Rate: 20_000, Clients: 1_000, Pipeline: 105, Serving: 900, Seen: percentiles{Max: 400}},
		{Broker: brokerKafka, Rate: 20_000, Clients: 1_000, Pipeline: 104, Seen: percentiles{Max: 500}},
		{Broker: brokerKafka, Rate: 20_000, Clients: 1_000, Pipeline: 115, Seen: percentiles{Max: 400}},
	}
	return r
}

func TestTargets(t *testing.T) {
	r := judgedReport()
	all := r.judge()
	assert.Len(t, all, 4+1+2+5+2)
	require.NoError(t, missed(all))

	worse := map[string]func(r *report){
		"100 pages":                func(r *report) { r.Throughput[1].Rate = 119 },
		"10,000 pages":             func(r *report) { r.Throughput[3].Rate = 99 },
		"1,000,000 pages, uniform": func(r *report) { r.Throughput[5].Rate = 59 },
		"1,000,000 pages, zipf":    func(r *report) { r.Throughput[7].Rate = 69 },
		"of goka":                  func(r *report) { r.Throughput[8].Rate = 4.1 },
		"p50":                      func(r *report) { r.Latency[0].Board.P50 = 30.1 },
		"p99":                      func(r *report) { r.Latency[0].Board.P99 = 60.1 },
		"bytes per page, applied":  func(r *report) { r.Pages[0].PerPage = 451 },
		"bytes per page, restored": func(r *report) { r.Pages[0].PerPageRestored = 451 },
		"pauses of the collector":  func(r *report) { r.Pages[0].Pauses.P999 = 5.1 },
		"restore, of the bare":     func(r *report) { r.Pages[0].Restore = 1.2 },
		"start, above the bare":    func(r *report) { r.Pages[0].Start = 2.3 },
		"of that without streams":  func(r *report) { r.Streams[1].Pipeline = 105.1 },
		"sees the newest board":    func(r *report) { r.Streams[3].Seen.Max = 501 },
	}
	for what, change := range worse {
		r := judgedReport()
		change(r)
		err := missed(r.judge())
		require.ErrorIs(t, err, errMissed, what)
		assert.Len(t, strings.Split(err.Error(), "\n"), 2, what)
		assert.ErrorContains(t, err, what)
		var text bytes.Buffer
		require.NoError(t, printJudgements(&text, r.judge()))
		assert.Equal(t, 1, strings.Count(text.String(), "MISSED"), what)
	}
}

// Of several runs the medians are judged, and each has to be exact.
func TestJudgeRuns(t *testing.T) {
	write := func(change func(*report)) string {
		r := judgedReport()
		change(r)
		file := filepath.Join(t.TempDir(), "results.json")
		require.NoError(t, r.write(file))
		return file
	}
	good := write(func(*report) {})
	slow := write(func(r *report) { r.Throughput[3].Rate, r.Latency[0].Board.P99 = 99, 61 })
	judge := func(files ...string) (string, error) {
		var text bytes.Buffer
		err := (&judgeCmd{Results: files}).Run(out{&text, io.Discard})
		return text.String(), err
	}
	text, err := judge(good, slow, good)
	require.NoError(t, err)
	assert.Regexp(t, `10,000 pages, zipf, 3 partitions: of ceiling +1 +0\.99 +1 +1 +>= 1 +met`, text)
	_, err = judge(slow, good, slow)
	require.ErrorIs(t, err, errMissed)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3, "both medians")
	_, err = judge(good, slow)
	assert.ErrorIs(t, err, errMissed, "of two the worse one")
	_, err = judge(good, good, write(func(r *report) { r.Pages[0].Wrong = []string{"a page is missing"} }))
	assert.ErrorIs(t, err, errWrong)
}

// Nothing is judged that no target is for.
func TestTargetsAreForKafkaAlone(t *testing.T) {
	r := judgedReport()
	for _, res := range r.Throughput {
		res.Broker = brokerEmbedded
	}
	r.Latency[0].Linger = "1ms"
	r.Pages[0].Pages = 10_000_000
	for _, res := range r.Streams {
		res.Broker = brokerEmbedded
	}
	assert.Empty(t, r.judge())
}

// A missed target ends bench with an error, unless the gate is open.
func TestGate(t *testing.T) {
	r := judgedReport()
	r.Pages[0].PerPage = 451
	quiet := out{io.Discard, io.Discard}
	assert.ErrorIs(t, (&outputFlags{Gate: true}).finish(quiet, r), errMissed)
	assert.NoError(t, (&outputFlags{}).finish(quiet, r))
	r.Pages[0].Wrong = []string{"a page is missing"}
	assert.ErrorIs(t, (&outputFlags{}).finish(quiet, r), errWrong)
}

// A pause is over as soon as another of Go's processors runs again.
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
	file := filepath.Join(t.TempDir(), "execution.trace")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, exectrace.Start(f))
	for range 3 {
		runtime.GC()
	}
	exectrace.Stop()
	require.NoError(t, f.Close())
	all, err := pausesIn(file)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, all.Count, 6, "each collection stops twice")
	assert.Positive(t, all.P50)
	assert.LessOrEqual(t, all.P50, all.Max)

	require.NoError(t, os.WriteFile(file, []byte("no trace"), 0o600))
	_, err = pausesIn(file)
	assert.ErrorContains(t, err, file)
}

func TestPauses(t *testing.T) {
	assert.Equal(t, pauses{Count: 4, P50: 0.024, P999: 17, Max: 17}, pausesOf([]float64{0.024, 0.15, 17, 0}))
	assert.Zero(t, pausesOf(nil))
	many := make([]float64, 2000)
	for i := range many {
		many[i] = float64(i + 1)
	}
	assert.Equal(t, pauses{Count: 2000, P50: 1000, P999: 1998, Max: 2000}, pausesOf(many))
}

// Each curve begins where all do, and only one thing grows along it.
func TestGrowthPoints(t *testing.T) {
	c := growthCmd{Partitions: []int32{3, 12}, Inputs: []int32{3, 48}, Tops: []int{10, 100}, Instances: []int{1, 2}}
	points := c.points()
	require.Len(t, points, 8)
	first := points[0]
	for i := 0; i < len(points); i += 2 {
		assert.Equal(t, grown{points[i].what, points[i].n, first.inputs, first.shape}, points[i])
	}
	plain := shape{TablePartitions: 3, Top: 10, Instances: 1}
	assert.Equal(t, grown{growPartitions, 12, 12, shape{TablePartitions: 12, Top: 10, Instances: 1}}, points[1])
	assert.Equal(t, grown{growInputs, 48, 48, plain}, points[3])
	assert.Equal(t, grown{growTop, 100, 3, shape{TablePartitions: 3, Top: 100, Instances: 1}}, points[5])
	assert.Equal(t, grown{growInstances, 2, 3, shape{TablePartitions: 3, Top: 10, Instances: 2}}, points[7])
}

// What is drawn is a well-formed document that dark pages have colours for.
func TestPlot(t *testing.T) {
	dir := t.TempDir()
	results, drawing := filepath.Join(dir, "results.json"), filepath.Join(dir, "curves.svg")
	plot := plotCmd{Results: results, SVG: drawing}
	r := newReport()
	require.NoError(t, r.write(results))
	assert.ErrorContains(t, plot.Run(), "no curves")

	for _, rate := range []int{2_000, 50_000} {
		for _, linger := range []string{"20ms", "1ms", "5ms"} {
			r.Latency = append(r.Latency, &latencyResult{Broker: brokerKafka, Rate: rate, Linger: linger,
				Board: percentiles{P50: 10, P99: 20}, Bare: percentiles{P50: 1}})
		}
	}
	panels := latencyPanels(r.Latency)
	require.Len(t, panels, 2)
	assert.Equal(t, []string{"1ms", "5ms", "20ms"}, panels[0].ticks)
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

// A sample belongs to its innermost function that is known.
func TestKindsOfWork(t *testing.T) {
	sample := func(functions ...string) *profile.Sample {
		s := &profile.Sample{}
		for _, name := range functions {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
		}
		return s
	}
	works := kindsOfWork()
	for want, functions := range map[string][]string{
		"parsing messages":               {"pageheat/codec.leadingDigits", "pageheat/codec.ParseBehaviour", "pageheat/processors.(*Combiner).Add"},
		"summing per page":               {"memeqbody", "pageheat/processors.(*sums).count", "github.com/lovoo/goka.(*PartitionProcessor).run"},
		"allocating and collecting":      {"runtime.scanObject", "runtime.gcDrain", "runtime.gcBgMarkWorker"},
		"system calls":                   {"internal/runtime/syscall/linux.Syscall6", "syscall.Syscall", "github.com/IBM/sarama.(*Broker).write"},
		"cutting and encoding the table": {"pageheat/codec.appendTotals", "pageheat/codec.AppendPageState", "pageheat/store.(*Cut).Next"},
		otherWork:                        {"runtime.futex", "runtime.findRunnable", "runtime.mcall"},
	} {
		assert.Equal(t, want, works.of(sample(functions...)))
	}
	assert.Equal(t, "kafka-10000-uniform-3-one", profiled("/tmp/x/bench-kafka-10000-uniform-3-one-0-4711.cpu"))
}

// A profile of a real process can be read.
func TestHotspots(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "bench-embedded-100-zipf-2-one-0-1.cpu"))
	require.NoError(t, err)
	require.NoError(t, pprof.StartCPUProfile(f))
	for began := time.Now(); time.Since(began) < 100*time.Millisecond; {
		newRecount().digest()
	}
	pprof.StopCPUProfile()
	require.NoError(t, f.Close())
	var text bytes.Buffer
	require.NoError(t, (&hotspotsCmd{Dir: dir}).Run(out{&text, io.Discard}))
	assert.Contains(t, text.String(), "| embedded-100-zipf-2-one |")
	assert.Contains(t, text.String(), "| processor seconds |")
	assert.ErrorContains(t, (&hotspotsCmd{Dir: t.TempDir()}).Run(out{&text, io.Discard}), "no profile")
}
