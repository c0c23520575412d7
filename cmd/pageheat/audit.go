package main

import (
	"context"
	"errors"
)

// auditCmd recounts the input.
type auditCmd struct{}

// Run compares every page's totals with the table. Differences are printed and end
// with errDifference.
func (c *auditCmd) Run(ctx context.Context, p *program) error {
	return errors.New("not yet wired")
}
