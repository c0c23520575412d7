package main

import (
	"context"
	"fmt"
	"iter"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/pagename"
	"pageheat/terminal"
	"pageheat/traffic"
)

// pagesCmd holds the commands about names of pages.
type pagesCmd struct {
	Preview pagesPreviewCmd `cmd:"" help:"Show what the rules make of names and addresses of pages."`
}

// pagesPreviewCmd shows what rules do.
type pagesPreviewCmd struct {
	Names []string          `arg:"" optional:"" name:"page" help:"Name of a page, or its address. Default: the lines of standard input."`
	Rules pagename.Settings `embed:""`
}

// Help says where the rules come from.
func (*pagesPreviewCmd) Help() string {
	return `The rules are those of run (for its role collect) and of produce: put them into the file of
--config, and try them here. Nothing is sent, and no broker is needed. An address is named as the script
of a site does.`
}

// Run prints a line for each name: before and after.
func (c *pagesPreviewCmd) Run(ctx context.Context, p *program) error {
	rules, err := c.Rules.Rules()
	if err != nil {
		return err
	}
	for name, err := range c.names(ctx, p) {
		if err != nil {
			return interrupted(ctx, err)
		}
		if len(name) == 0 {
			continue
		}
		after := rules.OfAddress(string(name))
		shown := terminal.Printable(after)
		message := codec.AppendBehaviour(nil, heat.Behaviour{Page: []byte(after)})
		if _, refusal := codec.ParseBehaviour(message, heat.DefaultLimits()); refusal != nil {
			shown = "refused (" + string(refusal.Code) + ")"
		}
		if _, err := fmt.Fprintf(p.stdout, "%s → %s\n", terminal.Printable(string(name)), shown); err != nil {
			return err
		}
	}
	return nil
}

// names are the arguments, or the lines of standard input.
func (c *pagesPreviewCmd) names(ctx context.Context, p *program) iter.Seq2[[]byte, error] {
	if len(c.Names) == 0 {
		return traffic.Interruptible(ctx, traffic.Lines(p.stdin))
	}
	return func(yield func([]byte, error) bool) {
		for _, name := range c.Names {
			if !yield([]byte(name), nil) {
				return
			}
		}
	}
}
