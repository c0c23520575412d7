package overview

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
	"pageheat/topology"
)

// end has the known offsets of one partition.
type end struct {
	// start is the offset of the first record, high that after the last one.
	start, high int64
	// stable is the start of the first open transaction; high if there is none.
	stable int64
	// err is the reason if they are unknown.
	err error
}

// span is a range of offsets, without its end.
type span struct{ from, end int64 }

// cluster is the cluster's own state.
type cluster struct {
	ends      map[string]map[int32]end // by topic
	described kafka.Groups
	committed kafka.GroupsOffsets
	metadata  kafka.Metadata
	unknown   []string
}

// failed records that a request failed.
func (c *cluster) failed(what string, err error) {
	if err != nil {
		c.unknown = append(c.unknown, fmt.Sprintf("%s: %v", what, err))
	}
}

// look sends all requests that need no reading, concurrently. An error means that there was no
// answer at all.
func (o *Overview) look(ctx context.Context, graph topology.Graph) (*cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	admin, err := o.kafka.Admin()
	if err != nil {
		return nil, err
	}
	var topics, groups []string
	c := &cluster{}
	hidden := kafka.Groups{}
	for _, node := range graph.Nodes {
		switch node.Kind {
		case topology.Stream, topology.Table:
			if !o.hidden(kafka.TopicResource, node.Name) {
				topics = append(topics, node.Name)
			}
		case topology.Group:
			if o.hidden(kafka.GroupResource, node.Name) {
				hidden[node.Name] = kafka.Group{Group: node.Name, Err: kerr.GroupAuthorizationFailed}
			} else {
				groups = append(groups, node.Name)
			}
		}
	}
	var starts, highs, stables kafka.ListedOffsets
	var errMeta, errStart, errHigh, errStable, errGroups error
	var all sync.WaitGroup
	all.Go(func() { c.metadata, errMeta = admin.Metadata(ctx, topics...) })
	all.Go(func() { starts, errStart = admin.ListStartOffsets(ctx, topics...) })
	all.Go(func() { highs, errHigh = admin.ListEndOffsets(ctx, topics...) })
	all.Go(func() { stables, errStable = admin.ListCommittedOffsets(ctx, topics...) })
	if len(groups) > 0 { // none would stand for all
		all.Go(func() { c.described, errGroups = admin.DescribeGroups(ctx, groups...) })
		all.Go(func() { c.committed = admin.FetchManyOffsets(ctx, groups...) })
	}
	all.Wait()
	if c.described == nil {
		c.described = kafka.Groups{}
	}
	maps.Copy(c.described, hidden)
	if errMeta != nil {
		return nil, fmt.Errorf("asking the cluster for its brokers and topics: %w", errMeta)
	}
	if errHigh != nil && !answered(highs) { // the client had the rest from an earlier answer
		return nil, fmt.Errorf("asking the cluster for the ends of topics: %w", errHigh)
	}
	c.failed("the starts of the topics", errStart)
	c.failed("the ends of the topics", errHigh)
	c.failed("the last stable offsets of the topics", errStable)
	c.failed("the groups", errGroups)
	c.ends = endsOf(c.metadata.Topics, starts, highs, stables)
	return c, nil
}

// answered reports whether the offset of any partition is known.
func answered(listed kafka.ListedOffsets) bool {
	any := false
	listed.Each(func(at kafka.ListedOffset) { any = any || at.Err == nil })
	return any
}

// endsOf combines the answers for each partition.
func endsOf(topics kafka.TopicDetails, starts, highs, stables kafka.ListedOffsets) map[string]map[int32]end {
	ends := map[string]map[int32]end{}
	for name, topic := range topics {
		ends[name] = map[int32]end{}
		for partition := range topic.Partitions {
			e := end{}
			for _, of := range []struct {
				listed kafka.ListedOffsets
				offset *int64
			}{{starts, &e.start}, {highs, &e.high}, {stables, &e.stable}} {
				listed, ok := of.listed.Lookup(name, partition)
				*of.offset = listed.Offset
				if err := listed.Err; e.err == nil && (err != nil || !ok) {
					if err == nil {
						err = errNotAnswered
					}
					e.err = fmt.Errorf("partition %d of %s: %w", partition, name, err)
				}
			}
			ends[name][partition] = e
		}
	}
	return ends
}

// spans returns the last offsets of each partition of a topic.
func spans(ends map[int32]end, back int64) map[int32]span {
	out := map[int32]span{}
	for partition, e := range ends {
		if from := max(e.start, e.high-back); e.err == nil && from < e.high {
			out[partition] = span{from, e.high}
		}
	}
	return out
}

// readable returns, by partition of a topic, the offset after the last record that a
// read-committed consumer gets; control records and aborted records do not count. If reached is
// not below the last stable offset, that is the result without a read. A missing partition was
// not found.
func (o *Overview) readable(ctx context.Context, topic string, ends map[int32]end, reached map[int32]int64) (map[int32]int64, error) {
	out := map[int32]int64{}
	open := map[int32]end{}
	for partition, e := range ends {
		known := o.readableAt[partition]
		switch {
		case e.err != nil:
		case e.stable == e.start, reached[partition] >= e.stable:
			out[partition] = max(e.start, min(e.stable, reached[partition]))
		case known.stable == e.stable && known.start <= e.start:
			out[partition] = max(e.start, known.readable)
		default:
			open[partition] = e
		}
	}
	for window := int64(leadersEach); len(open) > 0; window *= tailGrows {
		look := map[int32]span{}
		for partition, e := range open {
			look[partition] = span{max(e.start, e.stable-min(window, maxTail)), e.stable}
		}
		last := map[int32]int64{}
		whole, err := o.read(ctx, topic, look, func(r *kafka.Record) {
			last[r.Partition] = max(last[r.Partition], r.Offset+1)
		})
		if err != nil {
			return out, err
		}
		for partition, e := range maps.Clone(open) {
			at, found := last[partition]
			switch {
			case found:
			case whole && look[partition].from == e.start:
				at = e.start
			case window >= maxTail || !whole:
				delete(open, partition)
				continue
			default:
				continue
			}
			out[partition] = at
			o.readableAt[partition] = readableEnd{e.start, e.stable, at}
			delete(open, partition)
		}
	}
	return out, nil
}

// readableEnd is the result for a last stable offset.
type readableEnd struct{ start, stable, readable int64 }

// brokers returns the cluster's brokers and the effects of missing ones.
func (o *Overview) brokers(metadata kafka.Metadata) ([]Broker, Replicas) {
	up := map[int32]bool{}
	known := map[int32]string{}
	for _, b := range metadata.Brokers {
		up[b.NodeID] = true
		known[b.NodeID] = fmt.Sprintf("%s:%d", b.Host, b.Port)
	}
	var missing Replicas
	for _, topic := range metadata.Topics {
		for _, partition := range topic.Partitions {
			for _, replica := range partition.Replicas {
				if _, ok := known[replica]; !ok {
					known[replica] = o.addresses[replica]
				}
			}
			if len(partition.ISR) < len(partition.Replicas) {
				missing.UnderReplicated++
			}
			if partition.Leader < 0 {
				missing.Leaderless++
			}
		}
	}
	o.addresses = known // there are at least as many as hold replicas now
	brokers := []Broker{}
	for id, address := range known {
		brokers = append(brokers, Broker{ID: id, Address: address, Up: up[id]})
	}
	return brokers, missing
}

// reasons joins the reasons of unknown values, without repetition.
func reasons(all ...string) string {
	var out []string
	seen := map[string]bool{}
	for _, reason := range all {
		if reason != "" && !seen[reason] {
			seen[reason] = true
			out = append(out, reason)
		}
	}
	return strings.Join(out, "; ")
}
