package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"pageheat/topics"
	"pageheat/topology"
)

// topicsCmd holds the commands about topics.
type topicsCmd struct {
	Create topicsCreateCmd `cmd:"" help:"Create missing topics. Safe to repeat."`
	Check  topicsCheckCmd  `cmd:"" help:"Compare the topics with what is needed; exit code 3 if they differ."`
	ACLs   topicsACLsCmd   `cmd:"" name:"acls" help:"Print the rights that a user needs on a cluster that checks them."`
}

// topicsCreateCmd creates topics.
type topicsCreateCmd struct {
	Layout topics.Layout `embed:""`
}

// Run creates what is missing and says so, a line for each topic.
func (c *topicsCreateCmd) Run(ctx context.Context, p *program) error {
	if err := c.Layout.Validate(); err != nil {
		return err
	}
	_, err := createTopics(ctx, p, c.Layout, func(line string) {
		_, _ = fmt.Fprintln(p.stdout, line) // what is created stays created
	})
	return err
}

// createTopics creates the topics that are missing, tells of each, and returns how many
// partitions pages are spread over.
func createTopics(ctx context.Context, p *program, l topics.Layout, tell func(line string)) (int, error) {
	if err := p.ready(ctx, "topics-create"); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	have, partitions, err := l.Create(ctx, p.kafka, p.topo, tell)
	if have != nil && len(have.Unchecked) > 0 {
		p.log.Warn(have.MissingRight())
	}
	return partitions, err
}

// topicsCheckCmd compares topics.
type topicsCheckCmd struct {
	Layout topics.Layout `embed:""`
}

// Run prints a line for each difference and ends with errDifference where there is one.
func (c *topicsCheckCmd) Run(ctx context.Context, p *program) error {
	if err := c.Layout.Validate(); err != nil {
		return err
	}
	if err := p.ready(ctx, "topics-check"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	have, differences, err := c.Layout.Check(ctx, p.kafka, p.topo)
	if err != nil {
		return err
	}
	if err := printTopics(p.stdout, p.topo, have, differences); err != nil {
		return err
	}
	switch {
	case len(differences) > 0:
		return errDifference
	case len(have.Unchecked) > 0:
		return errors.New(have.MissingRight())
	}
	return nil
}

// printTopics prints what each topic is like, then the differences.
func printTopics(w io.Writer, topo *topology.Topology, have *topics.State, differences []string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(have.Topics) > 0 {
		_, _ = fmt.Fprintln(out, "TOPIC\tPARTITIONS\tREPLICATION\tMIN.INSYNC.REPLICAS\tCLEANUP.POLICY") // Flush returns the error
	}
	for _, s := range append([]topology.TopicSpec{topo.InputSpec(1)}, topo.Specs(1, 1)...) {
		if state := have.Topics[s.Name]; state != nil {
			_, _ = fmt.Fprintf(out, "%s\t%d\t%d\t%s\t%s\n", s.Name, state.Partitions, state.Replication,
				known(state.Config[topology.SettingMinInsync]), known(state.Config[topology.SettingCleanupPolicy]))
		}
	}
	for _, difference := range differences {
		_, _ = fmt.Fprintln(out, difference)
	}
	if len(differences) == 0 && len(have.Unchecked) == 0 {
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
