// Package topology describes pageheat's layout in Kafka: the topics, tables and consumer groups
// with their names, the settings of each topic, the graph that connects them, and the partition
// of each page.
//
// It does no I/O. [New] makes a [Topology] from a [Config]. It refuses names that Kafka would
// refuse and an inconsistent graph, so mistakes show before the first connection. From there:
//
//   - the names are fields of [Topology];
//   - [Topology.Specs] and [Topology.InputSpec] describe how each topic is created, and
//     [TopicSpec.Differences] compares an existing one;
//   - [Topology.Graph] is the graph as data, [Topology.Print] draws it;
//   - [Hasher] and [Partition] place a page.
package topology

import (
	"fmt"
	"strconv"
)

// Topology holds the names. Make it with [New]. It is read-only and safe for concurrent use.
type Topology struct {
	// Prefix is the prefix of the names below that were not given individually.
	Prefix string

	// Input holds the behaviours as their producers sent them.
	Input string
	// Behavior holds the behaviours by page: sums per page and minute over ranges of input offsets.
	Behavior string
	// HeatTable is the group table of HeatGroup: the totals of every page.
	HeatTable string
	// Leaders holds the hottest pages of each partition of HeatTable.
	Leaders string
	// Forget holds the requests to forget pages.
	Forget string
	// RankTable is the group table of RankGroup.
	RankTable string
	// Output holds the boards.
	Output string
	// DeadLetter holds the refused messages.
	DeadLetter string
	// Events holds what happened on boards, and AlertTable is the group table of AlertGroup.
	// Neither exists if HasEvents is false.
	Events, AlertTable string

	// IngestGroup reads Input and writes Behavior and DeadLetter.
	IngestGroup string
	// HeatGroup reads Behavior and Forget, and writes HeatTable, Leaders, and to Forget what was taken in.
	HeatGroup string
	// RankGroup reads Leaders and writes RankTable and Output. Its owner also reads Forget, beside the group.
	RankGroup string
	// AlertGroup reads Output and writes Events and AlertTable, if HasEvents is true.
	AlertGroup string
	// HasEvents is whether there are events of boards.
	HasEvents bool
	// ReplayGroup stores how far DeadLetter was replayed.
	ReplayGroup string
}

// Topics are the names of all topics, in the order in which behaviours pass them.
func (t *Topology) Topics() []string {
	topics := []string{t.Input, t.Behavior, t.HeatTable, t.Leaders, t.Forget, t.RankTable, t.Output, t.DeadLetter}
	if t.HasEvents {
		topics = append(topics, t.AlertTable, t.Events)
	}
	return topics
}

// OwnTopics are the names of the topics that pageheat writes: all but the input. They are in the
// order in which behaviours pass them.
func (t *Topology) OwnTopics() []string { return t.Topics()[1:] }

// Groups are the names of all consumer groups.
func (t *Topology) Groups() []string {
	groups := []string{t.IngestGroup, t.HeatGroup, t.RankGroup, t.ReplayGroup}
	if t.HasEvents {
		groups = append(groups, t.AlertGroup)
	}
	return groups
}

// New returns the topology. Empty fields of c mean the default. The error is that of
// [Config.Validate], or describes an inconsistency in the graph.
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
		Forget:      n.forget.name,
		RankTable:   n.rankTable.name,
		Output:      n.output.name,
		DeadLetter:  n.deadLetter.name,
		IngestGroup: n.ingestGroup.name,
		HeatGroup:   n.heatGroup.name,
		RankGroup:   n.rankGroup.name,
		Events:      n.events.name,
		AlertTable:  n.alertTable.name,
		AlertGroup:  n.alertGroup.name,
		HasEvents:   c.Events,
		ReplayGroup: n.deadLetter.name + suffixReplay,
	}
	if t.Prefix == "" {
		t.Prefix = DefaultPrefix
	}
	if err := t.Graph().Validate(); err != nil {
		return nil, fmt.Errorf("checking the graph: %w", err)
	}
	return t, nil
}

// HeatTransactionalID is the transactional.id that owns one partition of HeatTable. A new owner
// that takes it over fences the previous one.
func (t *Topology) HeatTransactionalID(partition int32) string {
	return t.HeatTransactionalIDs() + strconv.FormatInt(int64(partition), 10)
}

// HeatTransactionalIDs is the common prefix of the transactional.ids of all partitions of
// HeatTable.
func (t *Topology) HeatTransactionalIDs() string { return t.HeatGroup + "-" }

// ImportTransactionalID is the transactional.id that fills an empty HeatTable. It is one of those
// that begin with HeatTransactionalIDs.
func (t *Topology) ImportTransactionalID() string { return t.HeatTransactionalIDs() + "import" }

// RankTransactionalID is the transactional.id that owns RankTable.
func (t *Topology) RankTransactionalID() string { return t.RankGroup }

// AlertTransactionalID is the transactional.id that owns AlertTable.
func (t *Topology) AlertTransactionalID() string { return t.AlertGroup }
