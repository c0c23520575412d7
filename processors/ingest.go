package processors

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// Headers of a dead letter: where the message was, and why it was refused.
const (
	HeaderTopic     = "pageheat.topic"
	HeaderPartition = "pageheat.partition"
	HeaderOffset    = "pageheat.offset"
	HeaderReason    = "pageheat.reason"
	HeaderDetail    = "pageheat.detail"
)

// IngestConfig is what an ingest processor needs to know.
type IngestConfig struct {
	Brokers  []string
	Topology *topology.Topology
	Limits   heat.Limits
	// Targets is the number of partitions of the behaviour topic.
	Targets int
	// Observe is told about every bundle; it must be quick, and safe for use by
	// several goroutines. It may be nil.
	Observe func(valid int, refused []codec.Code)
}

// NewIngest returns the processor that reads behaviours. It has no table: what
// it has gathered belongs to one session and one input partition.
func NewIngest(c IngestConfig, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := goka.NewProcessor(c.Brokers, IngestGraph(c), options...)
	if err != nil {
		return nil, fmt.Errorf("making the ingest processor of group %s: %w", c.Topology.IngestGroup, err)
	}
	return p, nil
}

// IngestGraph is the graph of the ingest processor.
func IngestGraph(c IngestConfig) *goka.GroupGraph {
	if c.Observe == nil {
		c.Observe = func(int, []codec.Code) {}
	}
	in := &ingest{config: c, behavior: goka.Stream(c.Topology.Behavior), deadLetter: goka.Stream(c.Topology.DeadLetter)}
	return goka.DefineGroup(goka.Group(c.Topology.IngestGroup),
		goka.Input(goka.Stream(c.Topology.Input), codec.Raw{}, in.process),
		goka.Output(in.behavior, codec.Raw{}),
		goka.Output(in.deadLetter, codec.Raw{}),
	)
}

// ingest is the state of the processor: a *Gatherer for each input partition,
// which only that partition's goroutine uses.
type ingest struct {
	config     IngestConfig
	gatherers  sync.Map // by partition: the input may get more of them at any time
	behavior   goka.Stream
	deadLetter goka.Stream
}

func (in *ingest) process(ctx goka.Context, message any) {
	kind, body, err := codec.SplitFeed(message.([]byte))
	if err != nil {
		ctx.Fail(err)
	}
	g := in.gatherer(ctx.Partition())
	switch kind {
	case codec.FeedStart:
		start, err := codec.DecodeIngestStart(body)
		if err != nil {
			ctx.Fail(err)
		}
		g.Start(start.Input, start.From)
		if start.LostTo > start.From {
			in.send(ctx, g.Lose(start.LostTo))
		}
	case codec.FeedRecords:
		in.gather(ctx, g, body)
	case codec.FeedFlush:
		in.send(ctx, g.Flush())
	default:
		ctx.Fail(fmt.Errorf("ingest was fed a message of kind %q", kind))
	}
}

func (in *ingest) gatherer(partition int32) *Gatherer {
	if g, ok := in.gatherers.Load(partition); ok {
		return g.(*Gatherer)
	}
	g := NewGatherer(partition, in.config.Targets, in.config.Limits)
	in.gatherers.Store(partition, g)
	return g
}

// gather counts the records of a bundle and sets the invalid ones aside.
func (in *ingest) gather(ctx goka.Context, g *Gatherer, body []byte) {
	var refused []codec.Code
	valid := 0
	for len(body) > 0 {
		record, rest, err := codec.BundleRecord(body)
		if err != nil {
			ctx.Fail(err)
		}
		body = rest
		refusal := g.Add(record.Offset, record.Value)
		if refusal == nil {
			valid++
			continue
		}
		refused = append(refused, refusal.Code)
		in.setAside(ctx, record, refusal)
	}
	in.config.Observe(valid, refused)
}

// setAside sends a record as it is to the dead letters.
func (in *ingest) setAside(ctx goka.Context, r codec.Record, refusal *codec.Refusal) {
	headers := goka.Headers{
		HeaderTopic:     []byte(in.config.Topology.Input),
		HeaderPartition: strconv.AppendInt(nil, int64(ctx.Partition()), 10),
		HeaderOffset:    strconv.AppendInt(nil, r.Offset, 10),
		HeaderReason:    []byte(refusal.Code),
		HeaderDetail:    []byte(refusal.Detail),
	}
	if r.Key == nil {
		headers[codec.HeaderNoKey] = nil
	}
	var value any // a nil slice in it would not be nil
	if r.Value != nil {
		value = r.Value
	}
	ctx.Emit(in.deadLetter, string(r.Key), value, goka.WithCtxEmitHeaders(headers))
}

// send sends a range to each partition of the behaviour topic; the key names it.
func (in *ingest) send(ctx goka.Context, ranges [][]byte) {
	for target, r := range ranges {
		ctx.Emit(in.behavior, codec.PartitionKey(int32(target)), r)
	}
}
