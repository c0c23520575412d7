package overview

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"pageheat/kafka"
	"pageheat/topology"
)

const (
	// fresh is the maximum age of an answer that is reused.
	fresh = 2 * time.Second
	// askWithin is the time limit for all requests, and lookWithin that for the part without
	// reading. Unanswered parts are unknown.
	askWithin  = 5 * time.Second
	lookWithin = 2500 * time.Millisecond
)

// errNotAnswered is the reason for unknown values.
var errNotAnswered = errors.New("no broker answered the request")

// Overview describes one cluster. It is safe for concurrent use.
type Overview struct {
	kafka  *kafka.Cluster
	topo   *topology.Topology
	hidden func(kind kafka.Resource, name string) bool

	mu   sync.Mutex // held during requests: other callers wait for the same answer
	last State
	// Results of earlier calls, guarded by the same lock.
	addresses  map[int32]string      // of brokers that hold replicas
	readableAt map[int32]readableEnd // by partition of the input
	lettersAt  map[int32]span        // the offsets that last.DeadLetters was read from
}

// New returns an overview of a cluster. hidden says of which topics and groups nothing may be
// asked. Nothing is connected before the first call.
func New(c *kafka.Cluster, topo *topology.Topology, hidden func(kind kafka.Resource, name string) bool) *Overview {
	return &Overview{kafka: c, topo: topo, hidden: hidden, readableAt: map[int32]readableEnd{}}
}

// State queries the cluster, or returns a recent answer.
func (o *Overview) State(ctx context.Context) (State, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.last.At) < fresh {
		return o.last, nil
	}
	// The caller may be gone, but others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	state, err := o.ask(ctx)
	if err != nil {
		return State{}, err
	}
	o.last = state
	return state, nil
}

// ask sends all requests. Unanswered parts are unknown. An error means that there was no answer
// at all.
func (o *Overview) ask(ctx context.Context) (State, error) {
	graph := o.topo.Graph()
	state := State{At: time.Now()}
	seen, err := o.look(ctx, graph)
	if err != nil {
		return State{}, err
	}
	state.Brokers, state.Replicas = o.brokers(seen.metadata)
	slices.SortFunc(state.Brokers, func(a, b Broker) int { return int(a.ID - b.ID) })

	input := o.topo.Input
	committed := offsetsOf(seen.committed[o.topo.IngestGroup], input)
	come := o.progress(ctx, seen)
	board := reached{at: come.board, why: reasons(come.noBoard, "the board does not include it yet")}
	board.ends, err = o.readable(ctx, input, seen.ends[input], least(committed.at, come.board))
	seen.failed("the last records of "+input, err)
	committed.ends = board.ends

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
			shown.topic(seen.ends[node.Name])
			if node.Name == input {
				shown.until(board)
			}
		case topology.Group:
			topic := o.reads(node.Name)
			shown.group(seen.described[node.Name], topic, seen.ends[topic])
			switch node.Name {
			case o.topo.IngestGroup:
				shown.until(committed)
			case o.topo.HeatGroup:
				shown.until(reached{at: come.next, why: reasons(come.noLeaders, "its heat partition sent no leaders recently: /readyz and the log of its owner say why")})
			case o.topo.RankGroup:
				shown.behind(input, come)
			case o.topo.AlertGroup:
				shown.until(offsetsOf(seen.committed[node.Name], topic))
			}
		default:
			continue
		}
		state.Flow = append(state.Flow, shown)
	}
	state.Edges = edges(graph, state.Flow, o.topo.RankGroup)
	state.DeadLetters = o.deadLetters(ctx, seen.ends[o.topo.DeadLetter])
	state.Lost, state.ForgetRequests, state.Boards = come.lost, come.forgets, come.boards
	state.Unknown = append([]string{}, seen.unknown...)
	return state, nil
}

// least returns, by partition, the lower of two offsets, for partitions that have both.
func least(a, b map[int32]int64) map[int32]int64 {
	out := map[int32]int64{}
	for partition, at := range a {
		if other, ok := b[partition]; ok {
			out[partition] = min(at, other)
		}
	}
	return out
}

// reads returns the topic that a group takes its work from.
func (o *Overview) reads(group string) string {
	switch group {
	case o.topo.IngestGroup:
		return o.topo.Input
	case o.topo.HeatGroup:
		return o.topo.Behavior
	case o.topo.AlertGroup:
		return o.topo.Output
	}
	return o.topo.Leaders
}
