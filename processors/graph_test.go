package processors_test

import (
	"testing"

	"github.com/lovoo/goka"
	"github.com/stretchr/testify/require"

	"pageheat/heat"
	"pageheat/processors"
	"pageheat/topology"
)

// TestGraphIsThatOfTheProcessors: what `pageheat topology` and the dashboard show are
// the edges that the processors declare to goka, no more and no fewer.
func TestGraphIsThatOfTheProcessors(t *testing.T) {
	topo, err := topology.New(topology.Config{Prefix: "p", Input: "in", Output: "out"})
	require.NoError(t, err)
	var declared []topology.Edge
	for _, group := range []*goka.GroupGraph{
		processors.IngestGraph(processors.IngestConfig{Topology: topo, Limits: heat.DefaultLimits(), Targets: 3}),
		processors.HeatGraph(processors.HeatConfig{Topology: topo}),
		processors.RankingGraph(processors.RankingConfig{Topology: topo,
			Ranker: processors.RankerConfig{Board: "all-time", Scorer: heat.DefaultWeights(), Top: 10}}),
	} {
		require.Empty(t, group.JointTables())
		require.Empty(t, group.LookupTables())
		require.Nil(t, group.LoopStream())
		name := string(group.Group())
		in, out := group.InputStreams(), group.OutputStreams()
		if table := group.GroupTable(); table != nil {
			in, out = append(in, table), append(out, table)
		}
		for _, edge := range in {
			declared = append(declared, topology.Edge{From: edge.Topic(), To: name})
		}
		for _, edge := range out {
			declared = append(declared, topology.Edge{From: name, To: edge.Topic()})
		}
	}
	// Package pipeline reads it outside of goka, whose group would keep its partitions with those of the other input.
	declared = append(declared, topology.Edge{From: topo.Forget, To: topo.HeatGroup})
	graph := topo.Graph()
	outside := map[string]bool{}
	for _, node := range graph.Nodes {
		outside[node.Name] = node.Kind == topology.Outside
	}
	var shown []topology.Edge
	for _, edge := range graph.Edges {
		if !outside[edge.From] && !outside[edge.To] {
			shown = append(shown, edge)
		}
	}
	require.ElementsMatch(t, declared, shown)
}
