package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topology"
)

// Kept is what a deployment keeps in Kafka: the existing topics that it writes, and its consumer
// groups.
type Kept struct {
	Topics, Groups []string
}

// Empty reports whether there is nothing.
func (k Kept) Empty() bool { return len(k.Topics)+len(k.Groups) == 0 }

// FindKept returns what exists, but for the topics and groups that stay. The error is that of
// [Stopped] if a group has members.
func FindKept(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, stay ...string) (Kept, error) {
	stays := func(name string) bool { return slices.Contains(stay, name) }
	admin, err := cluster.Admin()
	if err != nil {
		return Kept{}, err
	}
	var kept Kept
	if kept.Groups, err = Stopped(ctx, cluster, slices.DeleteFunc(topo.Groups(), stays)...); err != nil {
		return Kept{}, err
	}
	names := slices.DeleteFunc(topo.OwnTopics(), stays)
	meta, err := admin.Metadata(ctx, names...)
	if err != nil {
		return Kept{}, fmt.Errorf("reading the topics of the cluster: %w", err)
	}
	for _, name := range names {
		topic, known := meta.Topics[name]
		switch {
		case !known, errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
		case topic.Err != nil:
			return Kept{}, fmt.Errorf("reading topic %s: %w", name, topic.Err)
		default:
			kept.Topics = append(kept.Topics, name)
		}
	}
	return kept, nil
}

// Owned checks that the boards in the output were published by this deployment: the output is the one
// topic whose name does not follow from the prefix, so a mistyped prefix would delete that of another
// deployment. The error is permanent if they were not. Records that are not boards of pageheat are nobody's.
func (k Kept) Owned(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology) error {
	if !slices.Contains(k.Topics, topo.Output) {
		return nil
	}
	all, err := cluster.AllBounds(ctx, topo.Output)
	if err != nil {
		return err
	}
	for partition, b := range all {
		search := codec.NewBoardSearch[string](b.Start, b.End)
		for from, to, more := search.Next(); more; from, to, more = search.Next() {
			err := cluster.ReadBounds(ctx, topo.Output, map[int32]kafka.Bounds{partition: {Start: from, End: to}}, func(r *kafka.Record) error {
				if version, group := publisher(r); group != "" {
					search.Found(version, group)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if group := search.Newest(); group != nil && *group != topo.RankGroup {
			return failure.New("name the deployment that the reset is for (`pageheat reset --prefix NAME --output NAME`), or delete the topic with Kafka's tools if it is a copy",
				"topic %s has boards of the group %s, and the ranking of this deployment is the group %s", topo.Output, *group, topo.RankGroup)
		}
	}
	return nil
}

// publisher is the group that published a board, and its version; empty if the record is no board of pageheat. Of an
// output that was handed over, the newest board says whose it is.
func publisher(r *kafka.Record) (version uint64, group string) {
	for _, h := range r.Headers {
		if h.Key != codec.HeaderPositions {
			continue
		}
		if origin, err := codec.DecodeOrigin(h.Value); err == nil {
			version, _ = codec.BoardVersion(r.Value, string(r.Key))
			return version, origin.Group
		}
	}
	return 0, ""
}

// MovedTo is the group that the output was handed over to by `pageheat switch`; empty if it was not.
func MovedTo(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology) (string, error) {
	e, err := storedEpoch(ctx, cluster, topo)
	if err != nil || e.Output != topo.Output {
		return "", err
	}
	return e.MovedTo, nil
}

// Stopped returns which of the groups exist. The error is permanent if one has members, since
// instances that run would go on with what they have in memory.
func Stopped(ctx context.Context, cluster *kafka.Cluster, groups ...string) (exist []string, err error) {
	admin, err := cluster.Admin()
	if err != nil {
		return nil, err
	}
	found, err := admin.DescribeGroups(ctx, groups...)
	if err != nil {
		return nil, fmt.Errorf("reading the groups: %w", err)
	}
	for _, name := range groups {
		group := found[name]
		switch {
		case errors.Is(group.Err, kerr.GroupIDNotFound), group.Err == nil && group.State == "Dead":
		case group.Err != nil:
			return nil, fmt.Errorf("reading group %s: %w", name, group.Err)
		case len(group.Members) > 0:
			var members []string
			for _, m := range group.Members {
				members = append(members, m.MemberID+" at "+m.ClientHost)
			}
			return nil, failure.New("stop all instances; "+failure.Members,
				"group %s has members: %s", name, strings.Join(members, ", "))
		default:
			exist = append(exist, name)
		}
	}
	return exist, nil
}

// Delete deletes it and reports each to tell. Groups come first: brokers refuse that if a member
// has joined meanwhile, and then nothing is lost. It returns when no broker that is asked knows
// the topics. If it fails, it may be repeated.
func (k Kept) Delete(ctx context.Context, cluster *kafka.Cluster, tell func(line string)) error {
	admin, err := cluster.Admin()
	if err != nil {
		return err
	}
	for _, name := range k.Groups {
		if _, err := admin.DeleteGroup(ctx, name); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return kafka.Explain(fmt.Errorf("deleting group %s: %w", name, err))
		}
		tell("group " + name + " deleted")
	}
	for _, name := range k.Topics {
		if _, err := admin.DeleteTopic(ctx, name); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return kafka.Explain(fmt.Errorf("deleting topic %s: %w", name, err))
		}
		tell("topic " + name + " deleted")
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for len(k.Topics) > 0 {
		meta, err := admin.Metadata(ctx, k.Topics...)
		if err != nil {
			return fmt.Errorf("waiting until the topics are deleted: %w", err)
		}
		if !slices.ContainsFunc(k.Topics, func(name string) bool {
			topic, known := meta.Topics[name]
			return known && !errors.Is(topic.Err, kerr.UnknownTopicOrPartition)
		}) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until the topics are deleted: %w", ctx.Err())
		}
	}
	return nil
}
