package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topology"
)

// Layout is how topics are created. Zero values follow the existing topics.
type Layout struct {
	// Partitions is the number of partitions for pages.
	Partitions int `placeholder:"P" help:"Number of partitions for pages, fixed once created. Default: the input's number."`
	// Replication is the number of replicas of each partition.
	Replication int `placeholder:"R" help:"Replication factor. Default: 3, or the number of brokers if lower."`
}

const (
	// maxPartitions protects the cluster from typing errors.
	maxPartitions = 10_000
	// maxReplication is the limit of the protocol.
	maxReplication = 1<<15 - 1
	// usualReplication is the default if there are enough brokers.
	usualReplication = 3
)

// Validate returns a [failure.Setting] of the setting that is out of range.
func (l Layout) Validate() error {
	if l.Partitions < 0 || l.Partitions > maxPartitions {
		return failure.BadSetting("partitions", "%d: must be from 1 to %d", l.Partitions, maxPartitions)
	}
	if l.Replication < 0 || l.Replication > maxReplication {
		return failure.BadSetting("replication", "%d: must be from 1 to %d", l.Replication, maxReplication)
	}
	return nil
}

// resolve returns the layout with zero values filled in from the existing topics.
func (l Layout) resolve(have *State) Layout {
	// The number determines the partition of a page, so topics with pages come before the
	// input, which may have grown since.
	for _, topic := range []string{have.topo.HeatTable, have.topo.Behavior, have.topo.Input} {
		if state := have.Topics[topic]; l.Partitions == 0 && state != nil {
			l.Partitions = state.Partitions
		}
	}
	if l.Partitions == 0 {
		l.Partitions = topology.DefaultInputPartitions
	}
	if l.Replication == 0 {
		l.Replication = min(usualReplication, max(1, have.Brokers))
	}
	return l
}

// Check reads the existing topics and compares them with the layout. It returns a sentence for
// each difference.
func (l Layout) Check(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology) (*State, []string, error) {
	have, err := Read(ctx, cluster, topo, topo.Topics()...)
	if err != nil {
		return nil, nil, err
	}
	wanted := l.resolve(have)
	if l.Replication == 0 && wanted.Replication < usualReplication {
		// Expect the replication that is possible when all brokers are up.
		down, err := cluster.DownBrokers(ctx)
		if err != nil {
			return nil, nil, err
		}
		wanted.Replication = min(usualReplication, wanted.Replication+len(down))
	}
	return have, have.differences(wanted), nil
}

// Create creates missing topics and reports each topic to tell. It returns the resulting state
// and the number of partitions for pages. It does not change existing topics; if they differ
// from what is needed, it returns an error.
func (l Layout) Create(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, tell func(line string)) (*State, int, error) {
	admin, err := cluster.Admin()
	if err != nil {
		return nil, 0, err
	}
	have, err := Read(ctx, cluster, topo, topo.Topics()...)
	if err != nil {
		return nil, 0, err
	}
	wanted := l.resolve(have)
	specs := append([]topology.TopicSpec{topo.InputSpec(wanted.Replication)}, topo.Specs(wanted.Partitions, wanted.Replication)...)
	missing := slices.ContainsFunc(specs, func(s topology.TopicSpec) bool { return have.Topics[s.Name] == nil })
	if l.Replication == 0 && wanted.Replication < usualReplication && missing {
		if err := have.enough(ctx, cluster, wanted.Replication); err != nil {
			return nil, 0, err
		}
	}
	for _, s := range specs {
		created := false
		if have.Topics[s.Name] == nil {
			if created, err = create(ctx, admin, s, have.Brokers); err != nil {
				return nil, 0, err
			}
		}
		if created {
			tell(fmt.Sprintf("%s created: %s, replication %d", s.Name, english.Plural(s.Partitions, "partition", ""), s.Replication))
		} else {
			tell(s.Name + " exists")
		}
	}
	if have, err = await(ctx, cluster, topo); err != nil {
		return nil, 0, err
	}
	if differences := have.differences(wanted); len(differences) > 0 {
		return have, 0, fmt.Errorf("some topics are not as needed:\n  %s", strings.Join(differences, "\n  "))
	}
	return have, wanted.Partitions, nil
}

// create creates a topic. It returns false if somebody else created it first; the comparison
// then checks it.
func create(ctx context.Context, admin *kafka.Admin, s topology.TopicSpec, brokers int) (bool, error) {
	config := make(map[string]*string, len(s.Config))
	for name, value := range s.Config {
		config[name] = &value
	}
	_, err := admin.CreateTopic(ctx, int32(s.Partitions), int16(s.Replication), config, s.Name)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return false, nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return false, fmt.Errorf("creating topic %s: %w: there are %d brokers; set --replication", s.Name, err, brokers)
	case err != nil:
		return false, kafka.Explain(fmt.Errorf("creating topic %s: %w", s.Name, err), kafka.OnTopic(kafka.Create, s.Name))
	}
	return true, nil
}

// enough refuses to create topics with fewer replicas than possible when all brokers are up:
// the replication factor is permanent.
func (s *State) enough(ctx context.Context, cluster *kafka.Cluster, replication int) error {
	down, err := cluster.DownBrokers(ctx)
	if err != nil || len(down) == 0 {
		return err
	}
	wanted := min(usualReplication, s.Brokers+len(down))
	if wanted <= replication {
		return nil
	}
	return fmt.Errorf("%d of %d brokers are up, too few for replication %d (down: %s): start them and try again, or set --replication %d if that is what you want",
		s.Brokers, s.Brokers+len(down), wanted, strings.Trim(fmt.Sprint(down), "[]"), replication)
}
