package main

import (
	"context"
	"errors"
)

// pageCmd shows one page.
type pageCmd struct {
	Page string `arg:"" help:"The page, exactly as in the behaviours."`
	JSON bool   `name:"json" help:"Print one JSON object."`

	weightFlags
}

// Run prints the page's totals, or fails if the page is not known.
func (c *pageCmd) Run(ctx context.Context, p *program) error {
	weights, err := c.weights()
	if err != nil {
		return err
	}
	_ = weights
	return errors.New("not yet wired")
}
