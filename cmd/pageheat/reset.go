package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pageheat/failure"
	"pageheat/topics"
	"pageheat/traffic"
)

// resetCmd deletes everything but the input, and on request the totals.
type resetCmd struct {
	Yes         bool             `help:"Do not ask."`
	DeadLetters bool             `default:"true" key:"reset-dead-letters" env:"PAGEHEAT_RESET_DEAD_LETTERS" negatable:"" help:"Delete the dead letters, too. Invalid messages that are still in the input become dead letters again."`
	KeepTotals  bool             `help:"Keep the totals of all pages, with the dead letters and the versions of the board. Counting goes on where the table stands."`
	InputFrom   topics.InputFrom `placeholder:"OFFSET" enum:",earliest,latest" default:"" help:"With --keep-totals, if the input was replaced by another topic: earliest if nothing in it was counted, latest if everything in it was."`
}

// Help says what follows.
func (*resetCmd) Help() string {
	return `Stop all instances first. The command prints what it deletes, and asks. The input stays. To begin
again, which counts what the input still has:

  pageheat reset
  pageheat topics create
  pageheat run

Versions of the board start at 1: restart programs that read it. Directories of --store-dir need
not be deleted.

With --keep-totals the heat table stays, and nothing is counted twice: ranges that were not applied
are created again from the input. Versions of the board go on. If the input was replaced,
--input-from says whether its messages are in the totals; if some are and some are not, only a
reset without --keep-totals is exact.`
}

// errKept is what a reset returns that was not confirmed.
var errKept = errors.New("nothing was deleted")

// Run lists, asks and deletes.
func (c *resetCmd) Run(ctx context.Context, p *program) error {
	if c.InputFrom != topics.FromProgress && !c.KeepTotals {
		return failure.BadSetting("input-from", "has no effect without --keep-totals")
	}
	if err := p.ready(ctx, c.rights(), c.leftOut(p)...); err != nil {
		return err
	}
	kept, totals, err := c.find(ctx, p)
	if err != nil {
		return interrupted(ctx, err)
	}
	if kept.Empty() && totals == nil {
		_, err := fmt.Fprintln(p.stdout, "there is nothing to delete")
		return err
	}
	if !c.Yes {
		if err := c.confirm(ctx, p, kept, totals); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = kept.Delete(ctx, p.kafka, func(line string) {
		_, _ = fmt.Fprintln(p.stdout, line) // what is deleted stays deleted
	})
	if err == nil && totals != nil {
		if err = totals.Keep(ctx, p.kafka); err == nil {
			_, err = fmt.Fprintf(p.stdout, "the totals of %d behaviours in %d partitions are kept\n", totals.Behaviours, totals.Partitions)
		}
	}
	return interrupted(ctx, err)
}

// rights is the name of what the command does, of package rights.
func (c *resetCmd) rights() string {
	if c.KeepTotals {
		return "reset-keep-totals"
	}
	return "reset"
}

// leftOut are the topics and the group that stay.
func (c *resetCmd) leftOut(p *program) []string {
	switch {
	case c.KeepTotals: // its rights do not have the others
		return nil
	case !c.DeadLetters:
		return []string{p.topo.DeadLetter, p.topo.ReplayGroup}
	default:
		return nil
	}
}

// find returns what is to be deleted, and the totals that are to be kept, nil for none.
func (c *resetCmd) find(ctx context.Context, p *program) (kept topics.Kept, totals *topics.Totals, err error) {
	stay := c.leftOut(p)
	if c.KeepTotals {
		stay = []string{p.topo.HeatTable, p.topo.Forget, p.topo.DeadLetter, p.topo.ReplayGroup}
	}
	within, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	to, err := topics.MovedTo(within, p.kafka, p.topo)
	if err != nil {
		return kept, nil, err
	}
	if to != "" {
		p.log.Info("the output was handed over, and stays", "topic", p.topo.Output, "to", to)
		stay = append(stay, p.topo.Output)
	}
	if kept, err = topics.FindKept(within, p.kafka, p.topo, stay...); err != nil {
		return kept, nil, err
	}
	if !c.KeepTotals { // totals that are kept are known by their table
		return kept, nil, kept.Owned(within, p.kafka, p.topo)
	}
	if totals, err = topics.FindTotals(ctx, p.kafka, p.topo, c.InputFrom); err == nil && totals.OtherOutput == "" {
		kept.Topics = slices.DeleteFunc(kept.Topics, func(name string) bool { return name == p.topo.RankTable })
	}
	return kept, totals, err
}

// confirm prints what is to be deleted and reads a line.
func (c *resetCmd) confirm(ctx context.Context, p *program, kept topics.Kept, totals *topics.Totals) error {
	var list strings.Builder
	for _, name := range kept.Groups {
		list.WriteString("  group " + name + "\n")
	}
	for _, name := range kept.Topics {
		list.WriteString("  topic " + name + "\n")
	}
	stays := "The input " + p.topo.Input + " stays."
	if totals != nil {
		stays = fmt.Sprintf("The input %s and the totals of %d behaviours in %s stay.", p.topo.Input, totals.Behaviours, p.topo.HeatTable)
		if totals.OtherOutput != "" {
			stays += fmt.Sprintf("\nThe boards were published to %s so far: in %s their versions start at 1.", totals.OtherOutput, p.topo.Output)
		}
	}
	if _, err := fmt.Fprintf(p.stdout, "These will be deleted from %s:\n%s%s\nDelete? [y/N] ",
		strings.Join(p.kafka.Brokers(), ","), &list, stays); err != nil {
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
