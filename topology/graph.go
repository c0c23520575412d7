package topology

import (
	"errors"
	"fmt"
)

// Kind is the kind of a node.
type Kind string

// The kinds of nodes.
const (
	// Outside is what pageheat does not run: producers and readers.
	Outside Kind = "outside"
	// Stream is a topic that is read from its beginning to its end.
	Stream Kind = "stream"
	// Table is a compacted topic: the newest value of each key.
	Table Kind = "table"
	// Group is a consumer group: instances that share the partitions of its streams.
	Group Kind = "group"
)

// Count is the number of partitions of a topic, in words.
type Count string

// The partition counts.
const (
	// AsItIs is any number: the topic belongs to somebody else.
	AsItIs Count = "any number of partitions"
	// PerPage is the number chosen with `topics create --partitions`: it determines the
	// partition of a page.
	PerPage Count = "P partitions"
	// One partition.
	One Count = "1 partition"
)

// Node is a topic, a group, or something outside.
type Node struct {
	// Name is the name of the topic or group, or a description of the outside.
	Name string
	// Kind is its kind.
	Kind Kind
	// Count is a topic's number of partitions; empty for others.
	Count Count
	// Does describes in a few words what the node holds or does.
	Does string
}

// Edge is a path of records from one node to another, by their names.
type Edge struct{ From, To string }

// Graph is the graph of streams, tables and groups. Nodes are in the order in which a behaviour
// passes them; a topic off this path follows its group.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

const (
	outsideProducers = "producers of behaviours" // a space: no topic can have the name
	outsideReaders   = "readers of boards"
	outsideOperator  = "the operator"
	outsideFollowers = "readers of events"
)

// Graph returns the graph of this topology. A group's table has an edge in both directions: the
// group writes it, and reads it when it takes over a partition.
func (t *Topology) Graph() Graph {
	g := Graph{
		Nodes: []Node{
			{outsideProducers, Outside, "", "any key, any partitioner, text or JSON"},
			{t.Input, Stream, AsItIs, "behaviours as they were sent"},
			{t.IngestGroup, Group, "", "validates; sums per page and minute over a range of offsets"},
			{t.DeadLetter, Stream, One, "what was refused, and why"},
			{outsideOperator, Outside, "", "dead-letters list, replay; forget"},
			{t.Behavior, Stream, PerPage, "sums per page and minute over ranges of input offsets"},
			{t.HeatGroup, Group, "", "adds up in memory; writes dirty pages behind"},
			{t.HeatTable, Table, PerPage, "exact totals of every page, and the progress"},
			{t.Forget, Stream, PerPage, "requests to forget pages, and those that were taken in"},
			{t.Leaders, Stream, One, "each partition's hottest pages"},
			{t.RankGroup, Group, "", "merges, compares, numbers the version"},
			{t.RankTable, Table, One, "the epoch of the ranking's owner"},
			{t.Output, Stream, One, "boards, the newest of each name"},
			{outsideReaders, Outside, "", "HTTP, events, dashboard, terminal, your program"},
		},
		Edges: []Edge{
			{outsideProducers, t.Input},
			{t.Input, t.IngestGroup},
			{t.IngestGroup, t.DeadLetter},
			{t.DeadLetter, outsideOperator},
			{t.IngestGroup, t.Behavior},
			{t.Behavior, t.HeatGroup},
			{t.HeatGroup, t.HeatTable},
			{t.HeatTable, t.HeatGroup},
			{outsideOperator, t.Forget},
			{t.HeatGroup, t.Forget},
			{t.Forget, t.HeatGroup},
			{t.HeatGroup, t.Leaders},
			{t.Leaders, t.RankGroup},
			{t.RankGroup, t.RankTable},
			{t.RankTable, t.RankGroup},
			{t.RankGroup, t.Output},
			{t.Output, outsideReaders},
		},
	}
	if t.HasEvents {
		g.Nodes = append(g.Nodes,
			Node{t.AlertGroup, Group, "", "compares each board with the one before"},
			Node{t.AlertTable, Table, One, "the newest board of each name, and the position"},
			Node{t.Events, Stream, One, "pages that entered, left, took rank 1 or rose"},
			Node{outsideFollowers, Outside, "", "bots, your program"})
		g.Edges = append(g.Edges,
			Edge{t.Output, t.AlertGroup},
			Edge{t.AlertGroup, t.AlertTable},
			Edge{t.AlertTable, t.AlertGroup},
			Edge{t.AlertGroup, t.Events},
			Edge{t.Events, outsideFollowers})
	}
	return g
}

// holds returns the description of a topic in the graph.
func (t *Topology) holds(topic string) string {
	n, _ := t.Graph().node(topic)
	return n.Does
}

func (g Graph) node(name string) (Node, bool) {
	for _, n := range g.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

func (g Graph) has(from, to string) bool {
	for _, e := range g.Edges {
		if e.From == from && e.To == to {
			return true
		}
	}
	return false
}

// Validate reports everything that is inconsistent: a name used twice, an edge to nowhere or
// between two topics, a stream without a writer or a reader, a table that is not the one goka
// gives its group or that another group writes, and a group whose table and streams have
// different numbers of partitions.
func (g Graph) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	seen := map[string]bool{}
	for _, n := range g.Nodes {
		if seen[n.Name] {
			fault("%s %s: the name is used twice", n.Kind, n.Name)
		}
		seen[n.Name] = true
	}
	in, out := map[string][]Node{}, map[string][]Node{}
	for _, e := range g.Edges {
		from, okFrom := g.node(e.From)
		to, okTo := g.node(e.To)
		if !okFrom || !okTo {
			fault("edge %s -> %s: both ends must be in the graph", e.From, e.To)
			continue
		}
		if from.isTopic() == to.isTopic() {
			fault("edge %s -> %s: records go from a topic to a group or back", e.From, e.To)
		}
		in[e.To] = append(in[e.To], from)
		out[e.From] = append(out[e.From], to)
	}
	for _, n := range g.Nodes {
		switch n.Kind {
		case Stream:
			if len(in[n.Name]) == 0 {
				fault("stream %s: no writer", n.Name)
			}
			if len(out[n.Name]) == 0 {
				fault("stream %s: no reader", n.Name)
			}
		case Table:
			if len(in[n.Name]) != 1 || in[n.Name][0].Name+suffixTable != n.Name {
				fault("table %s: it must be written by its own group, and by no other", n.Name)
			}
		case Group:
			errs = append(errs, g.validateGroup(n, in[n.Name], out[n.Name])...)
		}
	}
	return errors.Join(errs...)
}

// validateGroup checks that a group reads a stream, and that its table and streams are
// co-partitioned: partition i of its table belongs to partition i of its streams.
func (g Graph) validateGroup(group Node, in, out []Node) []error {
	var errs []error
	streams := 0
	for _, stream := range in {
		if stream.Kind != Stream {
			continue
		}
		streams++
		for _, table := range out {
			if table.Kind == Table && table.Count != stream.Count {
				errs = append(errs, fmt.Errorf("group %s: table %s has %s, stream %s has %s: they must be the same",
					group.Name, table.Name, table.Count, stream.Name, stream.Count))
			}
		}
	}
	if streams == 0 {
		errs = append(errs, fmt.Errorf("group %s: it reads no stream", group.Name))
	}
	for _, table := range out {
		if table.Kind == Table && !g.has(table.Name, group.Name) {
			errs = append(errs, fmt.Errorf("group %s: it does not read its table %s again", group.Name, table.Name))
		}
	}
	return errs
}

func (n Node) isTopic() bool { return n.Kind == Stream || n.Kind == Table }
