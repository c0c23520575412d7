package accesslog_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/accesslog"
	"pageheat/accesslog/logfile"
)

// read returns the behaviours of logs.
func read(t testing.TB, format accesslog.Format, r *accesslog.Reader, logs ...accesslog.Log) (all []string) {
	t.Helper()
	for b, err := range r.Behaviours(format.Merge(logs...)) {
		require.NoError(t, err)
		all = append(all, string(b.Append(nil)))
	}
	return all
}

func newReader() *accesslog.Reader {
	return &accesslog.Reader{Views: &accesslog.Views{}, Visits: &accesslog.Visits{}}
}

// textLog is a log that is opened each time that it is read.
func textLog(name, text string) accesslog.Log {
	return accesslog.Log{Name: name, Lines: func(yield func(accesslog.Line, error) bool) {
		logfile.Lines(strings.NewReader(text))(yield)
	}}
}

// real is a real log and its behaviours, which another program made.
func realLog(t *testing.T) (log string, behaviours []string) {
	t.Helper()
	packed, err := os.ReadFile("../integration/testdata/elastic-apache.access.log.zst")
	require.NoError(t, err)
	decoder, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer decoder.Close()
	text, err := decoder.DecodeAll(packed, nil)
	require.NoError(t, err)
	f, err := os.Open("../integration/testdata/elastic-apache.behaviour.txt.gz")
	require.NoError(t, err)
	defer f.Close()
	plain, err := gzip.NewReader(f)
	require.NoError(t, err)
	for s := bufio.NewScanner(plain); s.Scan(); {
		behaviours = append(behaviours, s.Text())
	}
	return string(text), behaviours
}

// TestRealLog: line by line.
func TestRealLog(t *testing.T) {
	log, want := realLog(t)
	r := newReader()
	require.Equal(t, want, read(t, accesslog.Combined, r, textLog("a", log)))
	assert.Equal(t, accesslog.Stats{Lines: 10_000, Views: 4396}, r.Stats())

	// As common, too.
	require.Equal(t, want, read(t, accesslog.Common, newReader(), textLog("a", log)))

	// In pieces, in whatever order they are given.
	all := strings.SplitAfter(log, "\n")
	var logs []accesslog.Log
	for piece := range slices.Chunk(all, 1234) {
		logs = append([]accesslog.Log{textLog(fmt.Sprint(len(logs)), strings.Join(piece, ""))}, logs...)
	}
	require.Equal(t, want, read(t, accesslog.Combined, newReader(), logs...))

	// Of two servers, which have divided the requests: only what was at the same time may change places.
	var servers [2]strings.Builder
	for i, line := range all {
		servers[i%2].WriteString(line)
	}
	got := read(t, accesslog.Combined, newReader(), textLog("b", servers[1].String()), textLog("a", servers[0].String()))
	require.Len(t, got, len(want))

	// Bots are much of it.
	bots, err := accesslog.NewBots()
	require.NoError(t, err)
	r = newReader()
	r.Views.Bots = bots
	read(t, accesslog.Combined, r, textLog("a", log))
	assert.EqualValues(t, 4396, r.Stats().Views+r.Stats().Bots)
	assert.Greater(t, r.Stats().Bots, int64(1000))
}

func line(client, page string, at time.Time) string {
	return fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" 200 1\n", client, at.UTC().Format("02/Jan/2006:15:04:05 -0700"), page)
}

func TestBadLinesStopNothing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	log := "\ufeff" + line("a", "/x", now) + "what?\n\n" + strings.Repeat("y", accesslog.MaxLine+1) + "\n" +
		line("a", "/"+strings.Repeat("z", 1024), now) + "\xff\xfe\n" + strings.TrimSuffix(line("a", "/y", now.Add(time.Minute)), "\n")
	r := newReader()
	var bad []int64
	r.Bad = func(e accesslog.Entry) {
		bad = append(bad, e.Line)
		assert.Equal(t, "a.log", e.Log)
		assert.Error(t, e.Err)
	}
	assert.Equal(t, []string{"/x|1|1|0", "/y|1|0.5|0"}, read(t, accesslog.Common, r, textLog("a.log", log)))
	assert.Equal(t, []int64{2, 4, 5, 6}, bad)
	assert.Equal(t, accesslog.Stats{Lines: 6, Bad: 4, Views: 2}, r.Stats())
}

// TestMergedLogsAreInOrder: logs of servers and rotated ones, with bad lines and empty logs among
// them, give each entry once, in the order of time.
func TestMergedLogsAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var logs []accesslog.Log
		total := 0
		for i := range rapid.IntRange(0, 5).Draw(t, "logs") {
			at := time.Unix(1_800_000_000+int64(rapid.IntRange(0, 100).Draw(t, "start")), 0)
			var text strings.Builder
			for range rapid.IntRange(0, 10).Draw(t, "lines") {
				total++
				if rapid.IntRange(0, 4).Draw(t, "bad") == 0 {
					text.WriteString("bad\n")
					continue
				}
				at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "later")) * time.Second)
				text.WriteString(line("a", "/x", at))
			}
			l := textLog(fmt.Sprint(i), text.String())
			if rapid.Bool().Draw(t, "once") {
				l = accesslog.Log{Name: l.Name, Lines: logfile.Lines(strings.NewReader(text.String())), Once: true}
			}
			logs = append(logs, l)
		}
		var last time.Time
		lines := map[string]int64{}
		n := 0
		for e, err := range accesslog.Common.Merge(logs...) {
			require.NoError(t, err)
			n++
			require.Greater(t, e.Line, lines[e.Log], "in the order of the log")
			lines[e.Log] = e.Line
			if e.Err == nil {
				require.False(t, e.Request.Time.Before(last), "in the order of time")
				last = e.Request.Time
			}
		}
		require.Equal(t, total, n)
	})
}

// TestALogIsOpenedWhenItIsDue: of many rotated logs few are open at a time.
func TestALogIsOpenedWhenItIsDue(t *testing.T) {
	open, most := 0, 0
	var logs []accesslog.Log
	for i := range 20 {
		text := line("a", "/x", time.Unix(int64(i*1000), 0)) + line("a", "/x", time.Unix(int64(i*1000+500), 0))
		logs = append(logs, accesslog.Log{Name: fmt.Sprint(i), Lines: func(yield func(accesslog.Line, error) bool) {
			open++
			most = max(most, open)
			defer func() { open-- }()
			logfile.Lines(strings.NewReader(text))(yield)
		}})
	}
	slices.Reverse(logs)
	assert.Len(t, read(t, accesslog.Common, newReader(), logs...), 40)
	assert.Zero(t, open)
	assert.LessOrEqual(t, most, 2)

	// One that is left early is closed.
	for _, err := range accesslog.Common.Merge(logs...) {
		require.NoError(t, err)
		break
	}
	assert.Zero(t, open)
}

func TestAReadThatFails(t *testing.T) {
	broken := errors.New("disk on fire")
	failing := func(text string) accesslog.Log {
		return accesslog.Log{Name: "f.log", Lines: func(yield func(accesslog.Line, error) bool) {
			logfile.Lines(io.MultiReader(strings.NewReader(text), failingReader{broken}))(yield)
		}}
	}
	now := time.Unix(1_800_000_000, 0)
	for name, logs := range map[string][]accesslog.Log{
		"one":                 {failing(line("a", "/x", now))},
		"at the start":        {failing("")},
		"of two":              {failing(line("a", "/x", now)), textLog("b", line("a", "/x", now.Add(time.Hour)))},
		"of two at the start": {textLog("b", line("a", "/x", now)), failing("")},
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			for _, err := range newReader().Behaviours(accesslog.Common.Merge(logs...)) {
				last = err
			}
			require.ErrorIs(t, last, broken)
			assert.ErrorContains(t, last, "f.log")
		})
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestReadingMayBeLeftEarly(t *testing.T) {
	log, _ := realLog(t)
	n := 0
	for _, err := range newReader().Behaviours(accesslog.Combined.Merge(textLog("a", log))) {
		require.NoError(t, err)
		if n++; n == 10 {
			break
		}
	}
	assert.Equal(t, 10, n)
}

func TestSettings(t *testing.T) {
	usual := accesslog.Settings{Format: accesslog.Common, Bots: "keep"}
	_, visits, err := usual.Config()
	require.NoError(t, err)
	assert.Zero(t, visits.Timeout)
	for says, change := range map[string]func(*accesslog.Settings){
		"--format":               func(s *accesslog.Settings) { s.Format, s.Follow = "", true },
		"--visit-timeout: 1ms":   func(s *accesslog.Settings) { s.VisitTimeout = time.Millisecond },
		"--visit-timeout: -1s":   func(s *accesslog.Settings) { s.VisitTimeout = -time.Second },
		"--since: \"yesterday\"": func(s *accesslog.Settings) { s.Since = "yesterday" },
	} {
		s := usual
		change(&s)
		_, _, err := s.Config()
		assert.ErrorContains(t, err, says)
	}
	s := usual
	s.Follow, s.Since, s.Bots = true, "2026-01-02T03:04:05+01:00", "drop"
	views, visits, err := s.Config()
	require.NoError(t, err)
	assert.Equal(t, 30*time.Minute, visits.Timeout)
	assert.True(t, views.Since.Equal(time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)))
	assert.NotNil(t, views.Bots)
	s.Since = "now"
	views, _, err = s.Config()
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), views.Since, time.Minute)
}

func BenchmarkReader(b *testing.B) {
	now := time.Unix(1_800_000_000, 0)
	var text bytes.Buffer
	for i := range 10_000 {
		text.WriteString(strings.TrimSuffix(line(fmt.Sprint("192.0.2.", i%256), fmt.Sprint("/t/", i%500), now.Add(time.Duration(i)*time.Second/10)), "\n") +
			` "https://forum.example/" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"` + "\n")
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		for _, err := range newReader().Behaviours(accesslog.Combined.Merge(textLog("a", text.String()))) {
			require.NoError(b, err)
		}
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "lines/s")
}
