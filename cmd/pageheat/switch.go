package main

import (
	"context"
	"errors"
	"fmt"

	"pageheat/failure"
	"pageheat/switchover"
	"pageheat/topology"
	"pageheat/views"
)

// switchCmd hands the output over to another prefix.
type switchCmd struct {
	From         string `required:"" placeholder:"PREFIX" key:"switch-from" env:"PAGEHEAT_SWITCH_FROM" help:"Prefix of the deployment that has the output."`
	To           string `required:"" placeholder:"PREFIX" key:"switch-to" env:"PAGEHEAT_SWITCH_TO" help:"Prefix of the deployment that gets it."`
	Behind       bool   `help:"Hand the output over although --to has counted less: boards go back to what it has counted."`
	DeleteBoards bool   `help:"Delete boards from the output that --to does not have, with their final boards."`
}

// Help says what comes before and after.
func (*switchCmd) Help() string {
	return `Both deployments read the same --input, and --to has counted as much of it as --from. Versions of
the boards go on growing, and no board goes back:

  pageheat topics create --prefix v2
  pageheat run --prefix v2 --await-switch
  pageheat switch --from pageheat --to v2

Instances of --from end, with a hint, and do not start again. After an interruption, repeat the command.
It may be reversed while instances of --from that run with --await-switch have gone on counting.`
}

// Run hands over.
func (c *switchCmd) Run(ctx context.Context, p *program) error {
	from, to, err := deployments("switch", p.topo, c.From, c.To, "")
	if err != nil {
		return err
	}
	if err := p.reach(ctx); err != nil {
		return err
	}
	for _, need := range []struct {
		topo    *topology.Topology
		command string
	}{{from, "switch-from"}, {to, "switch-to"}} {
		if err := p.allowed(ctx, need.topo, need.command); err != nil {
			return err
		}
	}
	done, err := switchover.Run(ctx, switchover.Config{
		Cluster: p.kafka, From: from, To: to, AllTime: views.DefaultBoard,
		Options: switchover.Options{Behind: c.Behind, DeleteBoards: c.DeleteBoards},
		Tell:    func(line string) { _, _ = fmt.Fprintln(p.stdout, line) }, // what is done stays done
	})
	if err != nil {
		return interrupted(ctx, fmt.Errorf("switch: %w", err))
	}
	says := "topic %s belongs to %s\n"
	if !done {
		says = "nothing to do: topic %s belongs to %s already\n"
	}
	_, err = fmt.Fprintf(p.stdout, says, from.Output, c.To)
	return err
}

// deployments returns two deployments that a command names by their prefixes. instead is what a user with
// names of their own can do; it may be empty.
func deployments(command string, given *topology.Topology, fromPrefix, toPrefix, instead string) (from, to *topology.Topology, err error) {
	names := topology.Config{Prefix: given.Prefix, Input: given.Input, Output: given.Output, Events: given.HasEvents}
	if usual, err := topology.New(names); err != nil || *usual != *given {
		return nil, nil, usageError{errors.New(command + " names deployments by their prefixes, and topics and groups have names of their own" + instead)}
	}
	if fromPrefix == toPrefix {
		return nil, nil, failure.BadSetting("to", "must differ from --from")
	}
	names.Prefix = fromPrefix
	if from, err = topology.New(names); err != nil {
		return nil, nil, usageError{err}
	}
	names.Prefix = toPrefix
	if to, err = topology.New(names); err != nil {
		return nil, nil, usageError{err}
	}
	return from, to, nil
}
