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
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			r := Record{Offset: drawOffset(t), Key: field.Draw(t, "key"), Value: field.Draw(t, "value")}
			records = append(records, r)
			bundle = AppendBundleRecord(bundle, r)
		}
		kind, body, err := SplitFeed(bundle)
		require.NoError(t, err)
		require.Equal(t, FeedRecords, kind)
		for i, want := range records {
			var got Record
			got, body, err = BundleRecord(body)
			require.NoError(t, err)
			require.Equal(t, want, got, "record %d: nil and empty differ", i)
		}
		require.Empty(t, body)
	})
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
	record := AppendBundleRecord(nil, Record{Offset: 1 << 40, Key: []byte("key"), Value: []byte("value")})
	for n := range start {
		_, err := DecodeIngestStart(start[:n])
		require.Error(t, err)
	}
	for n := range request {
		_, err := DecodeEpochRequest(request[:n])
		require.Error(t, err)
	}
	for n := range record {
		_, _, err := BundleRecord(record[:n])
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
