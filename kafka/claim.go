package kafka

import (
	"sync/atomic"
	"time"
)

// chunksWaiting is how many chunks of a claim may wait: one, and one that is being
// processed.
const chunksWaiting = 2

// Claim is one partition that a session reads in chunks, which follow each other without a
// gap.
type Claim struct {
	topic     string
	partition int32
	fetcher   *fetcher
	chunks    chan *Chunk
	gone      chan struct{} // closed when chunks are no longer taken
	end       atomic.Int64  // the high watermark of the last fetch
	stable    atomic.Int64  // and its last stable offset

	// Of the fetcher, under its lock.
	next    int64 // where the next fetch begins
	broker  int32 // the broker that is asked, -1 if it is not known
	near    nearReplica
	busy    bool      // a fetch is on its way
	alone   bool      // the next batch is larger than what is asked for
	notYet  time.Time // when it may be fetched again
	failing time.Time // since when it cannot be fetched, zero if it can
	told    bool      // the claim was told that it cannot
	full    time.Time // since when it has no room, zero if it has
	rewinds int
	waits   transactionWait
}

func newClaim(topic string, partition int32) *Claim {
	return &Claim{topic: topic, partition: partition, broker: -1, near: nearReplica{broker: -1},
		chunks: make(chan *Chunk, chunksWaiting), gone: make(chan struct{})}
}

// ended reports whether chunks are no longer taken.
func (c *Claim) ended() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// Topic is the topic.
func (c *Claim) Topic() string { return c.topic }

// Partition is the partition of the topic.
func (c *Claim) Partition() int32 { return c.partition }

// End is the last known high watermark.
func (c *Claim) End() int64 { return c.end.Load() }

// Stable is the last known last stable offset: no record at or above it is readable as
// committed.
func (c *Claim) Stable() int64 { return c.stable.Load() }

// Chunks are what was fetched. The receiver calls Taken for each.
func (c *Claim) Chunks() <-chan *Chunk { return c.chunks }

// Taken is called when a chunk was received: there is room for another.
func (c *Claim) Taken() { c.fetcher.taken(c) }

// Rewind drops what was fetched and reads on from an offset, after a pause.
func (c *Claim) Rewind(next int64, pause time.Duration) { c.fetcher.rewind(c, next, pause) }

// Leave says that no more chunks are taken. Other claims are still read. Call it once.
func (c *Claim) Leave() { close(c.gone) }
