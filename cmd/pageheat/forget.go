package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize/english"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/forget"
	"pageheat/terminal"
)

// forgetCmd asks the owners of pages to forget them.
type forgetCmd struct {
	Pages   []string      `arg:"" optional:"" name:"page" help:"Name of a page, exactly as in the behaviours. Several may be given."`
	File    string        `key:"forget-file" env:"PAGEHEAT_FORGET_FILE" placeholder:"FILE" help:"File with the name of a page per line; - for standard input."`
	Pattern string        `placeholder:"REGEXP" help:"Regular expression that must match the whole name, as in patterns of boards: all such pages in the table. Takes --dry-run or --yes."`
	Block   bool          `help:"Do not count later behaviours of the pages either."`
	DryRun  bool          `key:"forget-dry-run" env:"PAGEHEAT_FORGET_DRY_RUN" help:"Print the pages with their totals, and forget nothing."`
	Yes     bool          `key:"forget-yes" env:"PAGEHEAT_FORGET_YES" help:"Forget the pages that --pattern finds."`
	Timeout time.Duration `key:"forget-timeout" env:"PAGEHEAT_FORGET_TIMEOUT" help:"Maximum time to wait for the next page to be forgotten; 0 to send the requests and not wait."`
	JSON    bool          `name:"json" help:"Print a JSON object for each page."`
}

func defaultForget() forgetCmd { return forgetCmd{Timeout: time.Minute} }

// Help says what happens.
func (*forgetCmd) Help() string {
	return `The pages leave the table, all boards, also those of closed periods, and the answers of all instances. Audits
and recounts leave them out. Later behaviours count again, from zero, unless --block is given. Without
--block, a page that is blocked is let in again.

  pageheat forget /users/42 /users/43
  pageheat forget --file pages.txt --block
  pageheat forget --pattern '/users/.*' --dry-run
  pageheat forget --pattern '/users/.*' --yes

A page that the table does not have is forgotten, too: behaviours of it may be on their way. A pattern only
finds pages that the table has.

The command waits until instances with the role heat have committed it. Requests stay when it ends earlier;
it may be repeated. docs/operations.md says where names of pages remain until which retention ends
("Forget a page").`
}

// Run sends requests and waits, or lists what they would be for.
func (c *forgetCmd) Run(ctx context.Context, p *program) error {
	matches, err := c.check()
	if err != nil {
		return err
	}
	names, err := c.names(ctx, p)
	if err != nil {
		return err
	}
	if err := p.ready(ctx, c.rights()); err != nil {
		return err
	}
	tell, finish := p.progress()
	defer finish()
	cfg := forget.Config{Cluster: p.kafka, Topology: p.topo, Progress: tell}
	if c.DryRun || matches != nil {
		pages, err := c.find(ctx, cfg, names, matches)
		if err != nil {
			return interrupted(ctx, fmt.Errorf("forget: %w", err))
		}
		if c.DryRun {
			finish()
			return c.list(p, pages)
		}
		for _, page := range pages {
			names = append(names, page.Name)
		}
	}
	return c.forget(ctx, p, cfg, names, finish)
}

// check checks the flags, and returns what --pattern matches, nil without it.
func (c *forgetCmd) check() (matches func(string) bool, err error) {
	switch {
	case c.Timeout < 0:
		return nil, failure.BadSetting("timeout", "%s: must not be negative", c.Timeout)
	case c.Pattern == "" && c.File == "" && len(c.Pages) == 0:
		return nil, usageError{errors.New("name the pages to forget, or give --file or --pattern")}
	case c.Pattern == "":
		return nil, nil
	case c.File != "" || len(c.Pages) > 0:
		return nil, failure.BadSetting("pattern", "finds pages itself: give no other pages and no --file")
	case !c.DryRun && !c.Yes:
		return nil, failure.BadSetting("pattern", "may match more than you want: look with --dry-run, then repeat with --yes")
	}
	pattern, err := boards.NewPattern(c.Pattern)
	if err != nil {
		return nil, failure.BadSetting("pattern", "%w", err)
	}
	return pattern.Matches, nil
}

// rights is the name of what the command does, of package rights.
func (c *forgetCmd) rights() string {
	if c.DryRun {
		return "page" // it reads the table, too
	}
	return "forget"
}

// names are the named pages, each once.
func (c *forgetCmd) names(ctx context.Context, p *program) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	add := func(name string) error {
		if !codec.IsPage(name) {
			return fmt.Errorf("%q cannot be the name of a page", shortened(name, shownDetail))
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
		return nil
	}
	for _, name := range c.Pages {
		if err := add(name); err != nil {
			return nil, usageError{err}
		}
	}
	if c.File == "" {
		return names, nil
	}
	if err := readable(c.File); err != nil {
		return nil, err
	}
	number := 0
	for line, err := range lines(ctx, p, []string{c.File}) {
		if number++; err != nil {
			return nil, interrupted(ctx, err)
		}
		if len(line) == 0 {
			continue
		}
		if err := add(string(line)); err != nil {
			return nil, failure.BadSetting("file", "%s: line %d: %w", c.File, number, err)
		}
	}
	return names, nil
}

// find looks the pages up in the table.
func (c *forgetCmd) find(ctx context.Context, cfg forget.Config, names []string, matches func(string) bool) ([]forget.Page, error) {
	if matches != nil {
		return forget.Matching(ctx, cfg, matches)
	}
	return forget.Named(ctx, cfg, names)
}

// listedPage is a page of --dry-run as JSON.
type listedPage struct {
	Page  string `json:"page"`
	Known bool   `json:"known"`
	// Totals are missing if the page is not known.
	Totals *listedTotals `json:"totals,omitempty"`
}

type listedTotals struct {
	Clicks     json.Number `json:"clicks"`
	Minutes    json.Number `json:"minutes"`
	Likes      int64       `json:"likes"`
	Behaviours uint64      `json:"behaviours"`
}

// list prints what would be forgotten.
func (c *forgetCmd) list(p *program, pages []forget.Page) error {
	known, behaviours := 0, uint64(0)
	for i := range pages {
		if pages[i].Known {
			known++
			behaviours += pages[i].Totals.Behaviours
		}
	}
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetEscapeHTML(false)
		for i := range pages {
			if err := out.Encode(listed(&pages[i])); err != nil {
				return err
			}
		}
		return nil
	}
	out := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	if len(pages) > 0 {
		_, _ = fmt.Fprintln(out, "PAGE\tCLICKS\tMINUTES\tLIKES\tBEHAVIOURS") // Flush returns the error
	}
	for i := range pages {
		if i%tableRows == tableRows-1 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		name, t := terminal.Printable(pages[i].Name), &pages[i].Totals
		if pages[i].Known {
			_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%s\n", name, t.ClicksDecimal(), t.MinutesDecimal(), t.Likes, terminal.Count(t.Behaviours))
		} else {
			_, _ = fmt.Fprintf(out, "%s\tnot in the table\n", name)
		}
	}
	_, _ = fmt.Fprintf(out, "%s in the table with %s behaviours: nothing was forgotten\n", pagesInWords(known), terminal.Count(behaviours))
	return out.Flush()
}

func listed(page *forget.Page) listedPage {
	l := listedPage{Page: page.Name, Known: page.Known}
	if t := &page.Totals; page.Known {
		l.Totals = &listedTotals{Clicks: json.Number(t.ClicksDecimal()), Minutes: json.Number(t.MinutesDecimal()), Likes: t.Likes, Behaviours: t.Behaviours}
	}
	return l
}

// pagesInWords counts pages in words.
func pagesInWords(n int) string {
	return terminal.Count(uint64(n)) + " " + english.PluralWord(n, "page", "")
}

// requestedPage is a page that was asked to be forgotten, as JSON.
type requestedPage struct {
	Page      string `json:"page"`
	Block     bool   `json:"block"`
	SHA256    string `json:"sha256"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// forget sends the requests, waits, and says what was done.
func (c *forgetCmd) forget(ctx context.Context, p *program, cfg forget.Config, names []string, finish func()) error {
	requests, err := forget.Send(ctx, cfg, names, c.Block)
	if err != nil && len(requests.All) > 0 {
		p.log.Warn("some requests were sent: they stay", "sent", len(requests.All), "pages", len(names))
	}
	if err != nil {
		return interrupted(ctx, fmt.Errorf("forget: %w", err))
	}
	if c.JSON {
		err = c.print(p, requests)
	}
	if err != nil || len(names) == 0 || c.Timeout == 0 {
		finish()
		return errors.Join(err, c.say(p, len(names)))
	}
	err = requests.Wait(ctx, c.Timeout)
	finish()
	switch {
	case err == nil:
		return c.say(p, len(names))
	case ctx.Err() != nil:
		p.log.Warn("the requests stay", "not_taken_in", requests.Pending(), "requests", len(requests.All))
		return errInterrupted
	case errors.Is(err, forget.ErrNotTaken):
		return failure.New("`pageheat status` shows whether instances with the role heat run; they take the requests in, also later, and nothing needs to be repeated",
			"%w for %s: %s of %s", err, c.Timeout, terminal.Count(uint64(requests.Pending())), terminal.Count(uint64(len(requests.All))))
	default:
		return fmt.Errorf("the requests were sent, and stay; whether they are taken in is not known: %w", err)
	}
}

// print prints a JSON object for each request.
func (c *forgetCmd) print(p *program, requests *forget.Requests) error {
	out := json.NewEncoder(p.stdout)
	out.SetEscapeHTML(false)
	for _, r := range requests.All {
		one := requestedPage{Page: r.Page, Block: r.Block, SHA256: codec.HashPage(r.Page).String(), Topic: p.topo.Forget, Partition: r.Partition, Offset: r.Offset}
		if err := out.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

// say says what was done.
func (c *forgetCmd) say(p *program, pages int) error {
	if c.JSON {
		return nil
	}
	done := "forgotten"
	switch {
	case c.Timeout == 0:
		done = "asked to be forgotten"
	case c.Block:
		done = "forgotten and blocked"
	}
	verb := "are"
	if pages == 1 {
		verb = "is"
	}
	_, err := fmt.Fprintf(p.stdout, "%s %s %s\n", pagesInWords(pages), verb, done)
	return err
}
