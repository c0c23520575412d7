package overview

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
)

// sender are leaders of a heat partition of two, which has counted everything below offset 5.
func sender(partition int32, by codec.Definition, of ...codec.BoardLeaders) heard {
	return heard{&codec.Leaders{Partition: partition, Definition: by, Boards: of,
		Progress: codec.Progress{Partitions: 2, To: []int64{4}, Begin: []int64{0}, Lost: []uint64{0}}}, time.Now()}
}

// TestWhatABoardWaitsFor in each case that an operator may meet.
func TestWhatABoardWaitsFor(t *testing.T) {
	t.Parallel()
	ten, twenty := codec.Define(heat.DefaultWeights(), 10), codec.Define(heat.DefaultWeights(), 20)
	likes, err := heat.NewWeights("0", "0", "1")
	require.NoError(t, err)
	other := codec.Define(likes, 10)
	hour := func(hash string, asOf boards.Minute) codec.BoardLeaders {
		return codec.BoardLeaders{Name: "hour", Hash: hash, AsOf: asOf}
	}
	published := func(below int64) map[string]*ListedBoard {
		offsets := codec.NewOffsets([]int64{below})
		return map[string]*ListedBoard{
			codec.AllTime: {Name: codec.AllTime, Kind: codec.AllTime, Version: 1, ordered: ten, offsets: offsets},
			"hour":        {Name: "hour", Kind: "window", Version: 2, DefinitionHash: "a", offsets: offsets},
		}
	}
	silent := sender(1, ten, hour("a", 7))
	silent.at = silent.at.Add(-time.Minute)
	turning := hour("a", 7)
	turning.Turning = true
	final := hour("a", 3)
	final.Final = true
	for name, c := range map[string]struct {
		below      int64
		leaders    []heard
		all, hour  Reason
		partitions []int32
		detail     string
	}{
		"nothing":                     {5, []heard{sender(0, ten, hour("a", 7)), sender(1, twenty, hour("a", 7))}, "", "", nil, ""},
		"nobody runs":                 {5, nil, ReasonSilent, ReasonSilent, nil, "no heat partition"},
		"one is silent":               {5, []heard{sender(0, ten, hour("a", 7)), silent}, ReasonSilent, ReasonSilent, []int32{1}, "heat partition 1 sent no leaders"},
		"one was never heard of":      {5, []heard{sender(1, ten, hour("a", 7))}, ReasonSilent, ReasonSilent, []int32{0}, "heat partition 0 sent no leaders"},
		"one does not know it":        {5, []heard{sender(0, ten), sender(1, ten, hour("a", 7))}, "", ReasonUnknown, []int32{0}, "the owner of heat partition 0 does not know it"},
		"one has the final one alone": {5, []heard{sender(0, ten, final), sender(1, ten, hour("a", 7))}, "", ReasonUnknown, []int32{0}, "heat partition 0"},
		"definitions differ":          {5, []heard{sender(0, ten, hour("b", 7)), sender(1, ten, hour("a", 7))}, "", ReasonDefinition, nil, "heat partition 1 as it is published, heat partition 0 by b"},
		"the ranking has another":     {5, []heard{sender(0, ten, hour("b", 7)), sender(1, ten, hour("b", 7))}, "", ReasonRanking, nil, "restart the owner of the role rank"},
		"the ranking is behind":       {4, []heard{sender(0, ten, hour("a", 7)), sender(1, ten, hour("a", 7))}, ReasonRanking, ReasonRanking, nil, "role rank run"},
		"one turns":                   {5, []heard{sender(0, ten, turning), sender(1, ten, hour("a", 7))}, "", ReasonTurn, []int32{0}, "heat partition 0 is not as of"},
		"one is behind in time":       {5, []heard{sender(0, ten, hour("a", 8)), sender(1, ten, hour("a", 7))}, "", ReasonTurn, []int32{1}, "heat partition 1 is not as of"},
		"it is removed":               {5, []heard{sender(0, ten), sender(1, ten)}, "", ReasonRemoved, nil, "not in the settings"},
		"weights differ":              {5, []heard{sender(0, ten, hour("a", 7)), sender(1, other, hour("a", 7))}, ReasonDefinition, "", nil, "heat partition 1 by the first 10 by"},
		"weights of the ranking":      {5, []heard{sender(0, other, hour("a", 7)), sender(1, other, hour("a", 7))}, ReasonRanking, "", nil, "restart the owner of the role rank"},
	} {
		leaders := map[int32]heard{}
		for _, l := range c.leaders {
			leaders[l.Partition] = l
		}
		listed := judge(published(c.below), leaders, appliedIn(leaders), time.Now())
		require.Len(t, listed, 2, name)
		for i, want := range []Reason{c.all, c.hour} {
			b := listed[i]
			if want == "" {
				assert.Empty(t, b.WaitsFor, "%s: %s", name, b.Name)
				assert.NotNil(t, b.WaitsFor, "an empty array in JSON")
				continue
			}
			require.NotEmpty(t, b.WaitsFor, "%s: %s", name, b.Name)
			assert.Equal(t, want, b.WaitsFor[0].Reason, "%s: %s", name, b.Name)
			assert.Equal(t, c.partitions, b.WaitsFor[0].Partitions, name)
			assert.Contains(t, b.WaitsFor[0].Detail, c.detail, name)
		}
	}

	// A board that is not published yet is on the list, too.
	listed := judge(map[string]*ListedBoard{}, map[int32]heard{0: sender(0, ten, hour("a", 7)), 1: sender(1, ten)}, nil, time.Now())
	require.Len(t, listed, 2)
	assert.Equal(t, ReasonRanking, listed[0].WaitsFor[0].Reason)
	assert.Equal(t, "hour", listed[1].Name)
	assert.Equal(t, ReasonUnknown, listed[1].WaitsFor[0].Reason)
	assert.Empty(t, judge(map[string]*ListedBoard{}, nil, nil, time.Now()))
}

// TestBoardsInTheOutput counts groups and closed periods, and leaves out what is deleted or no board.
func TestBoardsInTheOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	record := func(b codec.Board) *kgo.Record {
		b.UpdatedAt = at
		value, err := codec.EncodeBoard(&b)
		require.NoError(t, err)
		r := &kgo.Record{Topic: w.topo.Output, Key: []byte(b.Board), Value: value}
		if b.Board == codec.AllTime {
			r.Headers = []kgo.RecordHeader{{Key: codec.HeaderPositions, Value: codec.AppendOrigin(nil, codec.Origin{Group: "g", Definition: codec.Define(heat.DefaultWeights(), 7)})}}
		}
		return r
	}
	day := codec.Board{Board: "day", Version: 3, Kind: "calendar", AsOf: at, Period: "2026-01-02", Since: codec.NewOffsets([]int64{9}), Late: 4,
		DefinitionHash: "h", Definition: []byte(`{"kind":"calendar","size":5}`)}
	older, group, first, last := day, day, day, day
	older.Version, older.Late = 2, 1
	group.Board, group.Group = "day/sport", "sport"
	first.Board, first.Period, first.Final = "day/2025-12-31", "2025-12-31", true
	last.Board, last.Period, last.Final = "day/2026-01-01", "2026-01-01", true
	kafkatest.ProduceRecords(t, w.cluster, record(codec.Board{Board: codec.AllTime, Version: 1}), record(day), record(older), record(group), record(first), record(last),
		record(codec.Board{Board: "gone", Version: 1}), &kgo.Record{Topic: w.topo.Output, Key: []byte("gone")},
		&kgo.Record{Topic: w.topo.Output, Key: []byte("other"), Value: []byte("{}")})

	all, err := w.Boards(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, 7, all[0].Size)
	assert.Equal(t, codec.AllTime, all[0].Kind)
	text, err := json.Marshal(all[1])
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"day","kind":"calendar","version":3,"updated_at":"2026-01-02T03:04:00Z","as_of":"2026-01-02T03:04:00Z","period":"2026-01-02",
		"size":5,"pages":0,"since":{"0":9},"late":4,"groups":1,"final_periods":2,"last_period":"2026-01-01","definition_hash":"h",
		"definition":{"kind":"calendar","size":5},"waits_for":[{"reason":"silent","detail":"no heat partition has sent leaders for 15s: does an instance with the role heat run?"}]}`, string(text))
}
