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
	brokers []string
	topo    *topology.Topology
	log     *slog.Logger

	mu   sync.Mutex // held while the cluster is asked: the others want the same
	last State
}

// New returns an overview of the cluster at these brokers. Nothing is connected before
// somebody asks. Close it in the end.
func New(brokers []string, topo *topology.Topology, log *slog.Logger) (*Overview, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ClientID(topo.Prefix+"-overview"),
		kgo.RetryTimeout(askWithin))
	if err != nil {
		return nil, fmt.Errorf("connecting for the overview: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Overview{admin: kadm.NewClient(client), brokers: brokers, topo: topo, log: log}, nil
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
	for _, node := range graph.Nodes {
		shown := Node{Name: node.Name, Does: node.Does, Kind: string(node.Kind), From: []string{}, Partitions: []Partition{}}
		for _, edge := range graph.Edges {
			if edge.To == node.Name {
				shown.From = append(shown.From, edge.From)
			}
		}
		switch node.Kind {
		case topology.Stream, topology.Table:
			shown.topic(ends[node.Name])
		case topology.Group:
			shown.group(described[node.Name], committed[node.Name].Fetched, ends, o.reads(node.Name))
		default:
			continue
		}
		state.Flow = append(state.Flow, shown)
	}
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

func (n *Node) group(described kadm.DescribedGroup, committed kadm.OffsetResponses, ends kadm.ListedOffsets, topic string) {
	n.GroupState = described.State
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
	slices.SortFunc(n.Members, func(a, b Member) int { return slices.Compare(a.Partitions, b.Partitions) })
	lag, commits := int64(0), false
	for _, end := range ends[topic] {
		p := Partition{Topic: topic, Partition: end.Partition, End: end.Offset, Committed: -1, Owner: owners[end.Partition]}
		if at, ok := committed.Lookup(topic, end.Partition); ok && at.Err == nil && at.At >= 0 {
			p.Committed = at.At
			n.Records += at.At
			commits = true
		}
		lag += max(0, p.End-max(0, p.Committed))
		n.Partitions = append(n.Partitions, p)
	}
	if commits {
		n.Lag = &lag
	}
	n.sort()
}
