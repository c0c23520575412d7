package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"pageheat/kafka"
	"pageheat/rights"
	"pageheat/topology"
)

// requestTimeout bounds one administrative step.
const requestTimeout = 30 * time.Second

// reach makes sure that a broker answers.
func (p *program) reach(ctx context.Context) error {
	if exposed := p.kafka.Exposed(); exposed != "" {
		p.log.Warn(exposed, "component", "kafka")
	}
	err := p.kafka.Reach(ctx)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// ready makes sure that a broker answers, and that the user has the rights that a command
// needs, but those on a topic that is left out. What the user may not read the settings of, and
// may not create, the command says itself.
func (p *program) ready(ctx context.Context, command string, leftOut ...string) error {
	if err := p.reach(ctx); err != nil {
		return err
	}
	return p.allowed(ctx, p.topo, command, leftOut...)
}

// allowed makes sure of the rights on the topics and groups of a deployment.
func (p *program) allowed(ctx context.Context, topo *topology.Topology, command string, leftOut ...string) error {
	needs, err := rights.Of(topo, command)
	if err != nil {
		return err
	}
	needs = slices.DeleteFunc(needs, func(n rights.Need) bool {
		return n.Operation == kafka.DescribeConfigs || n.Operation == kafka.Create || slices.Contains(leftOut, n.Name)
	})
	return interrupted(ctx, rights.NewWatch(p.kafka, p.log.Logger, needs).Check(ctx))
}

// interrupted is errInterrupted instead of an error that comes of ctx being done.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	return err
}
