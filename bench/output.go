package main

import (
	"context"
	"fmt"
	"os"

	"pageheat/integration/harness"
)

// outputFlags say what becomes of the results.
type outputFlags struct {
	Program string `placeholder:"FILE" help:"The pageheat to measure; by default it is built."`
	JSON    string `placeholder:"FILE" help:"Write the results there."`
	Against string `placeholder:"FILE" help:"Compare with the results of an earlier run."`
	Gate    bool   `default:"true" negatable:"" help:"End with exit code 1 where a target is missed (default)."`
}

// build builds the program, unless one is named.
func (f *outputFlags) build(ctx context.Context, p *profiles) (program string, clean func(), err error) {
	if f.Program != "" {
		return f.Program, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "pageheat-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("making a directory for the program: %w", err)
	}
	clean = func() { _ = os.RemoveAll(dir) }
	if p.wanted() {
		program, err = p.build(ctx, dir)
	} else {
		program, err = harness.Build(ctx, dir)
	}
	if err != nil {
		clean()
	}
	return program, clean, err
}

// finish prints, judges, writes and compares the results.
func (f *outputFlags) finish(o out, results *report) error {
	if err := results.print(o.results); err != nil {
		return err
	}
	judgements := results.judge()
	if err := printJudgements(o.results, judgements); err != nil {
		return err
	}
	if f.JSON != "" {
		if err := results.write(f.JSON); err != nil {
			return err
		}
	}
	if f.Against != "" {
		before, err := readReport(f.Against)
		if err != nil {
			return err
		}
		if err := results.compare(o.results, before); err != nil {
			return err
		}
	}
	if err := results.exact(); err != nil || !f.Gate {
		return err
	}
	return missed(judgements)
}
