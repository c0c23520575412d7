package adapter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fetch tells s of a fetch of so many bytes of batches that are alike.
func fetch(s *fetchSize, bytes int, batch kgo.FetchBatchMetrics) {
	for read := 0; read < bytes; read += batch.CompressedBytes + batchOverhead {
		s.OnFetchBatchRead(kgo.BrokerMetadata{}, "", 0, batch)
	}
}

var (
	plainBatch      = kgo.FetchBatchMetrics{NumRecords: 1000, UncompressedBytes: 10_000, CompressedBytes: 10_000}
	compressedBatch = kgo.FetchBatchMetrics{NumRecords: 1000, UncompressedBytes: 40_000, CompressedBytes: 500}
	largeBatch      = kgo.FetchBatchMetrics{NumRecords: 1, UncompressedBytes: 900_000, CompressedBytes: 900_000}
)

func TestFetchesBecomeAsMuchMemoryWhateverIsInThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		batch kgo.FetchBatchMetrics
	}{{"plain", plainBatch}, {"compressed", compressedBatch}} {
		t.Run(c.name, func(t *testing.T) {
			s := &fetchSize{}
			_, known := s.next()
			assert.False(t, known, "before anything was fetched")
			fetch(s, leastFetch, c.batch)
			bytes, known := s.next()
			assert.True(t, known)
			memory := float64(c.batch.UncompressedBytes) + float64(c.batch.NumRecords)*float64(recordMemory)
			assert.InEpsilon(t, fetchMemory, float64(bytes)*memory/float64(c.batch.CompressedBytes+batchOverhead), 0.01)
		})
	}
}

func TestFetchesOfLargeMessagesAreBounded(t *testing.T) {
	s := &fetchSize{}
	fetch(s, 1, largeBatch)
	bytes, _ := s.next()
	assert.EqualValues(t, mostFetch, bytes)
}

// TestFetchSizeShrinksAtOnceAndGrowsSlowly: what comes next may be like what was
// before.
func TestFetchSizeShrinksAtOnceAndGrowsSlowly(t *testing.T) {
	s := &fetchSize{}
	fetch(s, 1, plainBatch)
	wide, _ := s.next()
	fetch(s, 1, compressedBatch)
	narrow, _ := s.next()
	assert.Less(t, narrow, wide/8)
	fetch(s, 1, plainBatch)
	after, _ := s.next()
	assert.Less(t, after, narrow*5/4)
	again, _ := s.next()
	assert.Equal(t, after, again, "nothing was fetched")
	const fetches = 100
	for range fetches {
		fetch(s, 1, plainBatch)
		after, _ = s.next()
	}
	assert.InEpsilon(t, wide, after, 0.01)
}
