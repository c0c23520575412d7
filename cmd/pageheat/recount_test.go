package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// pastInput is an input whose behaviours have times of their own.
type pastInput struct {
	*testing.T
	brokers string
	client  *kgo.Client
	config  string // a file with boards
}

const (
	pastTopic  = "user-behavior-topic"
	pastOutput = "page-popularity-top10"
)

func newPastInput(t *testing.T) *pastInput {
	t.Helper()
	in := &pastInput{T: t, brokers: broker(t, kfake.SeedTopics(2, pastTopic), kfake.SeedTopics(1, pastOutput, "pageheat-leaders", "pageheat-heat-table")), config: filepath.Join(t.TempDir(), "pageheat.yaml")}
	require.NoError(t, os.WriteFile(in.config, []byte(`
boards:
  hour: {kind: window, window: 1h}
  days: {kind: calendar, calendar: day, group-by: "/([a-z]+)/.*"}
`), 0o600))
	var err error
	in.client, err = kgo.NewClient(kgo.SeedBrokers(in.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(in.client.Close)
	for i, b := range []struct{ at, value string }{
		{"2026-01-01T23:59:59Z", "/sport/a|1|0|0"},
		{"2026-01-02T00:00:00Z", "/sport/b|2|0|0"},
		{"2026-01-02T11:00:59Z", "/news/c|7|0|0"}, // of minute 11:00: not of the hour until 12:00
		{"2026-01-02T12:00:30Z", "/sport/b|1|2.5|1"},
		{"2026-01-02T11:01:00Z", "/news/c|1|0|0"},
		{"2026-01-02T11:30:00Z", "no behaviour"},
		{"2026-01-02T12:01:00Z", "/sport/a|5|0|0"},
	} {
		at, err := time.Parse(time.RFC3339, b.at)
		require.NoError(t, err)
		in.send(&kgo.Record{Topic: pastTopic, Partition: int32(i % 2), Value: []byte(b.value), Timestamp: at})
	}
	return in
}

func (in *pastInput) send(r *kgo.Record) {
	in.Helper()
	require.NoError(in, in.client.ProduceSync(in.Context(), r).FirstErr())
}

func (in *pastInput) run(args ...string) (code int, out, log string) {
	in.Helper()
	return in.runIn(in.Context(), args...)
}

func (in *pastInput) runIn(ctx context.Context, args ...string) (code int, out, log string) {
	in.Helper()
	var stdout, stderr bytes.Buffer
	code = run(ctx, append([]string{"recount", "--brokers", in.brokers, "--config", in.config}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// board is the board that recount prints.
func (in *pastInput) board(args ...string) *codec.Board {
	in.Helper()
	code, out, log := in.run(append(args, "--json")...)
	require.Equal(in, exitDone, code, log)
	b, err := codec.DecodeBoard([]byte(out))
	require.NoError(in, err, out)
	return b
}

// pagesOf are the pages of a board with their heat.
func pagesOf(b *codec.Board) string {
	all := make([]string, len(b.Pages))
	for i, p := range b.Pages {
		all[i] = p.Page + " " + string(p.Heat)
	}
	return strings.Join(all, ", ")
}

func TestRecount(t *testing.T) {
	t.Parallel()
	in := newPastInput(t)
	for _, c := range []struct {
		args  []string
		pages string
	}{
		{nil, "/news/c 6.4, /sport/b 5.4, /sport/a 4.8"},
		{[]string{"--prefix", "without-a-table"}, "/news/c 6.4, /sport/b 5.4, /sport/a 4.8"},
		{[]string{"--weight-likes", "3", "--top", "2"}, "/sport/b 7.4, /news/c 6.4"},
		{[]string{"--as-of", "2026-01-02T12:00:00Z"}, "/news/c 6.4, /sport/b 5.4, /sport/a 0.8"},
		{[]string{"--board", "hour", "--as-of", "2026-01-02T12:00:00Z"}, "/sport/b 3.8, /news/c 0.8"},
		{[]string{"--board", "hour", "--as-of", "2026-01-02T13:01:07+01:00"}, "/sport/a 4, /sport/b 3.8"},
		{[]string{"--board", "days/2026-01-02"}, "/news/c 6.4, /sport/b 5.4, /sport/a 4"},
		{[]string{"--board", "days/2026-01-01"}, "/sport/a 0.8"},
		{[]string{"--board", "days/2026-01-03"}, ""},
		{[]string{"--board", "days/news", "--as-of", "2026-01-02T11:01:00Z"}, "/news/c 6.4"},
		{[]string{"--board", "days", "--as-of", "2026-01-02T11:00:00Z"}, "/news/c 5.6, /sport/b 1.6"},
		{[]string{"--board", "days", "--as-of", "2026-01-02T11:00:00Z", "--offsets", `{"0":4,"1":1}`}, "/news/c 6.4, /sport/a 4, /sport/b 1.6"},
		{[]string{"--board", "mine/sport kind=window window=2h group-by=/([a-z]+)/.* max-per-step=1 step=1h", "--as-of", "2026-01-02T13:10:00Z"}, "/sport/a 1, /sport/b 1"},
		{[]string{"--board", "hot kind=trending half-life=1h weight-minutes=0", "--as-of", "2026-01-02T13:00:00Z"}, "/sport/a 2.0233354152, /news/c 1.6023238881, /sport/b 0.9001953125"},
	} {
		b := in.board(c.args...)
		assert.Equal(t, c.pages, pagesOf(b), c.args)
	}

	b := in.board("--board", "days/2026-01-02")
	assert.Equal(t, "days/2026-01-02", b.Board)
	assert.Equal(t, "calendar", b.Kind)
	assert.Equal(t, "2026-01-02", b.Period)
	assert.True(t, b.Final)
	assert.Equal(t, time.Date(2026, 1, 3, 1, 0, 0, 0, time.UTC), b.AsOf)
	assert.JSONEq(t, `{"kind":"calendar","size":10,"calendar":"day","time-zone":"UTC","grace":"1h","keep":"400d","weight-clicks":0.8,"weight-minutes":0.8,"weight-likes":1,"group-by":"/([a-z]+)/.*","max-groups":100,"min-behaviours":1}`, string(b.Definition))
	assert.Equal(t, codec.NewOffsets([]int64{4, 3}), b.Offsets)
	assert.EqualValues(t, 5, b.Counted)
	assert.Equal(t, "sport", in.board("--board", "days/sport", "--as-of", "2026-01-02T12:00:00Z").Group)
	assert.False(t, in.board("--board", "days/"+time.Now().UTC().Format(time.DateOnly)).Final, "it is not closed")

	code, out, log := in.run("--board", "hour", "--as-of", "2026-01-02T12:00:00Z")
	assert.Equal(t, exitDone, code, log)
	assert.Regexp(t, `(?s)^hour.*1\s+·\s+/sport/b\s+3\.80.*2\s+·\s+/news/c\s+0\.80`, out)
	assert.Contains(t, log, "recounted")
	assert.Contains(t, log, `"invalid":1`)
}

func TestRecountRefusesMistakes(t *testing.T) {
	t.Parallel()
	in := newPastInput(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--board", "other"}, exitUsage, `--board: there is no board "other" among the settings (all-time, hour, days)`},
		{[]string{"--board", "hour/sport"}, exitUsage, "board hour has no board \"sport\" of its own"},
		{[]string{"--board", "days/a/b"}, exitUsage, `"a/b" is neither a day nor a group of board days`},
		{[]string{"--board", "days/"}, exitUsage, "must be the name of a board"},
		{[]string{"--board", ""}, exitUsage, "must be the name of a board"},
		{[]string{"--board", "x kind=window"}, exitUsage, `board "x": window:`},
		{[]string{"--board", "days/2026-01-02", "--as-of", "2026-01-02T12:00:00Z"}, exitUsage, "--as-of"},
		{[]string{"--as-of", "tuesday"}, exitUsage, `--as-of: "tuesday" is not a time in RFC 3339`},
		{[]string{"--offsets", "7"}, exitUsage, "--offsets"},
		{[]string{"--offsets", `{"0":9}`}, exitFailed, "partition 0 ends at offset 4: there is no offset 9"},
		{[]string{"--offsets", `{"7":9}`}, exitFailed, "has no partition 7"},
		{[]string{"--compare", "--json"}, exitUsage, "leave out --json"},
		{[]string{"--compare", "--as-of", "2026-01-02T12:00:00Z"}, exitUsage, "leave out --as-of"},
		{[]string{"--compare"}, exitFailed, `there is no board "all-time" in topic`},
		{[]string{"--max-pages", "0"}, exitUsage, "--max-pages"},
		{[]string{"--top", "0"}, exitUsage, "--top"},
		{[]string{"--max-pages", "2"}, exitFailed, "more than 2 pages have behaviours on board all-time: allow more (--max-pages)"},
		{[]string{"--input", "elsewhere"}, exitFailed, "topic elsewhere does not exist"},
	} {
		code, out, log := in.run(c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, log)
		assert.Contains(t, log, c.want, c.args)
		assert.Empty(t, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, _ := in.runIn(ctx)
	assert.Equal(t, exitInterrupted, code)
}

// TestRecountCompares a published board, digit by digit, at its own offsets and time.
func TestRecountCompares(t *testing.T) {
	t.Parallel()
	in := newPastInput(t)
	for i, c := range []struct{ args, digit string }{
		{"", `"heat":6.4`}, {"--board hour --as-of 2026-01-02T12:00:00Z", `"clicks":1`}, {"--board days/2026-01-02", `"behaviours":2`},
		{"--board days/news --as-of 2026-01-02T12:00:00Z", `"page":"/news/c"`},
	} {
		args := strings.Fields(c.args)
		b := in.board(append(args, "--offsets", `{"0":4,"1":3}`)...)
		b.Version = uint64(i + 1)
		value, err := codec.EncodeBoard(b)
		require.NoError(t, err)
		in.send(&kgo.Record{Topic: pastOutput, Key: []byte(b.Board), Value: value})
		in.send(&kgo.Record{Topic: pastTopic, Value: []byte("/sport/a|1|1|1"), Timestamp: b.AsOf}) // later than its offsets
		compare := slices.Concat(args[:min(2, len(args))], []string{"--compare"})
		code, out, log := in.run(compare...)
		require.Equal(t, exitDone, code, "%s%s", out, log)
		assert.Contains(t, out, "pages are exact at its offsets\n")

		require.Contains(t, string(value), c.digit)
		b.Version += 10
		value, err = codec.EncodeBoard(b)
		require.NoError(t, err)
		changed := c.digit[:len(c.digit)-1] + "9" + strings.Repeat(`"`, strings.Count(c.digit, `"`)/4)
		in.send(&kgo.Record{Topic: pastOutput, Key: []byte(b.Board), Value: bytes.Replace(value, []byte(c.digit), []byte(changed), 1)})
		code, out, log = in.run(compare...)
		require.Equal(t, exitDifference, code, "%s%s", out, log)
		assert.Regexp(t, `(?m)^rank \d: published: page .*, recounted: page .*\nboard \S+, version \d+: 1 differences$`, out)
		in.send(&kgo.Record{Topic: pastOutput, Key: []byte(b.Board), Value: nil})
	}

	// Another definition is not compared.
	b := in.board("--board", "hour kind=window window=1h size=3")
	b.Version = 100
	value, err := codec.EncodeBoard(b)
	require.NoError(t, err)
	in.send(&kgo.Record{Topic: pastOutput, Key: []byte("hour"), Value: value})
	code, _, log := in.run("--board", "hour", "--compare")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, `the published board "hour" has another definition: {"kind":"window","size":3,`)
}

// TestRecountSaysWhatIsGone: what retention has deleted is not on the board, and cannot be compared.
func TestRecountSaysWhatIsGone(t *testing.T) {
	t.Parallel()
	in := newPastInput(t)
	whole := in.board()
	var offsets kadm.Offsets
	offsets.AddOffset(pastTopic, 0, 2, -1)
	_, err := kadm.NewClient(in.client).DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	code, out, log := in.run("--json")
	require.Equal(t, exitDone, code, log)
	assert.Contains(t, log, "the input does not reach back")
	assert.Contains(t, log, `"begins_at":2`)
	var b struct{ Counted uint64 }
	require.NoError(t, json.Unmarshal([]byte(out), &b))
	assert.Equal(t, whole.Counted-2, b.Counted)

	// The last hour needs none of it.
	_, _, log = in.run("--board", "hour")
	assert.NotContains(t, log, "reach back")

	whole.Version = 1
	value, err := codec.EncodeBoard(whole)
	require.NoError(t, err)
	in.send(&kgo.Record{Topic: pastOutput, Key: []byte("all-time"), Value: value})
	code, _, log = in.run("--compare")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, log, "it cannot be compared")
}

// TestRecountComparesWhileBehavioursArrive: exactly, boards of all kinds, although the heat partitions of a board have not counted
// up to the same offsets.
func TestRecountComparesWhileBehavioursArrive(t *testing.T) {
	brokers := broker(t)
	config := filepath.Join(t.TempDir(), "pageheat.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
boards:
  hour: {kind: window, window: 1h}
  trending: {kind: trending, half-life: 10m, exclude: page2.*, min-behaviours: 2, group-by: page(.).*, max-per-group: 3}
  today: {kind: calendar, calendar: day, max-per-step: 100000}
`), 0o600))
	common := []string{"--brokers", brokers, "--config", config}
	command := func(args ...string) (code int, out string) {
		var stdout, stderr bytes.Buffer
		code = run(t.Context(), append(args, common...), strings.NewReader(""), &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	code, out := command("topics", "create", "--partitions", "3", "--replication", "1")
	require.Equal(t, exitDone, code, out)
	first := start(t, "--board", "hour kind=window window=1h", "--brokers", brokers)
	first.ready(t)
	code, out = command("produce", "--rate", "max", "--count", "3000", "--pages", "30")
	require.Equal(t, exitDone, code, out)
	require.Eventually(t, func() bool {
		_, out := command("top", "--once", "--json")
		return strings.Contains(out, `"counted":3000`)
	}, 30*time.Second, 10*time.Millisecond)
	first.stop()
	require.Equal(t, exitDone, <-first.ended, first.log)
	start(t, common...).ready(t) // the other boards count from here on
	ctx, stop := context.WithCancel(t.Context())
	var producing sync.WaitGroup
	defer producing.Wait()
	defer stop()
	producing.Go(func() {
		run(ctx, append([]string{"produce", "--rate", "2000", "--pages", "30"}, common...), strings.NewReader(""), io.Discard, io.Discard)
	})
	for _, board := range []string{"today", "trending/1"} {
		require.Eventually(t, func() bool {
			_, out := command("top", "--once", "--json", "--board", board)
			return strings.Contains(out, `"rank":5`)
		}, 30*time.Second, 10*time.Millisecond)
	}
	for range 3 {
		for _, board := range []string{"all-time", "hour", "trending", "trending/1", "today"} {
			code, out := command("recount", "--compare", "--board", board)
			require.Equal(t, exitDone, code, out)
			require.Contains(t, out, "pages are exact at its offsets")
			require.NotContains(t, out, "no longer in the topic")
		}
	}
}
