package overview

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
	"pageheat/topology"
)

// sum adds up known values; it is nil if one is unknown.
type sum struct {
	total   int64
	unknown bool
}

func (s *sum) add(n *int64) {
	if n == nil {
		s.unknown = true
		return
	}
	s.total += *n
}

func (s *sum) known() *int64 {
	if s.unknown {
		return nil
	}
	return &s.total
}

// topic fills in a topic's partitions.
func (n *Node) topic(ends map[int32]end) {
	if len(ends) == 0 {
		n.Unknown = "the topic does not exist, or the right to describe it is missing"
		return
	}
	n.partitions(n.Name, ends)
	var records sum
	for _, p := range n.Partitions {
		records.add(p.End)
	}
	n.Records = records.known()
}

// partitions adds the partitions of a topic, without progress.
func (n *Node) partitions(topic string, ends map[int32]end) {
	for partition, e := range ends {
		p := Partition{Topic: topic, Partition: partition}
		if e.err != nil {
			n.Unknown = reasons(n.Unknown, e.err.Error())
		} else {
			p.End = &e.high
			if e.stable < e.high {
				p.WaitsAt = &e.stable
			}
		}
		n.Partitions = append(n.Partitions, p)
	}
	slices.SortFunc(n.Partitions, func(a, b Partition) int { return int(a.Partition - b.Partition) })
}

// group fills in a group's members and the partitions of the topic that it reads.
func (n *Node) group(described kafka.Group, topic string, ends map[int32]end) {
	n.GroupState = described.State
	switch {
	case errors.Is(described.Err, kerr.GroupIDNotFound):
		n.GroupState = "Dead" // older brokers report a missing group like this
	case described.Err != nil:
		n.GroupState = ""
		n.Unknown = reasons(n.Unknown, fmt.Sprintf("group %s: %v", n.Name, described.Err))
	case described.State == "":
		n.Unknown = reasons(n.Unknown, fmt.Sprintf("group %s: %v", n.Name, errNotAnswered))
	}
	owners := map[int32]string{}
	for _, member := range described.Members {
		shown := Member{ID: member.MemberID, Host: member.ClientHost, Partitions: []int32{}}
		if member.InstanceID != nil {
			shown.ID = *member.InstanceID
		}
		if assigned, ok := member.Assigned.AsConsumer(); ok {
			for _, of := range assigned.Topics {
				if of.Topic == topic {
					shown.Partitions = append(shown.Partitions, of.Partitions...)
				}
			}
		}
		slices.Sort(shown.Partitions)
		for _, p := range shown.Partitions {
			owners[p] = shown.ID
		}
		n.Members = append(n.Members, shown)
	}
	slices.SortFunc(n.Members, func(a, b Member) int {
		return cmp.Or(slices.Compare(a.Partitions, b.Partitions), cmp.Compare(a.ID, b.ID))
	})
	n.partitions(topic, ends)
	for i := range n.Partitions {
		n.Partitions[i].Owner = owners[n.Partitions[i].Partition]
	}
}

// reached is the progress in the partitions of a topic.
type reached struct {
	// at has the offsets below which everything is processed, by partition.
	at map[int32]int64
	// why is the reason for missing partitions.
	why string
	// ends has the ends of the readable records, by partition; nil for the ends of the
	// partitions.
	ends map[int32]int64
}

// until sets the progress of a group or of the board in each partition, and with it the lag.
func (n *Node) until(r reached) {
	var lags, records sum
	var unread, unfound []int32
	for i := range n.Partitions {
		p := &n.Partitions[i]
		at, known := r.at[p.Partition]
		if !known {
			unread = append(unread, p.Partition)
		} else if n.Kind == string(topology.Group) {
			p.Committed = &at
		}
		records.add(p.Committed)
		to := p.End
		if end, ok := r.ends[p.Partition]; ok {
			to = &end
		} else if r.ends != nil && to != nil {
			unfound = append(unfound, p.Partition)
			to = nil
		}
		if known && to != nil {
			lag := max(0, *to-at)
			p.Lag = &lag
		}
		lags.add(p.Lag)
	}
	n.Unknown = reasons(n.Unknown, ofPartitions(unread, r.why), ofPartitions(unfound, fmt.Sprintf("the last record was not found among %d offsets", maxTail)))
	if len(n.Partitions) == 0 {
		return // an empty sum is unknown
	}
	n.Lag = lags.known()
	if n.Kind == string(topology.Group) {
		n.Records = records.known()
	}
}

// ofPartitions names the partitions with a problem; empty for none.
func ofPartitions(partitions []int32, why string) string {
	const shown = 5
	switch n := len(partitions); {
	case n == 0:
		return ""
	case n > shown:
		return fmt.Sprintf("partitions %v and %d more: %s", partitions[:shown], n-shown, why)
	}
	return fmt.Sprintf("partitions %v: %s", partitions, why)
}

// behind sets how far the board is behind the heat table.
func (n *Node) behind(input string, p progress) {
	if why := reasons(p.unapplied, p.noBoard); why != "" {
		n.Unknown = reasons(n.Unknown, why)
		return
	}
	total := int64(0)
	for partition, applied := range p.applied {
		at := p.board[partition] // nothing of an input partition that it does not have is on the board
		lag := max(0, applied-at)
		n.Behind = append(n.Behind, Partition{Topic: input, Partition: partition, End: &applied, Committed: &at, Lag: &lag})
		total += lag
	}
	n.Lag = &total
	slices.SortFunc(n.Behind, func(a, b Partition) int { return int(a.Partition - b.Partition) })
}

// offsetsOf returns the offsets that a group has committed for a topic.
func offsetsOf(committed kafka.GroupOffsets, topic string) reached {
	r := reached{at: map[int32]int64{}, why: "the group has committed no offset"}
	if committed.Err != nil && !errors.Is(committed.Err, kerr.GroupIDNotFound) {
		r.why = committed.Err.Error()
	}
	for partition, at := range committed.Fetched[topic] {
		switch {
		case at.Err != nil && !errors.Is(at.Err, kerr.GroupIDNotFound):
			r.why = at.Err.Error()
		case at.Err == nil && at.At >= 0:
			r.at[partition] = at.At
		}
	}
	return r
}

// beside reports whether a node is off the path of a behaviour. A group that reads a topic that it
// also writes keeps its own state there.
func beside(graph topology.Graph, node topology.Node) bool {
	if node.Kind != topology.Stream {
		return node.Kind == topology.Table
	}
	last := true // of the streams
	for _, other := range slices.Backward(graph.Nodes) {
		if other.Kind == topology.Stream {
			last = other.Name == node.Name
			break
		}
	}
	for _, edge := range graph.Edges {
		if edge.From != node.Name || slices.Contains(graph.Edges, topology.Edge{From: edge.To, To: node.Name}) {
			continue
		}
		if slices.ContainsFunc(graph.Nodes, func(n topology.Node) bool { return n.Name == edge.To && n.Kind == topology.Group }) {
			return false
		}
	}
	return !last
}

// edges returns the edges of the graph with the number of records that passed: the records in a
// topic for its writer, and those read by a group for its reader. Rank and outside nodes do not
// report what they have read, so their number is that of all readable records. Repeated reads
// of a table at take-over do not count.
func edges(graph topology.Graph, flow []Node, rank string) []Edge {
	of := map[string]Node{}
	for _, node := range flow {
		of[node.Name] = node
	}
	all := make([]Edge, 0, len(graph.Edges))
	for _, edge := range graph.Edges {
		from, to := of[edge.From], of[edge.To]
		shown := Edge{From: edge.From, To: edge.To}
		switch {
		case from.Kind == string(topology.Table):
		case to.Kind == string(topology.Group) && to.Name != rank:
			shown.Records = to.Records
		case to.Kind == string(topology.Stream), to.Kind == string(topology.Table):
			shown.Records = to.Records
		default:
			shown.Records = from.Records
		}
		all = append(all, shown)
	}
	return all
}
