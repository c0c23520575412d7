package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topology"
)

// State has the existing topics of a topology.
type State struct {
	// Brokers is the number of brokers that are up.
	Brokers int
	// Topics are the existing topics by name.
	Topics map[string]*topology.TopicState
	// Unchecked has the topics whose settings are not readable, in order. Their states have no
	// settings.
	Unchecked []string

	topo *topology.Topology
}

// Read reads the existing ones among the named topics.
func Read(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, names ...string) (*State, error) {
	admin, err := cluster.Admin()
	if err != nil {
		return nil, err
	}
	meta, err := admin.Metadata(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("reading the topics of the cluster: %w", err)
	}
	have := &State{Brokers: len(meta.Brokers), Topics: map[string]*topology.TopicState{}, topo: topo}
	var existing []string
	for _, name := range names {
		detail, known := meta.Topics[name]
		if !known || errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if detail.Err != nil {
			return nil, fmt.Errorf("reading topic %s: %w", name, detail.Err)
		}
		have.Topics[name] = &topology.TopicState{
			Name:        name,
			Partitions:  len(detail.Partitions),
			Replication: fewestReplicas(detail.Partitions),
			Config:      map[string]string{},
		}
		existing = append(existing, name)
	}
	if err := have.readSettings(ctx, admin, existing...); err != nil {
		return nil, err
	}
	return have, nil
}

// readSettings reads the settings of existing topics.
func (s *State) readSettings(ctx context.Context, admin *kafka.Admin, names ...string) error {
	configs, err := admin.DescribeTopicConfigs(ctx, names...)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed) && len(names) == 1:
		s.Unchecked = append(s.Unchecked, names...)
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		// A missing right for one topic fails the request for all.
		for _, name := range names {
			if err := s.readSettings(ctx, admin, name); err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		return fmt.Errorf("reading the settings of topics %s: %w", strings.Join(names, ", "), err)
	}
	for _, topic := range configs {
		if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
			// This broker does not know the topic yet, unlike the previous one.
			delete(s.Topics, topic.Name)
			continue
		}
		if topic.Err != nil {
			return fmt.Errorf("reading the settings of topic %s: %w", topic.Name, topic.Err)
		}
		for _, setting := range topic.Configs {
			s.Topics[topic.Name].Config[setting.Key] = setting.MaybeValue()
		}
	}
	return nil
}

// MissingRight explains, if Unchecked is not empty, which right is missing.
func (s *State) MissingRight() string {
	return fmt.Sprintf("the settings of %s were not checked: give pageheat's user the right %s on these topics; %s",
		strings.Join(s.Unchecked, ", "), kafka.DescribeConfigs, failure.Rights)
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

// lookAgain is the interval of checks for created topics.
const lookAgain = 50 * time.Millisecond

// await reads the topics until all of them exist: other brokers learn about new topics a little
// later. It fails when ctx is done.
func await(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology) (*State, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		have, err := Read(ctx, cluster, topo, topo.Topics()...)
		if err != nil {
			return have, err
		}
		missing := topo.Specs(1, 1)
		missing = slices.DeleteFunc(missing, func(s topology.TopicSpec) bool { return have.Topics[s.Name] != nil })
		if len(missing) == 0 && have.Topics[topo.Input] != nil {
			return have, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return have, fmt.Errorf("waiting until all brokers know the created topics: %w", ctx.Err())
		}
	}
}

// differences compares the existing topics with the required ones, one sentence per difference,
// in the order in which behaviours pass the topics.
func (s *State) differences(l Layout) []string {
	topo := s.topo
	out := topo.CheckInput(s.Topics[topo.Input], s.Topics[topo.DeadLetter])
	for _, need := range topo.Specs(l.Partitions, l.Replication) {
		out = append(out, need.Differences(s.Topics[need.Name])...)
	}
	return out
}

// Partitions is the number of partitions that pages are spread over; 0 if no topic that was
// looked up has it.
func (s *State) Partitions() int {
	for _, name := range []string{s.topo.Behavior, s.topo.HeatTable} {
		if have := s.Topics[name]; have != nil {
			return have.Partitions
		}
	}
	return 0
}

// Obstacles are the differences that prevent the pipeline from starting: topics that are
// missing among those that it needs, or have the wrong partitions or cleanup policy.
func (s *State) Obstacles(needed ...string) []string {
	var missing, out []string
	for _, name := range needed {
		if s.Topics[name] == nil {
			missing = append(missing, name+" does not exist: run `pageheat topics create`, or check --prefix, --input and --output")
		}
	}
	if missing != nil {
		return missing
	}
	if input := s.Topics[s.topo.Input]; input != nil && strings.Contains(input.Config[topology.SettingCleanupPolicy], policyCompact) {
		out = append(out, fmt.Sprintf("the input %s is compacted, which deletes behaviours: set its cleanup.policy to delete", s.topo.Input))
	}
	for _, need := range s.topo.Specs(s.Partitions(), 1) {
		have := s.Topics[need.Name]
		switch {
		case have == nil: // not looked up
		case have.Partitions != need.Partitions:
			out = append(out, fmt.Sprintf("%s has %d partitions and needs %d: run `pageheat topics check`", need.Name, have.Partitions, need.Partitions))
		case have.Config[topology.SettingCleanupPolicy] != need.Config[topology.SettingCleanupPolicy] && !slices.Contains(s.Unchecked, need.Name):
			out = append(out, fmt.Sprintf("%s has cleanup.policy %s and needs %s: run `pageheat topics check`",
				need.Name, have.Config[topology.SettingCleanupPolicy], need.Config[topology.SettingCleanupPolicy]))
		}
	}
	return out
}

// policyCompact is a cleanup policy, or a part of one.
const policyCompact = "compact"
