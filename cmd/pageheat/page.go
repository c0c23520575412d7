package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/snapshot"
	"pageheat/terminal"
	"pageheat/views"
)

// pageCmd shows one page.
type pageCmd struct {
	Page string `arg:"" help:"Name of the page, exactly as in the behaviours."`
	JSON bool   `name:"json" help:"Print a JSON object."`

	Boards  boardList           `name:"boards" key:"boards" env:"PAGEHEAT_BOARDS" placeholder:"DEFINITION" help:"Boards of the instances that count, for the heat on them: those of --board of run. Repeatable."`
	Weights heat.WeightSettings `embed:""`
}

// Run prints the page's totals as the table has committed them, or fails if the
// page is not known.
func (c *pageCmd) Run(ctx context.Context, p *program) error {
	weights, err := c.Weights.Weights()
	if err != nil {
		return err
	}
	settings := boardsSettings{Boards: c.Boards}
	defined, err := settings.make(processors.DefaultSettings().Top, c.Weights)
	if err != nil {
		return err
	}
	if err := p.ready(ctx, "page"); err != nil {
		return err
	}
	page, known, err := snapshot.ReadPage(ctx, p.kafka, p.topo, c.Page)
	if readable := codec.ReadablePath(c.Page); err == nil && !known && readable != c.Page {
		// Under the address that a browser shows it is found, too.
		if page, known, err = snapshot.ReadPage(ctx, p.kafka, p.topo, readable); known {
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
		heat := views.NewPageHeat(c.Page, &page.PageState, weights)
		heat.Boards = boardsOfPage(&page, defined)
		return out.Encode(heat)
	}
	if err := printPage(p.stdout, c.Page, &page.PageState, weights); err != nil {
		return err
	}
	return printPageBoards(p.stdout, &page, defined)
}

// boardsOfPage is what a page has on further boards, with its heat on those that are defined.
func boardsOfPage(page *snapshot.OnePage, defined []*boards.Board) map[string]views.PageOn {
	all := map[string]views.PageOn{}
	for i := range page.On {
		on := &page.On[i]
		by, weighed := on.Board.Board, false
		for _, d := range defined {
			if definition := d.Definition(); definition.Name == on.Name() && definition.CountingHash() == on.Counting() {
				by, weighed = d, true
			}
		}
		sum := on.State.Sum(by, by.Slot(on.AsOf))
		shown := by.Show(&sum, on.AsOf)
		has := views.PageOn{AsOf: on.AsOf.Time(), Clicks: codec.Decimal(shown.Clicks), Minutes: codec.Decimal(shown.Minutes), Likes: codec.Decimal(shown.Likes),
			Behaviours: shown.Behaviours}
		if weighed {
			has.Heat = codec.Decimal(shown.Heat)
		}
		all[on.Name()] = has
	}
	return all
}

// printPageBoards shows what a page has on further boards.
func printPageBoards(w io.Writer, page *snapshot.OnePage, defined []*boards.Board) error {
	all := boardsOfPage(page, defined)
	if len(all) == 0 {
		return nil
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "\n  BOARD\tAS OF\tHEAT\tCLICKS\tMINUTES\tLIKES\tBEHAVIOURS") // Flush returns the error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		on := all[name]
		_, _ = fmt.Fprintf(out, "  %s\t%s\t%s\t%s\t%s\t%s\t%d\n", terminal.Printable(name), on.AsOf.UTC().Format("2006-01-02 15:04 UTC"),
			cmp.Or(string(on.Heat), "-"), on.Clicks, on.Minutes, on.Likes, on.Behaviours)
	}
	return out.Flush()
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
