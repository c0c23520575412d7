package processors_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/tester"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/topology"
)

func names(t *testing.T) *topology.Topology {
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	return topo
}

// run starts a processor and ends it with the test.
func run(t *testing.T, p *goka.Processor, err error) {
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.NoError(t, p.WaitForReadyContext(ctx))
}

func bundle(records ...codec.Record) []byte {
	b := codec.AppendSegmentHeader([]byte{byte(codec.FeedRecords)}, codec.SegmentHeader{})
	for _, r := range records {
		b = codec.AppendBundleRecord(b, 0, r, codec.Header{Name: "own", Value: []byte("1")}, codec.Header{Name: "own"})
	}
	codec.EndSegment(b, 1)
	return b
}

// flush asks for the pending sums, and lets the ranges reach to an offset.
func flush(to int64) []byte { return codec.AppendFlush(nil, to) }

// tick is a message without a body.
func tick(kind codec.Feed) []byte { return []byte{byte(kind)} }

func TestIngestSendsRangesAndSetsInvalidMessagesAside(t *testing.T) {
	topo, tt := names(t), tester.New(t)
	var valid int
	var refused []codec.Code
	p, err := processors.NewIngest(processors.IngestConfig{Topology: topo, Limits: heat.DefaultLimits(), Targets: 3,
		Observe: func(n int, codes []codec.Code) { valid += n; refused = append(refused, codes...) }}, goka.WithTester(tt))
	run(t, p, err)
	behavior, letters := tt.NewQueueTracker(topo.Behavior), tt.NewQueueTracker(topo.DeadLetter)

	input := codec.TopicID{1}
	tt.Consume(topo.Input, "", codec.AppendIngestStart(nil, codec.IngestStart{Input: input, From: 9, LostTo: 9}))
	tt.Consume(topo.Input, "", bundle(
		codec.Record{Offset: 10, Value: []byte("page1|1|0.5|1")},
		codec.Record{Offset: 12, Timestamp: 1_700_000_000_000, Key: []byte("k"), Value: []byte("page1|x|0.5|1")},
		codec.Record{Offset: 13, Value: nil},
		codec.Record{Offset: 14, Value: []byte("page2|2|1|0")},
		codec.Record{Offset: 15, Value: []byte("page1|3|0|0")}))
	_, _, any := behavior.NextRaw()
	require.False(t, any, "nothing is sent before a flush")
	tt.Consume(topo.Input, "", flush(-1))

	sums := map[string]string{}
	for target := range 3 {
		key, value, ok := behavior.NextRaw()
		require.True(t, ok, "a range for each target partition")
		require.Equal(t, strconv.Itoa(target), key)
		r, err := codec.ReadRange(value)
		require.NoError(t, err)
		require.Equal(t, codec.RangeHeader{Input: input, Targets: 3, Target: int32(target), From: 9, To: 15, Limits: heat.DefaultLimits()}, r.Header)
		for range r.Pages {
			var totals heat.Totals
			page, err := r.Next(&totals)
			require.NoError(t, err)
			require.EqualValues(t, target, topology.Partition(page, 3))
			sums[string(page)] = heat.DefaultWeights().Heat(&totals)
		}
	}
	require.Equal(t, map[string]string{"page1": "4.6", "page2": "2.4"}, sums)
	require.Equal(t, 3, valid)
	require.Equal(t, []codec.Code{codec.CodeClicksNotANumber, codec.CodeEmpty}, refused)

	headers, key, value, ok := letters.NextRawWithHeaders()
	require.True(t, ok)
	require.Equal(t, "k", key)
	require.Equal(t, "page1|x|0.5|1", string(value))
	require.Equal(t, topo.Input, string(headers[codec.HeaderTopic]))
	require.Equal(t, "0", string(headers[codec.HeaderPartition]))
	require.Equal(t, "12", string(headers[codec.HeaderOffset]))
	require.Equal(t, "clicks-not-a-number", string(headers[codec.HeaderReason]))
	require.NotEmpty(t, headers[codec.HeaderDetail])
	require.NotContains(t, headers, codec.HeaderNoKey)
	require.Equal(t, input.String(), string(headers[codec.HeaderTopicID]))
	require.Equal(t, "1700000000000", string(headers[codec.HeaderTime]))
	own, err := codec.DecodeHeaders(headers[codec.HeaderOwn])
	require.NoError(t, err)
	require.Equal(t, []codec.Header{{Name: "own", Value: []byte("1")}, {Name: "own"}}, own)
	headers, _, value, ok = letters.NextRawWithHeaders()
	require.True(t, ok)
	require.Nil(t, value)
	require.Contains(t, headers, codec.HeaderNoKey, "no key is not an empty key")

	tt.Consume(topo.Input, "", flush(17))
	_, value, _ = behavior.NextRaw()
	r, err := codec.ReadRange(value)
	require.NoError(t, err)
	require.Equal(t, 0, r.Pages)
	require.EqualValues(t, 15, r.Header.From, "the next range begins where the last one ended")
	require.EqualValues(t, 17, r.Header.To, "it reaches over what is nothing to be read")
}

// TestRangesCarryTheOldestTimestamp of their batches, for the latency.
func TestRangesCarryTheOldestTimestamp(t *testing.T) {
	topo, tt := names(t), tester.New(t)
	p, err := processors.NewIngest(processors.IngestConfig{Topology: topo, Limits: heat.DefaultLimits(), Targets: 1}, goka.WithTester(tt))
	run(t, p, err)
	behavior := tt.NewQueueTracker(topo.Behavior)
	tt.Consume(topo.Input, "", codec.AppendIngestStart(nil, codec.IngestStart{From: -1, LostTo: -1}))
	offset := int64(-1)
	for _, step := range []struct {
		at   []int64 // timestamps of batches
		want int64
	}{{[]int64{7000, 5000, 6000}, 5000}, {nil, 0}, {[]int64{9000}, 9000}, {[]int64{0}, 0}} {
		message := []byte{byte(codec.FeedRecords)}
		for _, timestamp := range step.at {
			begin := len(message)
			message = codec.AppendSegmentHeader(message, codec.SegmentHeader{Timestamp: timestamp})
			offset++
			message = codec.AppendBundleRecord(message, 0, codec.Record{Offset: offset, Value: []byte("a|1|0|0")})
			codec.EndSegment(message, begin)
		}
		if step.at != nil {
			tt.Consume(topo.Input, "", message)
		}
		tt.Consume(topo.Input, "", flush(-1))
		headers, _, _, ok := behavior.NextRawWithHeaders()
		require.True(t, ok)
		require.Equal(t, step.want, codec.DecodeOldest(headers[codec.HeaderOldest]))
	}
}

func TestIngestReadsRecordsThatAreTooLongToBeHeld(t *testing.T) {
	topo, tt := names(t), tester.New(t)
	p, err := processors.NewIngest(processors.IngestConfig{Topology: topo, Limits: heat.DefaultLimits(), Targets: 1}, goka.WithTester(tt))
	run(t, p, err)
	behavior, letters := tt.NewQueueTracker(topo.Behavior), tt.NewQueueTracker(topo.DeadLetter)
	tt.Consume(topo.Input, "", codec.AppendIngestStart(nil, codec.IngestStart{From: -1, LostTo: -1}))

	// A behaviour whose headers take the most is one.
	tt.Consume(topo.Input, "", codec.AppendTruncatedRecord(nil, codec.TruncatedRecord{Offset: 0, Value: []byte("a|1|0|0"), ValueSize: 7, KeySize: -1, HeadersLeft: 5000}))
	_, _, any := letters.NextRaw()
	require.False(t, any)
	tt.Consume(topo.Input, "", codec.AppendTruncatedRecord(nil, codec.TruncatedRecord{Offset: 1, Value: []byte("xxx"), ValueSize: 9_000_000,
		Key: []byte("k"), KeySize: 300_000, SHA256: [32]byte{0xab}, Headers: []codec.Header{{Name: "h"}}, HeadersLeft: 1}))
	headers, key, value, ok := letters.NextRawWithHeaders()
	require.True(t, ok)
	require.Equal(t, []string{"k", "xxx"}, []string{key, string(value)})
	require.Equal(t, "value,key,headers", string(headers[codec.HeaderTruncated]))
	require.Equal(t, "9000000", string(headers[codec.HeaderSize]))
	require.Equal(t, "300000", string(headers[codec.HeaderKeySize]))
	require.Equal(t, "ab"+strings.Repeat("00", 31), string(headers[codec.HeaderSHA256]))
	require.Equal(t, "too-large", string(headers[codec.HeaderReason]))
	require.Contains(t, string(headers[codec.HeaderDetail]), "9000000")

	tt.Consume(topo.Input, "", flush(1))
	_, value, _ = behavior.NextRaw()
	r, err := codec.ReadRange(value)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Header.To)
	require.Equal(t, 1, r.Pages)
}

func TestIngestDeclaresWhatRetentionTook(t *testing.T) {
	topo, tt := names(t), tester.New(t)
	p, err := processors.NewIngest(processors.IngestConfig{Topology: topo, Limits: heat.DefaultLimits(), Targets: 1}, goka.WithTester(tt))
	run(t, p, err)
	behavior := tt.NewQueueTracker(topo.Behavior)
	for _, step := range []struct {
		feed []byte
		want codec.RangeHeader
	}{
		{codec.AppendIngestStart(nil, codec.IngestStart{From: 4, LostTo: 7}),
			codec.RangeHeader{Targets: 1, From: 4, To: 7, Lost: true, Limits: heat.DefaultLimits()}},
		{flush(-1), codec.RangeHeader{Targets: 1, From: 7, To: 7, Limits: heat.DefaultLimits()}},
	} {
		tt.Consume(topo.Input, "", step.feed)
		_, value, ok := behavior.NextRaw()
		require.True(t, ok)
		r, err := codec.ReadRange(value)
		require.NoError(t, err)
		require.Equal(t, step.want, r.Header)
	}
}

func TestHeatWritesPagesAndSendsLeaders(t *testing.T) {
	topo, tt := names(t), tester.New(t)
	p, err := processors.NewHeat(processors.HeatConfig{Topology: topo}, goka.WithTester(tt))
	run(t, p, err)
	leaders := tt.NewQueueTracker(topo.Leaders)

	totals := heat.Totals{Likes: 7, Behaviours: 9}
	tt.Consume(topo.Behavior, "page1", codec.AppendPageState(codec.AppendWrite(tick(codec.FeedWrite), 5), &totals))
	require.Equal(t, codec.AppendPageState(codec.AppendWrite(nil, 5), &totals), tt.TableValue(goka.GroupTable(goka.Group(topo.HeatGroup)), "page1"))

	want := codec.Leaders{Progress: codec.Progress{Next: 3, Partitions: 3, Counted: 9, To: []int64{4}, Begin: []int64{0}, Lost: []uint64{0}},
		Definition: codec.Define(heat.DefaultWeights(), 10), Pages: []codec.Leader{{Page: "page1", Totals: totals}}}
	tt.Consume(topo.Behavior, "", codec.AppendLeaders(codec.AppendFeedLeaders(nil, 1234), &want))
	headers, _, value, ok := leaders.NextRawWithHeaders()
	require.True(t, ok)
	require.EqualValues(t, 1234, codec.DecodeOldest(headers[codec.HeaderOldest]))
	got, err := codec.DecodeLeaders(value)
	require.NoError(t, err)
	require.Equal(t, &want, got)
}

func TestRankingPublishesOnlyWithAnEpochAndAllLeaders(t *testing.T) {
	topo, tt := names(t), tester.New(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	p, err := processors.NewRanking(processors.RankingConfig{Topology: topo, Now: func() time.Time { return now },
		Ranker: processors.RankerConfig{Board: "all-time", Scorer: heat.DefaultWeights(), Top: 2}}, goka.WithTester(tt))
	run(t, p, err)
	output := tt.NewQueueTracker(topo.Output)
	none := func(why string) {
		_, _, ok := output.NextRaw()
		require.False(t, ok, why)
	}
	send := func(partition int32, next int64, pages ...codec.Leader) {
		l := codec.Leaders{Partition: partition,
			Progress:   codec.Progress{Partitions: 2, Next: next, Counted: 5, To: []int64{next * 10}, Begin: []int64{0}, Lost: []uint64{0}},
			Definition: codec.Define(heat.DefaultWeights(), 2), Pages: pages}
		tt.Consume(topo.Leaders, "", codec.AppendHeard(nil, next, codec.AppendLeaders(nil, &l)))
		tt.Consume(topo.Leaders, "", tick(codec.FeedPublish))
	}
	liked := func(page string, likes int64) codec.Leader {
		return codec.Leader{Page: page, Totals: heat.Totals{Likes: likes, Behaviours: 9}}
	}
	tt.Consume(topo.Leaders, codec.EpochKey(), codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: 2, Above: 6}))
	send(0, 3, liked("a", 1), liked("b", -1))
	none("the leaders of partition 1 are missing")
	send(1, 2, liked("c", 5))

	headers, key, value, ok := output.NextRawWithHeaders()
	require.True(t, ok)
	require.Equal(t, "all-time", key)
	require.JSONEq(t, `{"board":"all-time","version":25769803777,"updated_at":"2026-01-02T03:04:05.678Z","counted":10,
		"offsets":{"0":21},"pages":[
		{"rank":1,"previous_rank":0,"rank_since":"2026-01-02T03:04:05.678Z","page":"c","heat":5,"clicks":0,"minutes":0,"likes":5,"behaviours":9},
		{"rank":2,"previous_rank":0,"rank_since":"2026-01-02T03:04:05.678Z","page":"a","heat":1,"clicks":0,"minutes":0,"likes":1,"behaviours":9}]}`,
		string(value), "version = (7 - 1) * 2^32 + 1")
	origin, err := codec.DecodeOrigin(headers[codec.HeaderPositions])
	require.NoError(t, err)
	require.Equal(t, codec.Origin{Group: topo.RankGroup, Definition: codec.Define(heat.DefaultWeights(), 2),
		Positions: codec.Positions{{Next: 3}, {Next: 2}}}, origin)

	tt.Consume(topo.Leaders, "", tick(codec.FeedPublish))
	none("nothing has changed")
	send(1, 1, liked("c", 9))
	none("the leaders are older than those of the last board")

	// Another owner takes over: it goes on from the newest board, in a higher epoch.
	tt.Consume(topo.Leaders, codec.EpochKey(), codec.AppendEpochRequest(nil,
		codec.EpochRequest{Partitions: 2, Board: value, Positions: headers[codec.HeaderPositions]}))
	now = now.Add(time.Minute)
	send(0, 4, liked("a", 6))
	_, value, ok = output.NextRaw()
	require.True(t, ok)
	var board codec.Board
	require.NoError(t, json.Unmarshal(value, &board))
	require.EqualValues(t, 8, processors.Epoch(board.Version))
	require.Equal(t, "a", board.Pages[0].Page)
	require.Equal(t, 2, board.Pages[0].PreviousRank)
	require.Equal(t, now, board.Pages[0].RankSince)

	tt.Consume(topo.Leaders, "", tick(codec.FeedRepublish))
	_, value, ok = output.NextRaw()
	require.True(t, ok, "asked to publish again")
	var again codec.Board
	require.NoError(t, json.Unmarshal(value, &again))
	require.Equal(t, board.Version+1, again.Version)
	require.Equal(t, board.Pages, again.Pages)
}
