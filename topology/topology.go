// Package topology says how pageheat is laid out in Kafka: which topics, tables
// and consumer groups there are and what they are called, how each topic has to
// be set up, how they hang together, and to which partition a page belongs.
//
// It does no I/O. A [Topology] is made from a [Config] by [New], which refuses
// names that Kafka would refuse and a graph that does not fit together, so that
// a mistake shows before the first connection. From there:
//
//   - the names are fields of [Topology];
//   - [Topology.Specs] and [Topology.InputSpec] say how each topic is created,
//     and [TopicSpec.Differences] what is wrong with one that exists;
//   - [Topology.Graph] is the graph as data, [Topology.Print] draws it;
//   - [Hasher] and [Partition] place a page.
package topology

import (
	"fmt"
	"strconv"
)

// Topology holds the names. Make it with [New]; after that it is only read, and
// may be shared between goroutines.
type Topology struct {
	// Prefix begins the names below that were not given one by one.
	Prefix string

	// Input holds the behaviours as their producers sent them.
	Input string
	// Behavior holds the behaviours by page: sums per page over ranges of input offsets.
	Behavior string
	// HeatTable is the group table of HeatGroup: the totals of every page.
	HeatTable string
	// Leaders holds the hottest pages of each partition of HeatTable.
	Leaders string
	// RankTable is the group table of RankGroup.
	RankTable string
	// Output holds the boards.
	Output string
	// DeadLetter holds what was refused.
	DeadLetter string

	// IngestGroup reads Input and writes Behavior and DeadLetter.
	IngestGroup string
	// HeatGroup reads Behavior and writes HeatTable and Leaders.
	HeatGroup string
	// RankGroup reads Leaders and writes RankTable and Output.
	RankGroup string
	// ReplayGroup remembers how far DeadLetter was replayed.
	ReplayGroup string
}

// Topics are the names of all topics, in the order in which behaviours pass them.
func (t *Topology) Topics() []string {
	return []string{t.Input, t.Behavior, t.HeatTable, t.Leaders, t.RankTable, t.Output, t.DeadLetter}
}

// New names everything. Empty fields of c mean the default. The error is that of
// [Config.Validate], or says what does not fit together in the graph.
func New(c Config) (*Topology, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("name the topics: %w", err)
	}
	n := c.names()
	t := &Topology{
		Prefix:      c.Prefix,
		Input:       n.input.name,
		Behavior:    n.behavior.name,
		HeatTable:   n.heatTable.name,
		Leaders:     n.leaders.name,
		RankTable:   n.rankTable.name,
		Output:      n.output.name,
		DeadLetter:  n.deadLetter.name,
		IngestGroup: n.ingestGroup.name,
		HeatGroup:   n.heatGroup.name,
		RankGroup:   n.rankGroup.name,
		ReplayGroup: n.deadLetter.name + suffixReplay,
	}
	if t.Prefix == "" {
		t.Prefix = DefaultPrefix
	}
	if err := t.Graph().Validate(); err != nil {
		return nil, fmt.Errorf("check the graph: %w", err)
	}
	return t, nil
}

// HeatTransactionalID is the transactional.id that owns one partition of
// HeatTable. Whoever takes it over fences the owner before.
func (t *Topology) HeatTransactionalID(partition int32) string {
	return t.HeatTransactionalIDs() + strconv.FormatInt(int64(partition), 10)
}

// HeatTransactionalIDs is how the transactional.ids of all partitions of HeatTable begin.
func (t *Topology) HeatTransactionalIDs() string { return t.HeatGroup + "-" }

// RankTransactionalID is the transactional.id that owns RankTable.
func (t *Topology) RankTransactionalID() string { return t.RankGroup }
