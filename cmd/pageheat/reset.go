package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pageheat/topics"
	"pageheat/traffic"
)

// resetCmd deletes everything but the input.
type resetCmd struct {
	Yes         bool `help:"Do not ask."`
	DeadLetters bool `default:"true" negatable:"" help:"Delete the dead letters, too. Invalid messages that are still in the input become dead letters again."`
}

// Help says what follows.
func (*resetCmd) Help() string {
	return `Stop all instances first. The command prints what it deletes, and asks. The input stays. To begin
again, which counts what the input still has:

  pageheat reset
  pageheat topics create
  pageheat run

Versions of the board start at 1: restart programs that read it. Directories of --store-dir need
not be deleted.`
}

// errKept is what a reset returns that was not confirmed.
var errKept = errors.New("nothing was deleted")

// Run lists, asks and deletes.
func (c *resetCmd) Run(ctx context.Context, p *program) error {
	if err := p.ready(ctx, "reset", c.leftOut(p)...); err != nil {
		return err
	}
	kept, err := c.find(ctx, p)
	if err != nil {
		return interrupted(ctx, err)
	}
	if kept.Empty() {
		_, err := fmt.Fprintln(p.stdout, "there is nothing to delete")
		return err
	}
	if !c.Yes {
		if err := c.confirm(ctx, p, kept); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return interrupted(ctx, kept.Delete(ctx, p.kafka, func(line string) {
		_, _ = fmt.Fprintln(p.stdout, line) // what is deleted stays deleted
	}))
}

// leftOut are the topic and the group that stay.
func (c *resetCmd) leftOut(p *program) []string {
	if c.DeadLetters {
		return nil
	}
	return []string{p.topo.DeadLetter, p.topo.ReplayGroup}
}

// find returns what is to be deleted.
func (c *resetCmd) find(ctx context.Context, p *program) (topics.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	kept, err := topics.FindKept(ctx, p.kafka, p.topo)
	stays := func(name string) bool { return slices.Contains(c.leftOut(p), name) }
	kept.Topics = slices.DeleteFunc(kept.Topics, stays)
	kept.Groups = slices.DeleteFunc(kept.Groups, stays)
	return kept, err
}

// confirm prints what is to be deleted and reads a line.
func (c *resetCmd) confirm(ctx context.Context, p *program, kept topics.Kept) error {
	var list strings.Builder
	for _, name := range kept.Groups {
		list.WriteString("  group " + name + "\n")
	}
	for _, name := range kept.Topics {
		list.WriteString("  topic " + name + "\n")
	}
	if _, err := fmt.Fprintf(p.stdout, "These will be deleted from %s:\n%sThe input %s stays.\nDelete? [y/N] ",
		strings.Join(p.kafka.Brokers(), ","), &list, p.topo.Input); err != nil {
		return err
	}
	for line, err := range traffic.Interruptible(ctx, traffic.Lines(p.stdin)) {
		if err != nil {
			return interrupted(ctx, err)
		}
		if answer := strings.ToLower(strings.TrimSpace(string(line))); answer == "y" || answer == "yes" {
			return nil
		}
		return errKept
	}
	return fmt.Errorf("%w: there is no answer on standard input; --yes does not ask", errKept)
}
