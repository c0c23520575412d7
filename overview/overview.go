package overview

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/topology"
	"pageheat/webserver"
)

const (
	// fresh is how old an answer may be that is given again.
	fresh = 2 * time.Second
	// askWithin bounds asking the cluster.
	askWithin = 5 * time.Second
)

// Overview answers over HTTP. It is safe for concurrent use.
type Overview struct {
	admin   *kadm.Client
	options []kgo.Opt // of every client
	topo    *topology.Topology
	log     *slog.Logger

	mu   sync.Mutex // held while the cluster is asked: the others want the same
	last State
}

// New returns an overview of the cluster at these brokers; connect says how its clients
// connect to them. Nothing is connected before somebody asks. Close it in the end.
func New(brokers []string, topo *topology.Topology, log *slog.Logger, connect ...kgo.Opt) (*Overview, error) {
	options := append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.ClientID(topo.Prefix + "-overview")}, connect...)
	client, err := kgo.NewClient(append(slices.Clone(options), kgo.RetryTimeout(askWithin))...)
	if err != nil {
		return nil, fmt.Errorf("connecting for the overview: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Overview{admin: kadm.NewClient(client), options: options, topo: topo, log: log}, nil
}

// Close ends the connections.
func (o *Overview) Close() { o.admin.Close() }

// Routes is where the overview is, for operators.
func (o *Overview) Routes() []webserver.Route {
	return []webserver.Route{webserver.Get("/api/v1/overview", o.serve)}
}

func (o *Overview) serve(w http.ResponseWriter, r *http.Request) {
	state, err := o.State(r.Context())
	if err != nil {
		o.log.Warn("the overview cannot be given", "error", err)
		webserver.Refuse(w, http.StatusServiceUnavailable, "Kafka does not answer: the log says more. Try again in a moment.")
		return
	}
	webserver.WriteJSON(w, http.StatusOK, state)
}

// State asks the cluster, or gives an answer that is fresh.
func (o *Overview) State(ctx context.Context) (State, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.last.At) < fresh {
		return o.last, nil
	}
	// Whoever asks may be gone, but others wait for the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	state, err := o.ask(ctx)
	if err != nil {
		return State{}, err
	}
	o.last = state
	return state, nil
}

func (o *Overview) ask(ctx context.Context) (State, error) {
	graph := o.topo.Graph()
	var topics, groups []string
	for _, node := range graph.Nodes {
		switch node.Kind {
		case topology.Stream, topology.Table:
			topics = append(topics, node.Name)
		case topology.Group:
			groups = append(groups, node.Name)
		}
	}
	state := State{At: time.Now()}
	ends, err := o.admin.ListEndOffsets(ctx, topics...)
	if err = errors.Join(err, ends.Error()); err != nil {
		return State{}, fmt.Errorf("reading the ends of the topics: %w", err)
	}
	described, err := o.admin.DescribeGroups(ctx, groups...)
	if err != nil {
		return State{}, fmt.Errorf("describing the groups: %w", err)
	}
	committed := o.admin.FetchManyOffsets(ctx, groups...)
	reached, err := o.progress(ctx, ends)
	if err != nil {
		return State{}, err
	}
	for _, node := range graph.Nodes {
		shown := Node{Name: node.Name, Does: node.Does, Kind: string(node.Kind), From: []string{},
			Beside: beside(graph, node), Partitions: []Partition{}}
		for _, edge := range graph.Edges {
			if edge.To == node.Name {
				shown.From = append(shown.From, edge.From)
			}
		}
		switch node.Kind {
		case topology.Stream, topology.Table:
			shown.topic(ends[node.Name])
			if node.Name == o.topo.Input {
				shown.until(reached.board)
			}
		case topology.Group:
			shown.group(described[node.Name], ends[o.reads(node.Name)])
			switch node.Name {
			case o.topo.IngestGroup:
				shown.until(offsetsOf(committed[node.Name].Fetched, o.topo.Input))
			case o.topo.HeatGroup:
				shown.until(reached.next)
			case o.topo.RankGroup:
				shown.behind(o.topo.Input, reached)
			}
		default:
			continue
		}
		state.Flow = append(state.Flow, shown)
	}
	state.Edges = edges(graph, state.Flow, o.topo.RankGroup)
	state.DeadLetters, err = o.deadLetters(ctx, ends[o.topo.DeadLetter])
	return state, err
}

// reads is the topic that a group takes its work from.
func (o *Overview) reads(group string) string {
	switch group {
	case o.topo.IngestGroup:
		return o.topo.Input
	case o.topo.HeatGroup:
		return o.topo.Behavior
	}
	return o.topo.Leaders
}

func (n *Node) topic(ends map[int32]kadm.ListedOffset) {
	for _, end := range ends {
		n.Records += end.Offset
		n.Partitions = append(n.Partitions, Partition{Topic: n.Name, Partition: end.Partition, End: end.Offset, Committed: -1})
	}
	n.sort()
}

func (n *Node) sort() {
	slices.SortFunc(n.Partitions, func(a, b Partition) int { return int(a.Partition - b.Partition) })
}

func (n *Node) group(described kadm.DescribedGroup, ends map[int32]kadm.ListedOffset) {
	n.GroupState = described.State
	owners := map[int32]string{}
	topic := ""
	for _, end := range ends {
		topic = end.Topic
	}
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
	slices.SortFunc(n.Members, func(a, b Member) int { return slices.Compare(a.Partitions, b.Partitions) })
	for _, end := range ends {
		n.Partitions = append(n.Partitions, Partition{Topic: topic, Partition: end.Partition, End: end.Offset,
			Committed: -1, Owner: owners[end.Partition]})
	}
	n.sort()
}

// until sets how far a group, or the board, has come in each partition, and so what is
// left. Offsets are nil where nothing is known; a partition that is not in them has
// not been heard of.
func (n *Node) until(offsets map[int32]int64) {
	if len(offsets) == 0 {
		return
	}
	total, known := int64(0), true
	for i := range n.Partitions {
		p := &n.Partitions[i]
		at, ok := offsets[p.Partition]
		if !ok {
			known = false
			continue
		}
		lag := max(0, p.End-at)
		p.Lag = &lag
		total += lag
		if n.Kind == string(topology.Group) {
			p.Committed = at
			n.Records += at
		}
	}
	if known {
		n.Lag = &total
	}
}

// behind sets how far the board is behind the heat table.
func (n *Node) behind(input string, reached progress) {
	if len(reached.applied) == 0 || reached.board == nil {
		return
	}
	total := int64(0)
	for partition, applied := range reached.applied {
		lag := max(0, applied-reached.board[partition])
		n.Behind = append(n.Behind, Partition{Topic: input, Partition: partition, End: applied,
			Committed: reached.board[partition], Lag: &lag})
		total += lag
	}
	n.Lag = &total
	slices.SortFunc(n.Behind, func(a, b Partition) int { return int(a.Partition - b.Partition) })
}

// offsetsOf are the offsets that a group has committed for a topic.
func offsetsOf(committed kadm.OffsetResponses, topic string) map[int32]int64 {
	offsets := map[int32]int64{}
	for partition, at := range committed[topic] {
		if at.Err == nil && at.At >= 0 {
			offsets[partition] = at.At
		}
	}
	return offsets
}

// beside says whether a node is off the way of a behaviour.
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
		if edge.From == node.Name && slices.ContainsFunc(graph.Nodes, func(n topology.Node) bool {
			return n.Name == edge.To && n.Kind == topology.Group
		}) {
			return false
		}
	}
	return !last
}

// edges are those of the graph, with what has gone over them: what a topic holds of
// what is written to it, and what a group has read. Rank and those outside do not say
// what they have read: of them it is what there is to read. A table is read again when
// a partition is taken over, which nobody counts.
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
			shown.Records = -1
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
