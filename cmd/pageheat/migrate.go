package main

import (
	"context"
	"errors"
	"fmt"

	"pageheat/heat"
	"pageheat/snapshot"
	"pageheat/topics"
	"pageheat/topology"
)

// migrateCmd copies totals into another prefix.
type migrateCmd struct {
	From       string `required:"" placeholder:"PREFIX" help:"Prefix of the deployment that has counted."`
	To         string `required:"" placeholder:"PREFIX" help:"Prefix of the deployment that continues. Its missing topics are created."`
	MaxClicks  uint32 `help:"--max-clicks of the instances that count."`
	MaxMinutes uint32 `help:"--max-minutes of the instances that count."`
	DropTitles bool   `help:"Ignore titles and addresses of pages that behaviours have."`

	Layout topics.Layout  `embed:""`
	Boards boardsSettings `embed:""`
}

func defaultMigrate() migrateCmd {
	limits := heat.DefaultLimits()
	return migrateCmd{MaxClicks: limits.MaxClicks, MaxMinutes: limits.MaxMinutes}
}

// Help says what follows.
func (*migrateCmd) Help() string {
	return `Both deployments read the same --input. --to gets the totals of --from, and continues where these
were taken. --from may keep running. Give --to an output of its own:

  pageheat migrate --from pageheat --to v2 --partitions 12 --output v2-top10
  pageheat run --prefix v2 --output v2-top10

Everything is copied or nothing: after an interruption, repeat it. Boards continue where their definitions
agree. With the settings of the instances (--config, or --board) it says which do.`
}

// Run creates topics and copies.
func (c *migrateCmd) Run(ctx context.Context, p *program) error {
	limits := heat.Limits{MaxClicks: c.MaxClicks, MaxMinutes: c.MaxMinutes}
	if err := limits.Validate(); err != nil {
		return err
	}
	if err := c.Layout.Validate(); err != nil {
		return err
	}
	from, to, err := deployments("migrate", p.topo, c.From, c.To, ": pipe `pageheat export` into `pageheat import -`")
	if err != nil {
		return err
	}
	defined, err := c.Boards.counted()
	if err != nil {
		return err
	}
	if err := p.reach(ctx); err != nil {
		return err
	}
	for _, need := range []struct {
		topo    *topology.Topology
		command string
	}{{from, "export"}, {to, "topics-create"}, {to, "import"}} {
		if err := p.allowed(ctx, need.topo, need.command); err != nil {
			return err
		}
	}
	tell, finish := p.progress()
	defer finish()
	taken, err := snapshot.Take(ctx, snapshot.Config{Cluster: p.kafka, Topology: from, Limits: limits, DropTitles: c.DropTitles, Progress: tell})
	if err != nil {
		return interrupted(ctx, fmt.Errorf("migrate: %w", err))
	}
	warnOfOthers(p, taken)
	within, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, _, err = c.Layout.Create(within, p.kafka, to, func(line string) {
		_, _ = fmt.Fprintln(p.stdout, line) // what is created stays created
	})
	if err != nil {
		return interrupted(ctx, fmt.Errorf("migrate: %w", err))
	}
	// The source tells how far it is: what is read is written at once.
	seeded, err := snapshot.Seed(ctx, snapshot.SeedConfig{Cluster: p.kafka, Topology: to}, taken)
	finish()
	if counted, ok := errors.AsType[*snapshot.CountedError](err); ok && counted.Same {
		_, err := fmt.Fprintln(p.stdout, "nothing to do: "+counted.Detail)
		return err
	}
	if err != nil {
		return interrupted(ctx, fmt.Errorf("migrate: %w", err))
	}
	warnOfLimits(p, taken, limits)
	if err := printSeeded(p.stdout, seeded, to.HeatTable, to.Input); err != nil {
		return err
	}
	cut := taken.Cut()
	return printBoards(p.stdout, defined, &cut)
}
