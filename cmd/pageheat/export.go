package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"pageheat/codec"
	"pageheat/compressed"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/pagefile"
	"pageheat/snapshot"
	"pageheat/terminal"
)

// exportCmd writes pages or boards.
type exportCmd struct {
	Format     pagefile.Format `key:"export-format" env:"PAGEHEAT_EXPORT_FORMAT" enum:"jsonl,csv,parquet" default:"jsonl" help:"Format of the rows. Only jsonl can be imported."`
	File       string          `key:"export-file" env:"PAGEHEAT_EXPORT_FILE" placeholder:"FILE" help:"File to write, which appears when it is complete; compressed if its name ends with .gz or .zst. Default: standard output."`
	Board      []string        `sep:"none" placeholder:"NAME" help:"Board to write instead of all pages; may be given several times."`
	MaxClicks  uint32          `help:"--max-clicks of the instances that count."`
	MaxMinutes uint32          `help:"--max-minutes of the instances that count."`
	DropTitles bool            `help:"Ignore titles and addresses of pages that behaviours have."`

	Weights heat.WeightSettings `embed:""`
}

func defaultExport() exportCmd {
	limits := heat.DefaultLimits()
	return exportCmd{MaxClicks: limits.MaxClicks, MaxMinutes: limits.MaxMinutes, Weights: heat.DefaultWeightSettings()}
}

// Help says what it is for.
func (*exportCmd) Help() string {
	return `The totals of all pages are those of the input below one offset of each partition, which the file
has. The pipeline may run meanwhile. A file in jsonl is a backup, with titles and what pages have on all
boards: pageheat import fills an empty deployment with it, which continues at these offsets.

  pageheat export --file pages.jsonl.zst

CSV and Parquet are for other programs, and cannot be imported. The heat is calculated with the weights
given here.`
}

// Run writes to standard output or a file.
func (c *exportCmd) Run(ctx context.Context, p *program) error {
	weights, err := c.Weights.Weights()
	if err != nil {
		return err
	}
	limits := heat.Limits{MaxClicks: c.MaxClicks, MaxMinutes: c.MaxMinutes}
	if err := limits.Validate(); err != nil {
		return err
	}
	if c.Format == pagefile.Parquet && c.File == "" && terminal.Is(p.stdout) {
		return failure.BadSetting("file", "Parquet is not text: name a file, or redirect standard output")
	}
	if len(c.Board) > 0 {
		return interrupted(ctx, c.boards(ctx, p))
	}
	if err := p.ready(ctx, "export"); err != nil {
		return err
	}
	tell, finish := p.progress()
	defer finish()
	taken, err := snapshot.Take(ctx, snapshot.Config{Cluster: p.kafka, Topology: p.topo, Limits: limits, DropTitles: c.DropTitles, Progress: tell})
	if err != nil {
		return interrupted(ctx, fmt.Errorf("export: %w", err))
	}
	warnOfOthers(p, taken)
	pages, err := c.pages(ctx, p, taken, weights)
	finish()
	if err != nil {
		return interrupted(ctx, fmt.Errorf("export: %w", err))
	}
	warnOfLimits(p, taken, limits)
	p.log.Info("exported", "pages", pages, "behaviours", taken.Cut().Behaviours)
	return nil
}

// warnOfOthers says which boards a snapshot lacks.
func warnOfOthers(p *program, taken *snapshot.Snapshot) {
	for _, name := range taken.Others() {
		p.log.Warn("a board is left out, and will begin anew: not all heat partitions count for it, or instances of an earlier version do", "board", name)
	}
}

// warnOfLimits says that a snapshot has pages which are not possible within its limits.
func warnOfLimits(p *program, taken *snapshot.Snapshot, limits heat.Limits) {
	if page := taken.Exceeding(); page != "" {
		p.log.Warn("a page has more than its behaviours may have within the limits: instances count with others, or have done so before", "page", page,
			"max_clicks", limits.MaxClicks, "max_minutes", limits.MaxMinutes, "hint", "--max-clicks and --max-minutes must be those of the instances: what was counted last may be missing")
	}
}

// pages writes all pages of a snapshot, and returns how many there are.
func (c *exportCmd) pages(ctx context.Context, p *program, taken *snapshot.Snapshot, weights heat.Weights) (pages uint64, err error) {
	version, _ := buildVersion()
	err = c.write(p, func(out io.Writer) error {
		w, err := pagefile.NewWriter(out, pagefile.Config{Format: c.Format, Program: version, Created: time.Now(), Weights: weights}, taken.Cut())
		if err != nil {
			return err
		}
		for page, err := range taken.Pages(ctx) {
			if err == nil {
				err = w.Write(&page)
			}
			if err != nil {
				return err
			}
		}
		pages = w.Pages()
		return w.Close(taken.Kept(), taken.Forgotten())
	})
	return pages, err
}

// boards writes the newest boards of the names.
func (c *exportCmd) boards(ctx context.Context, p *program) error {
	if err := p.ready(ctx, "top"); err != nil {
		return err
	}
	output := p.output()
	var boards []*codec.Board
	for _, name := range c.Board {
		newest, err := output.Newest(ctx, name)
		if err != nil {
			return fmt.Errorf("export board %q: %w", name, err)
		}
		if newest.Board == nil {
			names, err := boardNames(ctx, output)
			if err != nil {
				return err
			}
			return fmt.Errorf("there is no board %q in topic %s; the boards there are: %s", name, p.topo.Output, names)
		}
		boards = append(boards, newest.Board)
	}
	return c.write(p, func(w io.Writer) error { return pagefile.WriteBoards(w, c.Format, boards) })
}

// write has a function write to standard output, or to a file that appears when it is complete.
func (c *exportCmd) write(p *program, to func(io.Writer) error) (err error) {
	if c.File == "" {
		out := bufio.NewWriter(p.stdout)
		if err := to(out); err != nil {
			return err
		}
		return out.Flush()
	}
	file, err := os.CreateTemp(filepath.Dir(c.File), "."+filepath.Base(c.File)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	packed, err := compressed.NewWriter(file, c.File)
	if err == nil {
		err = to(packed)
	}
	if err == nil {
		err = packed.Close()
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), c.File)
}
