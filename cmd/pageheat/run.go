package main

import (
	"context"
	"errors"
)

// Run runs the pipeline until it is drained or fails.
func (c *runCmd) Run(ctx context.Context, p *program) error {
	cfg, err := c.config(p)
	if err != nil {
		return err
	}
	return runPipeline(ctx, cfg)
}

// runPipeline runs the roles of cfg until ctx is done and everything is drained
// (nil), or until one fails for good.
func runPipeline(ctx context.Context, cfg pipelineConfig) error {
	return errors.New("not yet wired")
}
