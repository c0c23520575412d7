package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
	"pageheat/terminal"
	"pageheat/views"
)

// pageCmd shows one page.
type pageCmd struct {
	Page string `arg:"" help:"Name of the page, exactly as in the behaviours."`
	JSON bool   `name:"json" help:"Print a JSON object."`

	Weights heat.WeightSettings `embed:""`
}

// Run prints the page's totals as the table has committed them, or fails if the
// page is not known.
func (c *pageCmd) Run(ctx context.Context, p *program) error {
	weights, err := c.Weights.Weights()
	if err != nil {
		return err
	}
	if err := p.ready(ctx, "page"); err != nil {
		return err
	}
	state, known, err := snapshot.ReadPage(ctx, p.kafka, p.topo, c.Page)
	if readable := codec.ReadablePath(c.Page); err == nil && !known && readable != c.Page {
		// Under the address that a browser shows it is found, too.
		if state, known, err = snapshot.ReadPage(ctx, p.kafka, p.topo, readable); known {
			c.Page = readable
		}
	}
	if err != nil {
		return interrupted(ctx, fmt.Errorf("looking up page %q: %w", c.Page, err))
	}
	if !known {
		return fmt.Errorf("page %q is not known: topic %s does not have it (new counts appear after the next commit, within seconds)",
			c.Page, p.topo.HeatTable)
	}
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetEscapeHTML(false)
		return out.Encode(views.NewPageHeat(c.Page, &state, weights))
	}
	return printPage(p.stdout, c.Page, &state, weights)
}

// printPage shows what a page is called and how its heat is made up.
func printPage(w io.Writer, page string, s *codec.PageState, weights heat.Weights) error {
	lines := []string{terminal.Printable(page)}
	if s.Label != nil {
		lines = append(lines, terminal.Title(s.Label.Title), terminal.Printable(s.Label.URL))
	}
	for _, line := range lines {
		if line == "" {
			continue
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	t := &s.Totals
	clicks, minutes, likes := weights.Parts(t)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintf(out, "  clicks\t%s\tx %s\t= %s\n"+
		"  minutes\t%s\tx %s\t= %s\n"+
		"  likes\t%d\tx %s\t= %s\n"+
		"  heat\t\t\t= %s\n"+
		"  behaviours\t%d\n",
		t.ClicksDecimal(), weights.Clicks(), clicks,
		t.MinutesDecimal(), weights.Minutes(), minutes,
		t.Likes, weights.Like(), likes,
		weights.Heat(t),
		t.Behaviours)
	if err != nil {
		return err
	}
	return out.Flush()
}
