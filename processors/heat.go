package processors

import (
	"fmt"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/topology"
)

// HeatConfig is what a heat processor needs to know.
type HeatConfig struct {
	Brokers  []string
	Topology *topology.Topology
}

// NewHeat returns the processor that keeps every page's totals in its group
// table. Ranges are applied to the pages in memory before goka sees them (see
// package store); its callback gets what has to be written: one message per
// changed page at each commit, and last the progress.
func NewHeat(c HeatConfig, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := goka.NewProcessor(c.Brokers, HeatGraph(c), options...)
	if err != nil {
		return nil, fmt.Errorf("making the heat processor of group %s: %w", c.Topology.HeatGroup, err)
	}
	return p, nil
}

// HeatGraph is the graph of the heat processor.
func HeatGraph(c HeatConfig) *goka.GroupGraph {
	leaders := goka.Stream(c.Topology.Leaders)
	process := func(ctx goka.Context, message any) {
		kind, body, err := codec.SplitFeed(message.([]byte))
		if err != nil {
			ctx.Fail(err)
		}
		switch kind {
		case codec.FeedWrite:
			ctx.SetValue(body) // with its partition, see codec.AppendWrite
		case codec.FeedLeaders:
			ctx.Emit(leaders, codec.PartitionKey(ctx.Partition()), body)
		default:
			ctx.Fail(fmt.Errorf("heat was fed a message of kind %q", kind))
		}
	}
	return goka.DefineGroup(goka.Group(c.Topology.HeatGroup),
		goka.Input(goka.Stream(c.Topology.Behavior), codec.Raw{}, process),
		goka.Persist(codec.Raw{}),
		goka.Output(leaders, codec.Raw{}),
	)
}
