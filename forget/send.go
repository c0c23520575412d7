package forget

import (
	"cmp"
	"context"
	"crypto/rand"
	"sync"
	"time"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/snapshot"
	"pageheat/topology"
)

// Config says where to send requests.
type Config struct {
	// Cluster reaches the brokers. It is not closed.
	Cluster *kafka.Cluster
	// Topology names the topics.
	Topology *topology.Topology
	// Progress, if not nil, is told how far each step is.
	Progress snapshot.Progress
}

// Request is a request that was sent.
type Request struct {
	// Page is the page to forget, and Block whether its later behaviours are not counted either.
	Page  string
	Block bool
	// Partition and Offset are where the request is in its topic.
	Partition int32
	Offset    int64
}

// Requests are requests that were sent. They belong to one goroutine.
type Requests struct {
	cfg Config
	// All are the requests that were acknowledged, in the order of the pages that were given.
	All []Request

	pending int
}

// inFlight is how long requests that are on their way are waited for after an interruption.
const inFlight = 2 * time.Second

// howToSend is how requests are sent.
func howToSend() kafka.Sending {
	how := kafka.Bulk()
	how.InTurn, how.Placed = false, true
	return how
}

// Send sends a request for each page and waits until all are acknowledged. The pages must be valid
// names, see [codec.IsPage]. When ctx is done, no more are sent. What was sent stays, and is returned beside
// an error.
func Send(ctx context.Context, cfg Config, pages []string, block bool) (*Requests, error) {
	requests := &Requests{cfg: cfg}
	partitions, err := partitions(ctx, cfg)
	if err != nil {
		return requests, err
	}
	topic := cfg.Topology.Forget
	sender, err := cfg.Cluster.Sender("forget", topic, howToSend())
	if err != nil {
		return requests, err
	}
	defer sender.Close()
	sent, done := cfg.Progress.Step("sending requests", int64(len(pages)))
	defer done()

	all := make([]Request, len(pages))
	var mu sync.Mutex // guards what follows
	var failed error
	acknowledged := make([]bool, len(pages))
	sending, stop := context.WithCancel(ctx)
	defer stop()
	now := time.Now().UnixMilli()
	for i, page := range pages {
		if sending.Err() != nil {
			break
		}
		record := newRecord(page, block, now, partitions)
		all[i] = Request{Page: page, Block: block, Partition: record.Partition}
		sender.Send(sending, record, func(r *kafka.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				all[i].Offset, acknowledged[i] = r.Offset, true
				sent(1)
				return
			}
			if failed == nil {
				failed = sender.Explain(r, err)
			}
			stop()
		})
	}
	err = flush(ctx, sender)
	mu.Lock()
	defer mu.Unlock()
	for i := range all {
		if acknowledged[i] {
			requests.All = append(requests.All, all[i])
		}
	}
	if ctx.Err() != nil {
		return requests, ctx.Err()
	}
	return requests, cmp.Or(failed, err)
}

// flush waits until all requests are acknowledged or have failed, which takes a bounded time. When ctx is done,
// those that were not sent have failed, and the others are waited for a moment.
func flush(ctx context.Context, sender *kafka.Sender) error {
	within, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(inFlight, cancel) })()
	return sender.Flush(within)
}

// newRecord is the record of a request.
func newRecord(page string, block bool, now int64, partitions int) *kafka.Record {
	f := codec.Forget{Hash: codec.HashPage(page), Placed: topology.Hash(page), Page: page, Block: block, RequestedAt: now}
	_, _ = rand.Read(f.ID[:]) // never fails
	return &kafka.Record{Partition: topology.Partition(page, partitions), Key: []byte(f.Key()), Value: codec.AppendForget(nil, &f)}
}

// partitions is the number of partitions of the topic of requests and of the table, which is one.
func partitions(ctx context.Context, cfg Config) (int, error) {
	var n [2]int
	for i, name := range []string{cfg.Topology.HeatTable, cfg.Topology.Forget} {
		found, err := cfg.Cluster.Topic(ctx, name)
		if err != nil {
			return 0, kafka.Missing(name, err)
		}
		n[i] = len(found.Leaders)
	}
	if n[0] != n[1] {
		return 0, failure.New("delete topic "+cfg.Topology.Forget+", and create it with `pageheat topics create`",
			"topic %s has %d partitions, and topic %s has %d: a request would not reach the owner of its page", cfg.Topology.HeatTable, n[0], cfg.Topology.Forget, n[1])
	}
	return n[0], nil
}
