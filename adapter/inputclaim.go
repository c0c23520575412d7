package adapter

import (
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// inputSource is a claim of the input, which is read in chunks of batches as they
// stand in the log.
type inputSource interface {
	sarama.ConsumerGroupClaim
	// Chunks follow each other without a gap. The receiver calls Taken for each.
	Chunks() <-chan *inputChunk
	Taken()
	// Stable is the last stable offset that the broker told: nothing from there on can
	// be read as committed.
	Stable() int64
	// Rewind drops what was fetched and reads on from an offset, after a pause.
	Rewind(next int64, pause time.Duration)
}

// inputChunk is what one fetch gave of a partition.
type inputChunk struct {
	// batches are whole batches; the last offset before them was read before.
	batches []byte
	// aborted are the transactions among them that were aborted.
	aborted aborted
	// first is above 0 where the partition begins above the offset that was asked for,
	// there.
	first int64
	// err says what is wrong with the partition where it can not be read.
	err error
}

// aborted holds, by producer, the offsets at which its aborted transactions begin.
type aborted map[int64][]int64

// chunksWaiting is how many chunks of a claim may wait: one, and one that is taken
// while it is worked off.
const chunksWaiting = 2

// inputClaim is one claimed partition of the input.
type inputClaim struct {
	topic     string
	partition int32
	fetcher   *fetcher
	chunks    chan *inputChunk
	gone      chan struct{} // closed when nobody takes chunks any more
	end       atomic.Int64  // the high watermark of the last fetch
	stable    atomic.Int64  // and its last stable offset

	// Of the fetcher, under its lock.
	next    int64     // where the next fetch begins
	leader  int32     // the broker that is asked, -1 if it is not known
	busy    bool      // a fetch is on its way
	alone   bool      // the next batch is larger than what is asked for
	notYet  time.Time // when it may be fetched again
	failing time.Time // since when it can not be fetched, zero if it can
	told    bool      // the claim was told that it can not
	full    time.Time // since when it has no room, zero if it has
	rewinds int
	waits   transactionWait
}

var _ inputSource = (*inputClaim)(nil)

func newInputClaim(topic string, partition int32) *inputClaim {
	return &inputClaim{topic: topic, partition: partition, leader: -1,
		chunks: make(chan *inputChunk, chunksWaiting), gone: make(chan struct{})}
}

// ended reports whether nobody takes chunks any more.
func (c *inputClaim) ended() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// Topic implements sarama.ConsumerGroupClaim.
func (c *inputClaim) Topic() string { return c.topic }

// Partition implements sarama.ConsumerGroupClaim.
func (c *inputClaim) Partition() int32 { return c.partition }

// InitialOffset implements sarama.ConsumerGroupClaim; nobody asks.
func (c *inputClaim) InitialOffset() int64 { return sarama.OffsetOldest }

// HighWaterMarkOffset implements sarama.ConsumerGroupClaim.
func (c *inputClaim) HighWaterMarkOffset() int64 { return c.end.Load() }

// Messages implements sarama.ConsumerGroupClaim: there are none, but chunks.
func (c *inputClaim) Messages() <-chan *sarama.ConsumerMessage { return nil }

// Chunks implements inputSource.
func (c *inputClaim) Chunks() <-chan *inputChunk { return c.chunks }

// Stable implements inputSource.
func (c *inputClaim) Stable() int64 { return c.stable.Load() }

// Taken implements inputSource.
func (c *inputClaim) Taken() { c.fetcher.taken(c) }

// Rewind implements inputSource.
func (c *inputClaim) Rewind(next int64, pause time.Duration) { c.fetcher.rewind(c, next, pause) }
