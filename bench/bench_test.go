package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/traffic"
)

// TestMain makes the test binary a process of bench where bench starts itself.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestQuick runs every benchmark and every contender, on the embedded broker.
func TestQuick(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--quick", "--json", file}, &stdout, &stderr)
	require.Equal(t, 0, code, "%s%s", &stdout, &stderr)
	r, err := readReport(file)
	require.NoError(t, err)
	require.Len(t, r.Throughput, 6)
	for _, res := range r.Throughput {
		assert.Positive(t, res.Rate, res.Case)
		assert.Positive(t, res.StartUp, res.Case)
	}
	one := r.Throughput[3]
	assert.Equal(t, caseOne, one.Case)
	assert.Positive(t, one.Peak)
	assert.Positive(t, one.Bytes["behavior"])
	assert.Positive(t, one.Bytes["heat-table"])
	require.Len(t, r.Latency, 1)
	assert.Positive(t, r.Latency[0].Board.P50)
	require.Len(t, r.Pages, 1)
	pages := r.Pages[0]
	assert.Len(t, pages.Restores, 2)
	assert.Positive(t, pages.Restore)
	assert.Positive(t, pages.Bare)
	assert.Less(t, pages.Restore, pages.Start)
	assert.Positive(t, pages.Pauses.Count)
	assert.GreaterOrEqual(t, pages.Records, int64(5_004), "every page, and a fence and a progress of two partitions")

	require.Len(t, r.Growth, 8)
	for _, g := range r.Growth {
		assert.Positive(t, g.Rate, g.What)
		assert.Positive(t, g.Ceiling, g.What)
	}
	assert.Equal(t, []int{1, 2}, []int{r.Growth[6].Instances, r.Growth[7].Instances})

	require.Len(t, r.Streams, 2)
	none, some := r.Streams[0], r.Streams[1]
	assert.Equal(t, []int{0, 20}, []int{none.Clients, some.Clients})
	assert.Zero(t, none.Events)
	assert.Positive(t, some.Events)
	assert.Positive(t, some.Seen.Max)
	assert.Positive(t, some.CPU)
	assert.InDelta(t, some.CPU, some.Pipeline+some.Serving+some.Runtime, some.CPU/1000)

	var again bytes.Buffer
	require.NoError(t, r.compare(&again, r))
	assert.Contains(t, again.String(), "1.00")
}

// The answers of the recount are known: the board's rules at work on a few lines.
func TestRecount(t *testing.T) {
	r := newRecount()
	for _, line := range []string{"page001.html|1|0.5|1", "b|1|0.5|1", "a|2|7.152557E-6|-1", "b|3|4.9999995|0"} {
		require.NoError(t, r.add([]byte(line)))
	}
	require.Error(t, r.add([]byte("a|1")))
	page := func(rank int, name, heat, clicks, minutes, likes, behaviours string) harness.Page {
		return harness.Page{Rank: rank, Page: name, Heat: json.Number(heat), Clicks: json.Number(clicks),
			Minutes: json.Number(minutes), Likes: json.Number(likes), Behaviours: json.Number(behaviours)}
	}
	want := []harness.Page{
		page(1, "b", "8.5999996", "4", "5.4999995", "1", "2"),
		page(2, "page001.html", "2.2", "1", "0.5", "1", "1"),
		page(3, "a", "0.6000057224", "2", "0.000007153", "-1", "1"),
	}
	assert.Equal(t, want, r.top(10))
	assert.Equal(t, want[:1], r.top(1))

	board := &harness.Board{Counted: 4, Pages: want}
	assert.Empty(t, r.compareBoard(board))
	board.Counted = 3
	assert.NotEmpty(t, r.compareBoard(board))
}

// A recount agrees with the one of the integration tests, which shares nothing
// with it either, and its digest tells any difference.
func TestRecountOfTraffic(t *testing.T) {
	simulator, err := traffic.NewSimulator(traffic.Options{Pages: 50, Seed: 7})
	require.NoError(t, err)
	mine, theirs := newRecount(), harness.NewRecount()
	n := 0
	for message := range simulator.Messages() {
		require.NoError(t, mine.add(message))
		require.NoError(t, theirs.Add(message, 1))
		if n++; n == 5_000 {
			break
		}
	}
	assert.Equal(t, theirs.Top(50), mine.top(50))
	before := mine.digest()
	mine.pages["page1"].likes++
	assert.NotEqual(t, before, mine.digest())
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

	assert.False(t, includes(boards[1], created), "an offset is below")
	assert.True(t, includes(boards[2], created))
	assert.False(t, includes(&harness.Board{Offsets: map[string]int64{"0": 3}}, created), "a partition is not known yet")

	p, err := latencies(created, at(1), boardTimes(boards, created))
	require.NoError(t, err)
	assert.InDelta(t, 28, p.P50, 0.1)
	assert.InDelta(t, 29, p.Max, 0.1)
	_, err = latencies(created, at(0), boardTimes(boards[:1], created))
	assert.Error(t, err, "not all have come")
}

func TestMedians(t *testing.T) {
	s := scenario{Broker: brokerEmbedded, Pages: 100, Messages: 1}
	run := func(contender string, rate float64) *result { return &result{scenario: s, Case: contender, Rate: rate} }
	all := []*result{run(caseOne, 3), run(caseOne, 1), run(caseTwo, 9), run(caseOne, 2)}
	assert.Equal(t, []*result{all[3], all[2]}, medians(all))
}

// Every page is visited once.
func TestVisitEach(t *testing.T) {
	seen := make(map[string]bool)
	for message := range visitEach(1000, 40, 1) {
		page, _, _ := bytes.Cut(message, []byte{'|'})
		require.Len(t, page, 40)
		seen[string(page)] = true
	}
	assert.Len(t, seen, 1000)
}

func TestThousands(t *testing.T) {
	assert.Equal(t, "1,234,567", thousands(1_234_567))
	assert.Equal(t, "999", thousands(999))
}
