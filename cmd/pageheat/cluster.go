package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
	"pageheat/topology"
)

// cluster is what exists: how many brokers, and the topics of the topology, as far
// as they exist, by name.
type cluster struct {
	brokers int // that are up
	topics  map[string]*topology.TopicState
	// unchecked are the topics whose settings may not be read, in order. Their
	// states have none.
	unchecked []string
}

// readCluster reads what exists.
func readCluster(ctx context.Context, admin *kafka.Admin, topo *topology.Topology) (cluster, error) {
	names := []string{topo.Input}
	for _, s := range topo.Specs(1, 1) {
		names = append(names, s.Name)
	}
	meta, err := admin.Metadata(ctx, names...)
	if err != nil {
		return cluster{}, fmt.Errorf("read the topics of the cluster: %w", denied(ctx, admin, names, err))
	}
	have := cluster{brokers: len(meta.Brokers), topics: map[string]*topology.TopicState{}}
	var existing []string
	for _, name := range names {
		detail, known := meta.Topics[name]
		if !known || errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if detail.Err != nil {
			return cluster{}, fmt.Errorf("read topic %s: %w", name, detail.Err)
		}
		have.topics[name] = &topology.TopicState{
			Name:        name,
			Partitions:  len(detail.Partitions),
			Replication: fewestReplicas(detail.Partitions),
			Config:      map[string]string{},
		}
		existing = append(existing, name)
	}
	if err := have.readSettings(ctx, admin, existing...); err != nil {
		return cluster{}, err
	}
	return have, nil
}

// readSettings reads the settings of topics that exist.
func (c *cluster) readSettings(ctx context.Context, admin *kafka.Admin, names ...string) error {
	configs, err := admin.DescribeTopicConfigs(ctx, names...)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed) && len(names) == 1:
		c.unchecked = append(c.unchecked, names...)
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		// A right that is missing for one of them has failed them all.
		for _, name := range names {
			if err := c.readSettings(ctx, admin, name); err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		return fmt.Errorf("read the settings of topics %s: %w", strings.Join(names, ", "), err)
	}
	for _, topic := range configs {
		if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
			// The broker that was asked has not heard of it yet, unlike the one
			// before.
			delete(c.topics, topic.Name)
			continue
		}
		if topic.Err != nil {
			return fmt.Errorf("read the settings of topic %s: %w", topic.Name, topic.Err)
		}
		for _, s := range topic.Configs {
			c.topics[topic.Name].Config[s.Key] = s.MaybeValue()
		}
	}
	return nil
}

// missingRight says, where settings could not be read, which and what it takes.
func (c *cluster) missingRight() string {
	return fmt.Sprintf("the settings of %s were not checked: the right DESCRIBE_CONFIGS on these topics is missing", strings.Join(c.unchecked, ", "))
}

// denied names the topics that the user may not see where err, of a question for all
// of them, is about the right to: one such topic fails the question for all.
func denied(ctx context.Context, admin *kafka.Admin, names []string, err error) error {
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		return err
	}
	var hidden []string
	for _, name := range names {
		if _, err := admin.Metadata(ctx, name); errors.Is(err, kerr.TopicAuthorizationFailed) {
			hidden = append(hidden, name)
		}
	}
	return fmt.Errorf("%w: give pageheat's user the right Describe on %s; see \"A right is missing\" in docs/operations.md",
		err, strings.Join(hidden, ", "))
}

// fewestReplicas is the lowest number of replicas of any partition.
func fewestReplicas(partitions kafka.PartitionDetails) int {
	fewest := 0
	for _, p := range partitions {
		if n := len(p.Replicas); fewest == 0 || n < fewest {
			fewest = n
		}
	}
	return fewest
}

// topicsAgain is how often it is looked whether created topics are there.
const topicsAgain = 50 * time.Millisecond

// awaitTopics reads what exists until all topics are there: other brokers than the
// one that created a topic hear of it a little later. It fails when ctx is done.
func awaitTopics(ctx context.Context, admin *kafka.Admin, topo *topology.Topology) (cluster, error) {
	again := time.NewTicker(topicsAgain)
	defer again.Stop()
	for {
		have, err := readCluster(ctx, admin, topo)
		if err != nil {
			return have, err
		}
		missing := topo.Specs(1, 1)
		missing = slices.DeleteFunc(missing, func(s topology.TopicSpec) bool { return have.topics[s.Name] != nil })
		if len(missing) == 0 && have.topics[topo.Input] != nil {
			return have, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return have, fmt.Errorf("wait until the created topics are known everywhere: %w", ctx.Err())
		}
	}
}

// differences compares what exists with what is needed, a sentence for each
// difference, in the order in which behaviours pass the topics.
func (c cluster) differences(topo *topology.Topology, partitions, replication int) []string {
	out := topo.CheckInput(c.topics[topo.Input], c.topics[topo.DeadLetter])
	for _, s := range topo.Specs(partitions, replication) {
		out = append(out, s.Differences(c.topics[s.Name])...)
	}
	return out
}

// obstacles are the differences with which the pipeline must not begin: topics
// that are missing, or have the wrong partitions or cleanup policy.
func (c cluster) obstacles(topo *topology.Topology) []string {
	behavior := c.topics[topo.Behavior]
	if behavior == nil || c.topics[topo.Input] == nil {
		var missing []string
		for _, name := range []string{topo.Input, topo.Behavior} {
			if c.topics[name] == nil {
				missing = append(missing, name+" does not exist: run `pageheat topics create`, or check --prefix and --input")
			}
		}
		return missing
	}
	var out []string
	if policy := c.topics[topo.Input].Config[cleanupPolicy]; strings.Contains(policy, "compact") {
		out = append(out, fmt.Sprintf("the input %s is compacted, which deletes behaviours: set its cleanup.policy to delete", topo.Input))
	}
	for _, need := range topo.Specs(behavior.Partitions, 1) {
		have := c.topics[need.Name]
		switch {
		case have == nil:
			out = append(out, need.Name+" does not exist: run `pageheat topics create`")
		case have.Partitions != need.Partitions:
			out = append(out, fmt.Sprintf("%s has %d partitions and needs %d: run `pageheat topics check`", need.Name, have.Partitions, need.Partitions))
		case have.Config[cleanupPolicy] != need.Config[cleanupPolicy] && !slices.Contains(c.unchecked, need.Name):
			out = append(out, fmt.Sprintf("%s has cleanup.policy %s and needs %s: run `pageheat topics check`",
				need.Name, have.Config[cleanupPolicy], need.Config[cleanupPolicy]))
		}
	}
	return out
}

// The names of settings that are shown.
const (
	cleanupPolicy = "cleanup.policy"
	minInsync     = "min.insync.replicas"
)
