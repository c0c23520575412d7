package recount

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/accesslog"
	"pageheat/accesslog/logfile"
	"pageheat/audit"
	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/snapshot"
)

// topic is an input with behaviours, in their order in each partition.
type topic struct {
	name       string
	cluster    *kafka.Cluster
	partitions [][]behaviour

	// kept is what a heat table keeps of forgotten pages, and forgotten the same for recount.py.
	kept      *snapshot.Forgotten
	forgotten map[string]forgotten
}

// sent is an input topic on a broker with these behaviours, each in a partition by chance, and with some
// invalid messages.
func sent(t *testing.T, broker *kafkatest.Cluster, random *rand.Rand, all []behaviour) *topic {
	t.Helper()
	in := &topic{name: "behaviours-" + strconv.FormatInt(time.Now().UnixNano(), 36), partitions: make([][]behaviour, partitions)}
	kafkatest.CreateTopic(t, broker, in.name, partitions)
	var records []*kgo.Record
	for _, b := range all {
		q := random.IntN(partitions)
		b.partition, b.offset = int32(q), int64(len(in.partitions[q]))
		in.partitions[q] = append(in.partitions[q], b)
		value := fmt.Sprintf("%s|%d|%d.%09d|%d", b.page, b.clicks, b.minutes/1e9, b.minutes%1e9, b.like)
		if random.IntN(50) == 0 {
			value = "no behaviour"
			in.partitions[q][len(in.partitions[q])-1].page = "" // see counted
		}
		records = append(records, &kgo.Record{Topic: in.name, Partition: int32(q), Value: []byte(value), Timestamp: time.UnixMilli(b.millis)})
	}
	kafkatest.ProduceRecords(t, broker, records...)
	in.cluster = kafka.New(kafka.Config{Brokers: broker.Brokers(), ClientID: "recount"})
	t.Cleanup(in.cluster.Close)
	return in
}

// counted are the valid behaviours up to a minute, 0 for all, and below offsets, nil for all.
func (in *topic) counted(until boards.Minute, offsets codec.Offsets) []behaviour {
	below := []behaviour{}
	for q, all := range in.partitions {
		to := len(all)
		if offsets != nil {
			at, _ := offsets.Get(int32(q))
			to = int(at)
		}
		for _, b := range all[:to] {
			if b.page != "" && (until == 0 || boards.MinuteOfMillis(b.millis) <= until) {
				below = append(below, b)
			}
		}
	}
	return below
}

// rows are the pages of a board as recount.py prints them.
func rows(b *codec.Board) [][]any {
	all := [][]any{}
	for _, p := range b.Pages {
		all = append(all, []any{float64(p.Rank), p.Page, string(p.Heat), string(p.Clicks), string(p.Minutes), string(p.Likes), float64(p.Behaviours)})
	}
	return all
}

// question is a board that is asked for, and a minute of the slot that recount.py is to count.
type question struct {
	audit.Wanted
	within boards.Minute
}

// ask compares the answers to questions with recount.py, digit by digit.
func (in *topic) ask(t *testing.T, questions []question) {
	t.Helper()
	var tasks bytes.Buffer
	var got []audit.RecountedBoard
	for _, q := range questions {
		q.Definition = q.Definition.Complete()
		result, err := audit.RecountBoard(t.Context(), audit.BoardConfig{Cluster: in.cluster, Input: in.name, Limits: heat.DefaultLimits(), Wanted: q.Wanted, Forgotten: in.kept})
		require.NoError(t, err)
		assert.Empty(t, result.Gone)
		text, err := codec.EncodeBoard(&result.Board)
		require.NoError(t, err)
		decoded, err := codec.DecodeBoard(text)
		require.NoError(t, err, "%s", text)
		assert.Empty(t, audit.CompareBoard(decoded, &result.Board))
		got = append(got, result)
		d := described(q.Definition)
		if q.Group != "" {
			d["group"] = q.Group
		}
		line, err := json.Marshal(task{Definition: d, Behaviours: in.counted(q.Until, q.Offsets), AsOf: []int64{int64(q.within)}, Forgotten: in.forgotten})
		require.NoError(t, err)
		tasks.Write(append(line, '\n'))
	}
	filled := 0
	for i, want := range recountInPython(t, &tasks) {
		if !assert.Equal(t, want[0], rows(&got[i].Board), "%+v", questions[i].Wanted) {
			return
		}
		if len(want[0]) > 0 {
			filled++
		}
	}
	assert.Greater(t, filled, len(questions)/2, "boards with pages")
}

// TestRecountsOfTheInputEqualPython for boards of every kind, of any time, group and period, and at any
// offsets, whatever the order of the behaviours.
func TestRecountsOfTheInputEqualPython(t *testing.T) {
	kafkatest.NeedTool(t, "python3")
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	odd, err := heat.NewWeights("0.333333", "-1.25", "7")
	require.NoError(t, err)
	begins := boards.MinuteOf(time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC))
	const minutes = 4000
	for _, how := range []string{"in order", "shuffled within an hour", "late and future"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(len(how)), 7))
			all := traffic(random, begins, minutes, 700)
			disturb(random, all, how, 2000)
			in := sent(t, kafkatest.Embedded(t), random, all)
			var questions []question
			for _, d := range []boards.Definition{
				{Name: "all-time", Kind: boards.AllTime, Scorer: odd},
				{Name: "sport", Kind: boards.AllTime, Include: []string{"/sport/.*"}, GroupBy: "/.*/([0-9]).*", MaxPerGroup: 1},
				{Name: "hour", Kind: boards.Window, Window: time.Hour},
				{Name: "fair", Kind: boards.Window, Window: 24 * time.Hour, Step: 20 * time.Minute, MaxPerStep: "2.5", MinBehaviours: 2},
				{Name: "trending", Kind: boards.Trending, HalfLife: 2 * time.Hour, Scorer: odd, GroupBy: "/([^/]+)/.*", MaxPerGroup: 2, Size: 5},
				{Name: "today", Kind: boards.Calendar, Period: boards.Day, Zone: berlin, GroupBy: "/([^/]+)/.*", MaxPerGroup: 3, MaxPerStep: "3", Step: 3 * time.Hour},
				{Name: "hourly", Kind: boards.Calendar, Period: boards.Hour, Zone: berlin, Exclude: []string{"/news/.*"}},
			} {
				for range 3 {
					asOf := begins + boards.Minute(random.Int64N(minutes))
					w := audit.Wanted{Definition: d, AsOf: asOf.Time(), Until: asOf}
					if d.Kind == boards.AllTime {
						w.AsOf = time.Now()
						questions = append(questions, question{w, asOf})
						continue
					}
					board, err := boards.New(d)
					require.NoError(t, err)
					asOf = board.AsOf(asOf.Time())
					questions = append(questions, question{w, asOf})
					w.Until, w.Offsets = 0, codec.NewOffsets([]int64{
						random.Int64N(int64(len(in.partitions[0]))), int64(len(in.partitions[1])), random.Int64N(int64(len(in.partitions[2])))})
					questions = append(questions, question{w, asOf})
					if d.GroupBy != "" {
						w.Group = []string{"sport", "käse", "events"}[random.IntN(3)]
						questions = append(questions, question{w, asOf})
						w.Group = ""
					}
					if d.Kind == boards.Calendar { // the final board, and one of a period that is not closed yet
						w.Offsets, w.Period = nil, board.PeriodName(board.Slot(asOf))
						questions = append(questions, question{w, asOf})
						w.AsOf = time.Now().AddDate(10, 0, 0)
						questions = append(questions, question{w, asOf})
					}
				}
			}
			in.ask(t, questions)
		})
	}
}

// TestRecountsOfRealTraffic of an access log, with the times that it had but for days: on an embedded broker
// in order, and on Kafka in some other order. (The index of timestamps is the broker's.)
func TestRecountsOfRealTraffic(t *testing.T) {
	kafkatest.NeedTool(t, "python3")
	t.Run("embedded", func(t *testing.T) {
		recountRealTraffic(t, kafkatest.Embedded(t), "in order")
	})
	t.Run("kafka", func(t *testing.T) {
		recountRealTraffic(t, kafkatest.Real(t, 1), "shuffled within an hour")
	})
}

func recountRealTraffic(t *testing.T, broker *kafkatest.Cluster, how string) {
	t.Helper()
	packed, err := os.ReadFile("../testdata/elastic-apache.access.log.zst")
	require.NoError(t, err)
	decoder, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer decoder.Close()
	log, err := decoder.DecodeAll(packed, nil)
	require.NoError(t, err)
	var all []behaviour
	shift := time.Now().AddDate(0, 0, -2).Sub(time.Date(2015, 5, 20, 21, 5, 0, 0, time.UTC)) // two days ago it ended
	reader := accesslog.Reader{Views: &accesslog.Views{}, Visits: &accesslog.Visits{}}
	for b, err := range reader.Behaviours(accesslog.Combined.Merge(accesslog.Log{Name: "log", Lines: func(yield func(accesslog.Line, error) bool) {
		logfile.Lines(bytes.NewReader(log))(yield)
	}})) {
		require.NoError(t, err)
		parsed, refusal := codec.ParseBehaviour(b.Append(nil), heat.DefaultLimits())
		require.Nil(t, refusal)
		all = append(all, behaviour{page: strings.Clone(string(parsed.Page)), millis: b.Time.Add(shift).UnixMilli(), clicks: parsed.Clicks, minutes: parsed.Minutes, like: parsed.Like})
	}
	require.Len(t, all, 4396)
	ended := boards.MinuteOfMillis(all[len(all)-1].millis)
	random := rand.New(rand.NewPCG(1, 2))
	disturb(random, all, how, 0)
	in := sent(t, broker, random, all)
	var questions []question
	for _, d := range []boards.Definition{
		{Name: "all-time", Kind: boards.AllTime},
		{Name: "day", Kind: boards.Window, Window: 24 * time.Hour},
		{Name: "blog", Kind: boards.Trending, HalfLife: 6 * time.Hour, Include: []string{"/blog/.*"}, GroupBy: "/blog/([^/]+)/.*", MaxPerGroup: 2},
		{Name: "today", Kind: boards.Calendar, Period: boards.Day, MaxPerStep: "5", Step: time.Hour},
	} {
		for _, before := range []boards.Minute{0, 12 * 60, 49*60 + 13} {
			asOf := ended - before
			q := question{audit.Wanted{Definition: d, AsOf: asOf.Time(), Until: asOf}, asOf}
			if d.Kind == boards.Window {
				q.within = asOf - asOf%5
			}
			questions = append(questions, q)
		}
	}
	in.ask(t, questions)
}
