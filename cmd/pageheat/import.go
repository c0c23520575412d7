package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/dustin/go-humanize/english"

	"pageheat/compressed"
	"pageheat/pagefile"
	"pageheat/snapshot"
	"pageheat/terminal"
	"pageheat/topics"
)

// importCmd fills an empty deployment.
type importCmd struct {
	File      string           `arg:"" help:"File that export has written as jsonl, compressed or not; - for standard input."`
	InputFrom topics.InputFrom `key:"import-input-from" env:"PAGEHEAT_IMPORT_INPUT_FROM" placeholder:"OFFSET" enum:",earliest,latest,same-offsets" default:"" help:"If the input is another topic than the one that was counted: earliest if nothing in it was counted, latest if everything in it was, same-offsets if it has the same messages at the same offsets."`

	Boards boardsSettings `embed:""`
}

// Help says what follows.
func (*importCmd) Help() string {
	return `The deployment must be empty, and its topics must exist:

  pageheat topics create
  pageheat import pages.jsonl
  pageheat run

It may have any number of partitions for pages. Counting continues at the offsets of the file if the
input is the topic that was counted. Otherwise --input-from says where: only you know which of its
messages are in the totals. Everything is imported or nothing: after an interruption, repeat it.

Boards continue where their definitions agree. With the settings of the instances (--config, or --board)
it says which do.`
}

// Run writes the totals of the file.
func (c *importCmd) Run(ctx context.Context, p *program) error {
	defined, err := c.Boards.counted()
	if err != nil {
		return err
	}
	source, closed, err := c.open(p)
	if err != nil {
		return fmt.Errorf("importing %s: %w", c.File, err)
	}
	defer closed()
	if err := p.ready(ctx, "import"); err != nil {
		return err
	}
	tell, finish := p.progress()
	seeded, err := snapshot.Seed(ctx, snapshot.SeedConfig{Cluster: p.kafka, Topology: p.topo, From: c.InputFrom, Progress: tell}, source)
	finish()
	if err != nil {
		return interrupted(ctx, fmt.Errorf("importing %s: %w", c.File, err))
	}
	if err := printSeeded(p.stdout, seeded, p.topo.HeatTable, p.topo.Input); err != nil {
		return err
	}
	cut := source.Cut()
	return printBoards(p.stdout, defined, &cut)
}

// open opens the file and reads its beginning.
func (c *importCmd) open(p *program) (source snapshot.Source, closed func(), err error) {
	from, closeFile := p.stdin, func() {}
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, nil, err
		}
		from, closeFile = file, func() { _ = file.Close() } // it was only read
	}
	plain, err := compressed.NewReader(from)
	if err != nil {
		closeFile()
		return nil, nil, fmt.Errorf("reading %s: %w", c.File, err)
	}
	closed = func() { _ = plain.Close(); closeFile() } // it was only read
	if source, err = pagefile.Open(plain); err != nil {
		closed()
		return nil, nil, err
	}
	return source, closed, nil
}

// printSeeded says what was written.
func printSeeded(w io.Writer, s snapshot.Seeded, table, input string) error {
	_, err := fmt.Fprintf(w, "wrote %s %s with %s %s to %s, which has %s\n",
		terminal.Count(s.Pages), english.PluralWord(int(s.Pages), "page", ""), terminal.Count(s.Behaviours), english.PluralWord(int(s.Behaviours), "behaviour", ""),
		table, english.Plural(s.Partitions, "partition", ""))
	if err == nil && s.Gone > 0 {
		_, err = fmt.Fprintf(w, "up to %s messages of %s were deleted and are not in the totals: they will be reported as lost\n", terminal.Count(uint64(s.Gone)), input)
	}
	return err
}
