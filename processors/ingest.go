package processors

import (
	"fmt"
	"sync"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/topology"
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

// ErrInputWentBack says that a record of the input came at or below an offset that was
// read before.
var ErrInputWentBack = failure.Known("the input went back", failure.WentBack)

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
	case codec.FeedCut:
		record, err := codec.DecodeCutRecord(body)
		if err != nil {
			ctx.Fail(err)
		}
		in.gatherCut(ctx, g, record)
	case codec.FeedFlush:
		to, err := codec.DecodeFlush(body)
		if err != nil {
			ctx.Fail(err)
		}
		g.Reach(to)
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
	for bundle := codec.ReadBundle(body); bundle.More(); {
		record, err := bundle.Next()
		if err == nil {
			err = rises(g, record.Offset)
		}
		if err != nil {
			ctx.Fail(err)
		}
		refusal := g.Add(record.Offset, record.Value)
		if refusal == nil {
			valid++
			continue
		}
		refused = append(refused, refusal.Code)
		in.setAside(ctx, g, &record, refusal)
	}
	in.config.Observe(valid, refused)
}

// rises reports an offset that does not rise: such a record was counted, and a range
// that ends below its beginning would make the records that follow it wrong.
func rises(g *Gatherer, offset int64) error {
	if offset > g.To() {
		return nil
	}
	return fmt.Errorf("%w: a record has the offset %d after the offset %d", ErrInputWentBack, offset, g.To())
}

// gatherCut counts a record that is too long to be held, where its value is a
// behaviour all the same, or sets aside what is kept of it.
func (in *ingest) gatherCut(ctx goka.Context, g *Gatherer, r codec.CutRecord) {
	if err := rises(g, r.Offset); err != nil {
		ctx.Fail(err)
	}
	var refusal *codec.Refusal
	if whole := r.ValueSize == int64(len(r.Value)) || r.ValueSize < 0; whole {
		refusal = g.Add(r.Offset, r.Value)
	} else {
		g.Reach(r.Offset)
		refusal = codec.TooLarge(r.ValueSize, codec.MaxBytes(r.Value))
	}
	if refusal == nil {
		in.config.Observe(1, nil)
		return
	}
	in.setAsideCut(ctx, g, &r, refusal)
	in.config.Observe(0, []codec.Code{refusal.Code})
}

// send sends a range to each partition of the behaviour topic; the key names it.
func (in *ingest) send(ctx goka.Context, ranges [][]byte) {
	for target, r := range ranges {
		ctx.Emit(in.behavior, codec.PartitionKey(int32(target)), r)
	}
}
