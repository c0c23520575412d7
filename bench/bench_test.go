package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/traffic"
)

// TestMain turns the test binary into a bench process if bench starts itself.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestQuick runs every benchmark and every contender, on the embedded broker.
func TestQuick(t *testing.T) {
	kafkatest.Long(t)
	file := filepath.Join(t.TempDir(), "results.txt")
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"--quick", "--out", file}, &stdout, &stderr)
	require.Equal(t, 0, code, "%s%s", &stdout, &stderr)
	r, err := readReport(file)
	require.NoError(t, err)
	runs := make(map[string][]*run)
	for _, one := range r.runs {
		runs[one.benchmark()] = append(runs[one.benchmark()], one)
		assert.Empty(t, one.wrong, one.name)
	}
	require.Len(t, runs["Throughput"], 5)
	for _, one := range runs["Throughput"] {
		assert.Positive(t, one.get(rateUnit), one.name)
		assert.Positive(t, one.get("start-s"), one.name)
	}
	one := runs["Throughput"][2]
	assert.Equal(t, caseOne, one.label("case"))
	assert.Positive(t, one.get("peak-MiB"))
	require.Len(t, runs["Latency"], 1)
	assert.Positive(t, runs["Latency"][0].get("p50-ms"))
	assert.Positive(t, runs["Latency"][0].get("bare-p50-ms"))

	require.Len(t, runs["Memory"], 1)
	assert.Positive(t, runs["Memory"][0].get("applied-MiB"))
	require.Len(t, runs["Restore"], 2)
	for _, one := range runs["Restore"] {
		assert.Positive(t, one.get("restore-s"))
		assert.Positive(t, one.get("bare-s"))
		assert.Less(t, one.get("restore-s"), one.get("start-s"))
		assert.GreaterOrEqual(t, one.get("records"), 5_004.0, "every page, and a fence and a progress of two partitions")
	}
	require.Len(t, runs["Pauses"], 1)
	assert.Positive(t, runs["Pauses"][0].get("pauses"))

	require.Len(t, runs["Growth"], 8)
	for _, one := range runs["Growth"] {
		assert.Positive(t, one.get(rateUnit), one.name)
		assert.Positive(t, one.get(ceilingUnit), one.name)
	}
	assert.Equal(t, []string{growInstances, growInstances}, []string{runs["Growth"][6].label("against"), runs["Growth"][7].label("against")})
	assert.Equal(t, []int{1, 2}, []int{runs["Growth"][6].number("n"), runs["Growth"][7].number("n")})

	require.Len(t, runs["Idle"], 2)
	assert.Zero(t, runs["Idle"][0].get("ranges/s"))
	assert.Positive(t, runs["Idle"][1].get("ranges/s"))
	assert.Positive(t, runs["Idle"][1].get("p50-ms"))
	for _, one := range runs["Idle"] {
		assert.Positive(t, one.get(residentUnit))
		assert.Positive(t, one.get("wakeups/s"))
	}

	require.Len(t, runs["Streams"], 2)
	none, some := runs["Streams"][0], runs["Streams"][1]
	assert.Equal(t, []int{0, 20}, []int{none.number("clients"), some.number("clients")})
	assert.Zero(t, none.get(boardsUnit))
	assert.Positive(t, some.get(boardsUnit))
	assert.Positive(t, some.get("seen-max-ms"))
	assert.Positive(t, some.get("cpu-s/M"))
	assert.InDelta(t, some.get("cpu-s/M"), some.get("pipeline-cpu-s/M")+some.get("serving-cpu-s/M")+some.get("runtime-cpu-s/M"), some.get("cpu-s/M")/1000)
}

// Results survive a round trip, and benchstat can read them.
func TestResults(t *testing.T) {
	r := &report{}
	good, bad := newRun("Latency", "broker", brokerKafka, "rate", 2000), newRun("Pauses", "broker", brokerKafka)
	good.set("p99-ms", 12.3456789)
	bad.set("pauses", 3)
	bad.fail("a page is\nmissing")
	bad.fail("another: too")
	r.add(good, bad, good)
	file := filepath.Join(t.TempDir(), "results.txt")
	require.NoError(t, r.write(file))
	again, err := readReport(file)
	require.NoError(t, err)
	require.Len(t, again.runs, 3)
	assert.Equal(t, good, again.runs[0])
	assert.InDelta(t, 12.34568, again.runs[2].get("p99-ms"), 1e-9)
	assert.Equal(t, []string{"a page is missing", "another: too"}, again.runs[1].wrong)
	assert.ErrorIs(t, again.exact(), errWrong)
	assert.ErrorContains(t, again.exact(), "Pauses/broker=kafka: another: too")
	assert.Equal(t, 2000, good.number("rate"))
	assert.Equal(t, "Latency/broker=embedded/rate=2000", good.with("broker", brokerEmbedded))

	var text bytes.Buffer
	require.NoError(t, again.print(&text))
	assert.Regexp(t, `(?s)Latency broker=kafka rate=2000\n.*12\.3 +exact.*Pauses broker=kafka\n.*3 +WRONG`, text.String())

	require.NoError(t, os.WriteFile(file, []byte("BenchmarkX 1 two messages/s\n"), 0o600))
	_, err = readReport(file)
	assert.ErrorContains(t, err, file)
}

// The digest of a recount detects any difference.
func TestDigest(t *testing.T) {
	simulator, err := traffic.NewSimulator(traffic.Options{Pages: 50, Seed: 7})
	require.NoError(t, err)
	mine, theirs := newCounter(true), harness.NewRecount()
	for message := range simulator.Messages() {
		require.NoError(t, mine.count(message))
		require.NoError(t, theirs.Add(message, 1))
		if theirs.Counted == 5_000 {
			break
		}
	}
	counted := recountOf(mine.sums)
	assert.Equal(t, theirs.Top(50), counted.Top(50), "the program's sums are those of the recount")
	before := digest(theirs)
	assert.Equal(t, before, digest(counted))
	counted.Pages["page1"].Likes++
	assert.NotEqual(t, before, digest(counted))
}

// A message is on the first board whose offset is above its own.
func TestBoardTimes(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	created := [][]time.Time{{at(0), at(1), at(2)}, {at(0)}}
	boards := []*harness.Board{
		{Came: at(10), Offsets: map[string]int64{"0": 1}},
		{Came: at(20), Offsets: map[string]int64{"0": 1, "1": 1}},
		{Came: at(30), Offsets: map[string]int64{"0": 3, "1": 1}},
	}
	assert.Equal(t, [][]time.Time{{at(10), at(30), at(30)}, {at(20)}}, boardTimes(boards, created))

	assert.False(t, boards[1].Covers(endsOf(created)), "an offset is below")
	assert.True(t, boards[2].Covers(endsOf(created)))
	assert.False(t, (&harness.Board{Offsets: map[string]int64{"0": 3}}).Covers(endsOf(created)), "a partition is not known yet")

	all, err := latencies(created, at(1), boardTimes(boards, created))
	require.NoError(t, err)
	assert.InDelta(t, 28, quantile(all, 0.5), 0.1)
	assert.InDelta(t, 29, quantile(all, 1), 0.1)
	_, err = latencies(created, at(0), boardTimes(boards[:1], created))
	assert.Error(t, err, "not all have come")
}

// The median of each figure counts; of an even number, the worse of the middle ones.
func TestMedians(t *testing.T) {
	one := func(name string, rate, cpu float64) *run {
		r := newRun(name)
		r.values = nil
		r.set(rateUnit, rate)
		r.set("cpu-s/M", cpu)
		return r
	}
	r := &report{runs: []*run{one("a", 3, 1), one("a", 1, 2), one("b", 9, 1), one("a", 2, 3), one("b", 8, 2)}}
	assert.Equal(t, []*run{one("a", 2, 2), one("b", 8, 2)}, r.medians())
}

func TestQuantile(t *testing.T) {
	assert.Zero(t, quantile(nil, 0.5))
	all := []float64{0.024, 0.15, 17, 0}
	assert.Equal(t, []float64{0, 0.024, 17, 17}, []float64{quantile(all, 0), quantile(all, 0.5), quantile(all, 0.999), quantile(all, 1)})
	many := make([]float64, 2000)
	for i := range many {
		many[len(many)-1-i] = float64(i + 1)
	}
	assert.Equal(t, []float64{1000, 1998, 2000}, []float64{quantile(many, 0.5), quantile(many, 0.999), quantile(many, 1)})
}

// Every page is visited once in each round.
func TestVisitEach(t *testing.T) {
	const pages, rounds = 1000, 3
	visits := 0
	seen := make(map[string]bool)
	for message := range visitEach(pages, 40, rounds) {
		if visits%pages == 0 {
			clear(seen)
		}
		visits++
		page, _, _ := bytes.Cut(message, []byte{'|'})
		require.Len(t, page, 40)
		require.False(t, seen[string(page)])
		seen[string(page)] = true
	}
	assert.Equal(t, pages*rounds, visits)
}

func TestThousands(t *testing.T) {
	assert.Equal(t, "1,234,567", thousands(1_234_567))
	assert.Equal(t, "999", thousands(999))
}
