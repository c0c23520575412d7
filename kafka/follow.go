package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Beginning stands for the offset of the first record of a partition.
const Beginning = int64(earliest)

const (
	// followWait is how long a broker may wait for the first byte of what is followed. It
	// adds to the time after which a broker that is frozen is given up.
	followWait = 2 * time.Second
	// followedRecords is how many records wait for the follower.
	followedRecords = 256
)

// Follower reads the committed records of some partitions of a topic as they come.
type Follower struct {
	records chan *Record
	cancel  context.CancelCauseFunc
	ctx     context.Context
	ended   chan struct{}
}

var errClosed = errors.New("the follower was closed")

// Follow follows partitions of a topic from the given offsets, until ctx ends or the
// Follower is closed. It has a client of its own, whose client.id names the purpose.
func (c *Cluster) Follow(ctx context.Context, purpose, topic string, from map[int32]int64) (*Follower, error) {
	offsets := make(map[int32]kgo.Offset, len(from))
	for partition, offset := range from {
		if offset == Beginning {
			offsets[partition] = kgo.NewOffset().AtStart()
		} else {
			offsets[partition] = kgo.NewOffset().At(offset)
		}
	}
	client, err := c.Client(purpose,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // what is gone is an error
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(followWait),
		kgo.FetchMaxPartitionBytes(1<<20),
	)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f := &Follower{records: make(chan *Record, followedRecords), cancel: cancel, ctx: ctx, ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		defer close(f.records)
		defer client.Close()
		f.run(client, topic)
	}()
	return f, nil
}

func (f *Follower) run(client *kgo.Client, topic string) {
	due := pace{interval: followPace, quiet: quietFollowPace}
	for {
		fetches := client.PollFetches(f.ctx)
		if f.ctx.Err() != nil {
			return
		}
		failed := false
		fetches.EachError(func(_ string, partition int32, err error) {
			failed = true
			err = fmt.Errorf("reading topic %s partition %d: %w", topic, partition, err)
			f.cancel(Explain(err, OnTopic(Read, topic))) // the first one counts
		})
		if failed {
			return
		}
		bytes := 0
		for all := fetches.RecordIter(); !all.Done(); {
			r := all.Next()
			bytes += len(r.Key) + len(r.Value)
			select {
			case f.records <- r:
			case <-f.ctx.Done():
				return
			}
		}
		rest(f.ctx, due.next(bytes, time.Now())) // the client fetches no more meanwhile
	}
}

// Records returns the channel of records, in order within each partition. It is closed when
// the follower ends; see Err.
func (f *Follower) Records() <-chan *Record { return f.records }

// Err is why the follower ended: the error of reading, or the context's cause; nil while it
// runs.
func (f *Follower) Err() error { return context.Cause(f.ctx) }

// Close ends the follower. It may be called again.
func (f *Follower) Close() {
	f.cancel(errClosed)
	<-f.ended
}
