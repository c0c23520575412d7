package codec

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBundlesRoundTrip(t *testing.T) {
	field := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()))
	rapid.Check(t, func(t *rapid.T) {
		bundle := []byte{byte(FeedRecords)}
		var records []Record
		var headers [][]Header
		for range rapid.IntRange(0, 3).Draw(t, "segments") {
			h := SegmentHeader{Offset: drawOffset(t), Timestamp: rapid.Int64Range(-1, 1<<50).Draw(t, "time"), AppendTime: rapid.Bool().Draw(t, "append time")}
			begin := len(bundle)
			bundle = AppendSegmentHeader(bundle, h)
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				r := Record{Offset: h.Offset + rapid.Int64Range(0, 1<<31-1).Draw(t, "offset"), Key: field.Draw(t, "key"), Value: field.Draw(t, "value"),
					Timestamp: rapid.Int64Range(-1000, 1000).Draw(t, "elapsed")}
				var own []Header
				for range rapid.IntRange(0, 3).Draw(t, "headers") {
					own = append(own, Header{Name: rapid.String().Draw(t, "name"), Value: field.Draw(t, "header")})
				}
				bundle = AppendBundleRecord(bundle, h.Offset, r, own...)
				if r.Timestamp += h.Timestamp; h.AppendTime {
					r.Timestamp = h.Timestamp
				}
				records, headers = append(records, r), append(headers, own)
			}
			EndSegment(bundle, begin)
		}
		kind, body, err := SplitFeed(bundle)
		require.NoError(t, err)
		require.Equal(t, FeedRecords, kind)
		reader := ReadBundle(body)
		for i, want := range records {
			require.True(t, reader.More())
			got, err := reader.Next()
			require.NoError(t, err)
			own, err := DecodeHeaders(got.RawHeaders())
			require.NoError(t, err)
			require.Equal(t, headers[i], own)
			got.headers = nil
			require.Equal(t, want, got, "record %d: nil and empty differ", i)
		}
		require.False(t, reader.More())
	})
}

func TestCutRecordsRoundTrip(t *testing.T) {
	for _, want := range []TruncatedRecord{
		{KeySize: -1, ValueSize: -1},
		{Offset: 1 << 40, Timestamp: -1, Key: []byte{}, KeySize: 0, Value: []byte("x"), ValueSize: 1 << 33, SHA256: [32]byte{1, 31: 2},
			Headers: []Header{{Name: "a"}, {Value: []byte("b")}}, HeadersLeft: 3},
	} {
		encoded := AppendTruncatedRecord(nil, want)
		require.Equal(t, FeedTruncated, Feed(encoded[0]))
		got, err := DecodeTruncatedRecord(encoded[1:])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := DecodeTruncatedRecord([]byte{1})
	require.Error(t, err)
}

func TestFeedRequestsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := IngestStart{Input: drawTopicID(t), From: drawOffset(t) - 1, LostTo: drawOffset(t) - 1}
		kind, body, err := SplitFeed(AppendIngestStart(nil, start))
		require.NoError(t, err)
		require.Equal(t, FeedStart, kind)
		gotStart, err := DecodeIngestStart(body)
		require.NoError(t, err)
		require.Equal(t, start, gotStart)

		request := EpochRequest{
			Partitions: drawPartition(t), Above: rapid.Uint64().Draw(t, "above"),
			Board: []byte("board"), Positions: []byte("positions"),
		}
		if rapid.Bool().Draw(t, "first") {
			request.Board, request.Positions = nil, nil
		}
		kind, body, err = SplitFeed(AppendEpochRequest(nil, request))
		require.NoError(t, err)
		require.Equal(t, FeedEpoch, kind)
		gotRequest, err := DecodeEpochRequest(body)
		require.NoError(t, err)
		require.Equal(t, request, gotRequest)
	})
}

func TestFeedsThatAreCutOff(t *testing.T) {
	_, _, err := SplitFeed(nil)
	require.Error(t, err)
	start := AppendIngestStart(nil, IngestStart{From: 1 << 40, LostTo: 1 << 41})[1:]
	request := AppendEpochRequest(nil, EpochRequest{Partitions: 300, Above: 1 << 40, Board: []byte("b"), Positions: []byte("p")})[1:]
	record := AppendBundleRecord(AppendSegmentHeader(nil, SegmentHeader{Offset: 1 << 40}), 1<<40, Record{Offset: 1 << 40, Key: []byte("key"), Value: []byte("value")})
	EndSegment(record, 0)
	for n := range start {
		_, err := DecodeIngestStart(start[:n])
		require.Error(t, err)
	}
	for n := range request {
		_, err := DecodeEpochRequest(request[:n])
		require.Error(t, err)
	}
	for n := 1; n < len(record); n++ {
		reader := ReadBundle(record[:n])
		_, err := reader.Next()
		require.Error(t, err)
	}
}

func TestPartitionKeys(t *testing.T) {
	partition, err := KeyPartition(PartitionKey(300))
	require.NoError(t, err)
	assert.Equal(t, int32(300), partition)
	for _, key := range []string{"", "x", "-1", "2147483648"} {
		_, err := KeyPartition(key)
		require.Error(t, err, key)
	}
}
