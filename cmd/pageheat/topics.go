package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
	"pageheat/topology"
)

// topicsCmd holds the commands about topics.
type topicsCmd struct {
	Create topicsCreateCmd `cmd:"" help:"Create missing topics. Safe to repeat."`
	Check  topicsCheckCmd  `cmd:"" help:"Compare the topics with what is needed; exit code 3 if they differ."`
}

// layoutFlags say how the topics are laid out.
type layoutFlags struct {
	Partitions  int `placeholder:"P" help:"Number of partitions for pages, fixed once created. The input's number if not given."`
	Replication int `placeholder:"R" help:"Replication factor. 3, or the number of brokers if lower, if not given."`
}

const (
	// maxPartitions keeps a slip of the finger from the cluster.
	maxPartitions = 10_000
	// maxReplication is what the protocol holds.
	maxReplication = 1<<15 - 1
	// usualReplication is what is asked for where there are enough brokers.
	usualReplication = 3
)

func (f *layoutFlags) validate() error {
	if f.Partitions < 0 || f.Partitions > maxPartitions {
		return badFlag("partitions", "%d: must be from 1 to %d", f.Partitions, maxPartitions)
	}
	if f.Replication < 0 || f.Replication > maxReplication {
		return badFlag("replication", "%d: must be from 1 to %d", f.Replication, maxReplication)
	}
	return nil
}

// topicsCreateCmd creates topics.
type topicsCreateCmd struct{ layoutFlags }

// Run creates what is missing and says so, a line for each topic.
func (c *topicsCreateCmd) Run(ctx context.Context, p *program) error {
	if err := c.validate(); err != nil {
		return err
	}
	_, err := createTopics(ctx, p, c.layoutFlags, func(line string) {
		_, _ = fmt.Fprintln(p.stdout, line) // what is created stays created
	})
	return err
}

// createTopics creates the topics that are missing, tells of each, and returns how
// many partitions pages are spread over. Topics that exist stay as they are; where
// that is not as needed, the error says so.
func createTopics(ctx context.Context, p *program, f layoutFlags, tell func(line string)) (int, error) {
	admin, err := p.admin(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	have, err := readCluster(ctx, admin, p.topo)
	if err != nil {
		return 0, err
	}
	partitions, replication := f.resolve(p.topo, have)
	specs := append([]topology.TopicSpec{p.topo.InputSpec(replication)}, p.topo.Specs(partitions, replication)...)
	missing := slices.ContainsFunc(specs, func(s topology.TopicSpec) bool { return have.topics[s.Name] == nil })
	if f.Replication == 0 && replication < usualReplication && missing {
		if err := have.enough(ctx, p.kafka, replication); err != nil {
			return 0, err
		}
	}
	for _, s := range specs {
		if have.topics[s.Name] != nil {
			tell(fmt.Sprintf("%s exists", s.Name))
			continue
		}
		config := make(map[string]*string, len(s.Config))
		for name, value := range s.Config {
			config[name] = &value
		}
		_, err := admin.CreateTopic(ctx, int32(s.Partitions), int16(s.Replication), config, s.Name)
		switch {
		case errors.Is(err, kerr.TopicAlreadyExists):
			// Somebody was quicker; the check below judges what they made.
			tell(fmt.Sprintf("%s exists", s.Name))
		case errors.Is(err, kerr.InvalidReplicationFactor):
			return 0, fmt.Errorf("create topic %s: %w: there are %d brokers, say --replication", s.Name, err, have.brokers)
		case err != nil:
			return 0, fmt.Errorf("create topic %s: %w", s.Name, err)
		default:
			tell(fmt.Sprintf("%s created: %s, replication %d", s.Name, english.Plural(s.Partitions, "partition", ""), s.Replication))
		}
	}
	if have, err = awaitTopics(ctx, admin, p.topo); err != nil {
		return 0, err
	}
	if len(have.unchecked) > 0 {
		p.log.Warn(have.missingRight())
	}
	if differences := have.differences(p.topo, partitions, replication); len(differences) > 0 {
		return 0, fmt.Errorf("not all is as needed:\n  %s", strings.Join(differences, "\n  "))
	}
	return partitions, nil
}

// enough refuses to create topics with fewer replicas than the cluster has brokers for
// as soon as all of them are up: the number stays for ever.
func (c *cluster) enough(ctx context.Context, brokers *kafka.Cluster, replication int) error {
	down, err := brokers.DownBrokers(ctx)
	if err != nil || len(down) == 0 {
		return err
	}
	wanted := min(usualReplication, c.brokers+len(down))
	if wanted <= replication {
		return nil
	}
	return fmt.Errorf("%d of %d brokers are up, too few for replication %d (down: %s): start them and try again, or say --replication %d if that is what you want",
		c.brokers, c.brokers+len(down), wanted, strings.Trim(fmt.Sprint(down), "[]"), replication)
}

// topicsCheckCmd compares topics.
type topicsCheckCmd struct{ layoutFlags }

// Run prints a line for each difference and ends with errDifference where there is one.
func (c *topicsCheckCmd) Run(ctx context.Context, p *program) error {
	if err := c.validate(); err != nil {
		return err
	}
	admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	have, err := readCluster(ctx, admin, p.topo)
	if err != nil {
		return err
	}
	partitions, replication := c.resolve(p.topo, have)
	if c.Replication == 0 && replication < usualReplication {
		// As many as there will be when all brokers are up.
		down, err := p.kafka.DownBrokers(ctx)
		if err != nil {
			return err
		}
		replication = min(usualReplication, replication+len(down))
	}
	differences := have.differences(p.topo, partitions, replication)
	if err := c.print(p.stdout, p.topo, have, differences); err != nil {
		return err
	}
	switch {
	case len(differences) > 0:
		return errDifference
	case len(have.unchecked) > 0:
		return errors.New(have.missingRight())
	}
	return nil
}

// print prints what each topic is like, then the differences.
func (c *topicsCheckCmd) print(w io.Writer, topo *topology.Topology, have cluster, differences []string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(have.topics) > 0 {
		_, _ = fmt.Fprintln(out, "TOPIC\tPARTITIONS\tREPLICATION\tMIN.INSYNC.REPLICAS\tCLEANUP.POLICY") // Flush returns the error
	}
	for _, s := range append([]topology.TopicSpec{topo.InputSpec(1)}, topo.Specs(1, 1)...) {
		if state := have.topics[s.Name]; state != nil {
			_, _ = fmt.Fprintf(out, "%s\t%d\t%d\t%s\t%s\n", s.Name, state.Partitions, state.Replication,
				known(state.Config[minInsync]), known(state.Config[cleanupPolicy]))
		}
	}
	for _, difference := range differences {
		_, _ = fmt.Fprintln(out, difference)
	}
	if len(differences) == 0 && len(have.unchecked) == 0 {
		_, _ = fmt.Fprintln(out, "all topics are as needed")
	}
	return out.Flush()
}

// known is a setting, or that it is not known.
func known(setting string) string {
	if setting == "" {
		return "unknown"
	}
	return setting
}

// resolve is the layout that the flags ask for, with what exists for what they
// leave open.
func (f *layoutFlags) resolve(topo *topology.Topology, have cluster) (partitions, replication int) {
	partitions, replication = f.Partitions, f.Replication
	// A page's place follows from the number, so what holds pages goes before
	// the input, which may have grown since.
	for _, topic := range []string{topo.HeatTable, topo.Behavior, topo.Input} {
		if state := have.topics[topic]; partitions == 0 && state != nil {
			partitions = state.Partitions
		}
	}
	if partitions == 0 {
		partitions = topology.DefaultInputPartitions
	}
	if replication == 0 {
		replication = min(usualReplication, max(1, have.brokers))
	}
	return partitions, replication
}
