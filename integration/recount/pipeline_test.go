package recount

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/accesslog"
	"pageheat/accesslog/logfile"
	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// program is set by TestMain, before any test.
var program string

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, func(path string) { program = path }, func() error { return nil }))
}

// realVisits are the visits of a real access log, as long ago as they were before the last one. They come
// out of order by up to an hour; some of the record timestamps are wrong by weeks, some are ahead.
func realVisits(t *testing.T, now time.Time) []behaviour {
	t.Helper()
	packed, err := os.ReadFile("../testdata/elastic-apache.access.log.zst")
	require.NoError(t, err)
	decoder, err := zstd.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	defer decoder.Close()
	text, err := io.ReadAll(decoder)
	require.NoError(t, err)
	reader := accesslog.Reader{Views: &accesslog.Views{}, Visits: &accesslog.Visits{}}
	log := accesslog.Log{Name: "log", Lines: func(yield func(accesslog.Line, error) bool) { logfile.Lines(bytes.NewReader(text))(yield) }}
	var visits []behaviour
	var times []time.Time
	for b, err := range reader.Behaviours(accesslog.Combined.Merge(log)) {
		require.NoError(t, err)
		visits = append(visits, behaviour{page: b.Page, clicks: 1, minutes: b.Minutes, like: b.Like})
		times = append(times, b.Time)
	}
	require.Greater(t, len(visits), 4000)
	shift := now.Sub(times[len(times)-1])
	random := rand.New(rand.NewPCG(1, 2)) // the same in each run
	for i := range visits {
		at := times[i].Add(shift)
		switch i % 100 {
		case 17:
			at = at.AddDate(0, 0, -40)
		case 59:
			at = now.Add(time.Duration(random.IntN(7200)) * time.Second)
		}
		visits[i].millis = at.UnixMilli()
	}
	order := make([]int64, len(visits))
	for i := range visits {
		order[i] = times[i].UnixMilli() + random.Int64N(time.Hour.Milliseconds())
	}
	indexes := make([]int, len(visits))
	for i := range indexes {
		indexes[i] = i
	}
	slices.SortFunc(indexes, func(a, b int) int { return int(order[a] - order[b]) })
	shuffled := make([]behaviour, len(visits))
	for i, at := range indexes {
		shuffled[i] = visits[at]
	}
	return shuffled
}

// produce sends behaviours with their timestamps, spread over the partitions.
func produce(t *testing.T, site *harness.Site, visits []behaviour, partitions int) {
	t.Helper()
	records := make([]*kgo.Record, len(visits))
	for i, b := range visits {
		value := codec.AppendBehaviour(nil, heat.Behaviour{Page: []byte(b.page), Clicks: b.clicks, Minutes: b.minutes, Like: b.like})
		records[i] = &kgo.Record{Topic: site.Input, Partition: int32(i % partitions), Value: value, Timestamp: time.UnixMilli(b.millis)}
	}
	kafkatest.ProduceRecords(t, site.Cluster, records...)
}

// newestBoards follows the output until every board has all that was sent, as of a minute that is not
// earlier than those given, and returns the boards by key.
func newestBoards(t *testing.T, site *harness.Site, ends harness.Ends, wanted []string) map[string]*codec.Board {
	t.Helper()
	client := kafkatest.Client(t, site.Cluster, kgo.ConsumeTopics(site.Output), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
	defer cancel()
	found := map[string]*codec.Board{}
	complete := func() bool {
		for _, name := range wanted {
			b := found[name]
			if b == nil {
				return false
			}
			for partition, end := range ends {
				if at, _ := b.Offsets.Get(partition); at < end {
					return false
				}
			}
		}
		return true
	}
	for !complete() {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "boards so far: %v", found)
		for r := range fetches.RecordsAll() {
			if r.Value == nil {
				continue
			}
			b, err := codec.DecodeBoard(r.Value)
			require.NoError(t, err)
			if known := found[string(r.Key)]; known != nil {
				assert.Greater(t, b.Version, known.Version)
				assert.False(t, b.AsOf.Before(known.AsOf), "T of %s goes back", b.Board)
			}
			found[string(r.Key)] = b
		}
	}
	return found
}

// TestBoardsOfRealTraffic counts real traffic, with instances that come, are killed and leave, and compares
// every board of every kind with a recount in Python, digit by digit.
func TestBoardsOfRealTraffic(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	const inputs = 3
	lines := []string{
		"last-hour kind=window window=1h step=1m",
		"last-day kind=window window=24h step=5m",
		"trending kind=trending half-life=6h",
		"day kind=calendar calendar=day",
		"week kind=calendar calendar=week time-zone=Europe/Berlin max-per-step=20 step=1h",
		"sections kind=trending half-life=48h group-by=/([a-z]+)/.* max-groups=5 max-per-group=2 size=6",
		"blog kind=window window=5040m step=30m include=/blog/.* min-behaviours=2",
	}
	definitions, err := boardsettings.Parse(lines, boardsettings.Defaults{Size: 10, Weights: heat.DefaultWeightSettings()})
	require.NoError(t, err)
	site := harness.NewSite(t, kafkatest.Embedded(t), program)
	site.Create(inputs)
	visits := realVisits(t, time.Now())
	var flags []string
	for _, line := range lines {
		flags = append(flags, "--board", line)
	}
	start := func(name string) *harness.Instance {
		in := site.Start(name, flags...)
		ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
		defer cancel()
		require.NoError(t, in.WaitReady(ctx))
		return in
	}

	first, second := start("first"), start("second")
	part := len(visits) / 3
	produce(t, site, visits[:part], inputs)
	third := start("third")
	produce(t, site, visits[part:2*part], inputs)
	require.NoError(t, first.Kill())
	produce(t, site, visits[2*part:], inputs)
	require.NoError(t, second.Stop())
	wanted := []string{}
	for _, d := range definitions {
		wanted = append(wanted, d.Name)
	}
	found := newestBoards(t, site, site.Ends(), wanted)
	require.NoError(t, third.Stop())

	var tasks bytes.Buffer
	encoder := json.NewEncoder(&tasks)
	for _, d := range definitions {
		asOf := []int64{int64(boards.MinuteOf(found[d.Name].AsOf))}
		require.NoError(t, encoder.Encode(task{Definition: described(d), Behaviours: visits, AsOf: asOf}))
	}
	sections := definitions[5]
	require.NoError(t, encoder.Encode(task{Definition: described(sections), Behaviours: visits, Groups: true,
		AsOf: []int64{int64(boards.MinuteOf(found[sections.Name].AsOf))}}))
	answers := recountInPython(t, &tasks)
	for i, d := range definitions {
		b := found[d.Name]
		assert.Equal(t, answers[i][0], rows(b), "board %s as of %s", d.Name, b.AsOf)
		assert.NotEmpty(t, b.Pages, d.Name)
		assert.EqualValues(t, len(visits), b.Counted, d.Name)
		if d.Kind != boards.Trending || d.HalfLife < 40*time.Hour {
			assert.Positive(t, b.Late, "%s: records of weeks ago are late", d.Name)
		}
	}
	inPython := map[string][][]any{}
	for _, row := range answers[len(definitions)][0] {
		group := fmt.Sprint(row[0])
		inPython[group] = append(inPython[group], row[1:])
	}
	require.NotEmpty(t, inPython)
	for key, b := range found {
		if group, ok := strings.CutPrefix(key, sections.Name+"/"); ok && len(b.Pages) > 0 {
			assert.Equal(t, inPython[group], rows(b), "board %s as of %s", key, b.AsOf)
			delete(inPython, group)
		}
	}
	assert.Empty(t, inPython, "groups without a board")
}
