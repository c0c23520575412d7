package adapter

import (
	"sync/atomic"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchSize has the input be fetched in portions that become about as much memory
// whatever is in them: a fetch is bounded by its bytes on the wire, and a
// compressed MiB of small messages may become hundreds of MiB of records.
type fetchSize struct {
	// Of what was fetched since the size was last set.
	wire, memory atomic.Int64

	growth float64 // bytes of memory that a byte on the wire becomes
}

const (
	// fetchMemory is what a fetch of one partition should become at most: enough for
	// mostFetch of small messages that are not compressed, since smaller fetches cost
	// the broker more than they save.
	fetchMemory = 8 << 20
	// leastFetch and mostFetch bound a fetch of one partition, in bytes on the
	// wire. The least is about a producer's usual batch, and brokers return whole
	// batches.
	leastFetch = 16 << 10
	mostFetch  = 1 << 20
	// fetchPartitions is how many such portions a broker may return together.
	fetchPartitions = 8
	// recordMemory is what a record takes besides its bytes.
	recordMemory = int64(unsafe.Sizeof(kgo.Record{}))
	// batchOverhead is what a batch has on the wire besides its records.
	batchOverhead = 61
	// growthMemory is how much of what was known before is kept where records grow
	// less than they did.
	growthMemory = 0.9
)

var _ kgo.HookFetchBatchRead = (*fetchSize)(nil)

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (s *fetchSize) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	s.wire.Add(int64(m.CompressedBytes) + batchOverhead)
	s.memory.Add(int64(m.UncompressedBytes) + int64(m.NumRecords)*recordMemory)
}

// options are those of a client until something was fetched.
func (s *fetchSize) options() []kgo.Opt {
	return []kgo.Opt{kgo.WithHooks(s), kgo.FetchMaxPartitionBytes(leastFetch), kgo.FetchMaxBytes(fetchPartitions * leastFetch)}
}

// next is how many bytes the next fetch of one partition should ask for, by what
// came since the last call; it remembers what grew most. One goroutine calls it.
func (s *fetchSize) next() (bytes int32, known bool) {
	wire, memory := s.wire.Swap(0), s.memory.Swap(0)
	if wire > 0 {
		growth := float64(memory) / float64(wire)
		s.growth = max(growth, growthMemory*s.growth+(1-growthMemory)*growth)
	}
	if s.growth == 0 {
		return 0, false
	}
	return int32(min(max(fetchMemory/s.growth, leastFetch), mostFetch)), true
}

// adapt sets the size of the next fetches.
func (s *fetchSize) adapt(client *kgo.Client) {
	if bytes, known := s.next(); known {
		client.UpdateFetchMaxBytes(fetchPartitions*bytes, bytes)
	}
}
