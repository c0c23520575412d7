package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"pageheat/integration/harness"
)

// outputFlags configure the use of the results.
type outputFlags struct {
	Program string `placeholder:"FILE" help:"The pageheat to measure; by default it is built."`
	Out     string `placeholder:"FILE" help:"Write the results there, in the format of Go benchmarks: benchstat compares such files."`
	Gate    bool   `default:"true" negatable:"" help:"End with exit code 1 where a target is missed (default)."`
}

// build builds the program, unless one is given.
func (f *outputFlags) build(ctx context.Context) (program string, clean func(), err error) {
	if f.Program != "" {
		return f.Program, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "pageheat-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("making a directory for the program: %w", err)
	}
	clean = func() { _ = os.RemoveAll(dir) }
	built, err := harness.Build(ctx, dir)
	if err == nil {
		program, err = installProgram(built, dir)
	}
	if err != nil {
		clean()
	}
	return program, clean, err
}

// installProgram copies a program into dir in small pieces, as what unpacks an archive or image does. Linux
// keeps a file that the linker has just written in larger pieces in memory. Since version 6.18 it maps
// all of a piece at once, so such a program has up to 4 MiB more of itself resident than an installed
// one, or one that was read after a boot.
func installProgram(built, dir string) (program string, err error) {
	failed := func(err error) error {
		if err != nil {
			return fmt.Errorf("installing the program: %w", err)
		}
		return nil
	}
	from, err := os.Open(built)
	if err != nil {
		return "", failed(err)
	}
	defer func() { _ = from.Close() }()
	program = filepath.Join(dir, "installed-"+filepath.Base(built))
	to, err := os.OpenFile(program, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // a program is executable
	if err != nil {
		return "", failed(err)
	}
	// Files alone would have the kernel copy, in pieces of its choice.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 32<<10))
	return program, failed(errors.Join(err, to.Close()))
}

// benchmark measures a built program and adds to the results, even if it ends with an error.
type benchmark interface {
	measure(ctx context.Context, o out, program string, results *report) error
}

// perform measures, prints, judges and writes.
func (f *outputFlags) perform(ctx context.Context, o out, all ...benchmark) error {
	program, clean, err := f.build(ctx)
	if err != nil {
		return err
	}
	defer clean()
	results := &report{}
	for _, b := range all {
		if err := b.measure(ctx, o, program, results); err != nil {
			return err
		}
	}
	return f.finish(o, results)
}

func (f *outputFlags) finish(o out, results *report) error {
	if err := results.print(o.results); err != nil {
		return err
	}
	judgements := judge(results)
	if err := printJudgements(o.results, judgements); err != nil {
		return err
	}
	if f.Out != "" {
		if err := results.write(f.Out); err != nil {
			return err
		}
	}
	if err := results.exact(); err != nil || !f.Gate {
		return err
	}
	return missed(judgements)
}

// print prints the median runs: a table for each benchmark, with a column for each unit.
func (r *report) print(w io.Writer) error {
	medians := r.medians()
	for len(medians) > 0 {
		name := medians[0].benchmark()
		var same, rest []*run
		for _, one := range medians {
			if one.benchmark() == name {
				same = append(same, one)
			} else {
				rest = append(rest, one)
			}
		}
		if err := printTable(w, name, same); err != nil {
			return err
		}
		medians = rest
	}
	return nil
}

func printTable(w io.Writer, name string, runs []*run) error {
	// Labels that all runs share are above the table.
	shared := slices.DeleteFunc(strings.Split(runs[0].name, "/")[1:], func(part string) bool {
		return slices.ContainsFunc(runs, func(one *run) bool { return !slices.Contains(strings.Split(one.name, "/"), part) })
	})
	_, _ = fmt.Fprintf(w, "\n%s %s\n", name, strings.Join(shared, " ")) // the error comes again with the table
	var units []string
	for _, one := range runs {
		for _, v := range one.values {
			if !slices.Contains(units, v.Unit) {
				units = append(units, v.Unit)
			}
		}
	}
	t := newTable(w)
	t.row(append(append([]string{""}, units...), "")...)
	for _, one := range runs {
		own := slices.DeleteFunc(strings.Split(one.name, "/")[1:], func(part string) bool { return slices.Contains(shared, part) })
		cells := []string{strings.Join(own, " ")}
		for _, unit := range units {
			cells = append(cells, figure(one.get(unit)))
		}
		exact := "exact"
		if len(one.wrong) > 0 {
			exact = "WRONG"
		}
		t.row(append(cells, exact)...)
	}
	return t.end()
}

// figure formats a number for people: a dash for one that was not measured.
func figure(n float64) string {
	switch {
	case n == 0:
		return "-"
	case n >= 1000 || n <= -1000:
		return thousands(int64(n))
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}

// thousands formats a number with a comma between thousands.
func thousands(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// verdict returns the end of a progress line if a result was not exact.
func verdict(r *run) string {
	if len(r.wrong) == 0 {
		return ""
	}
	return "  WRONG: " + strings.Join(r.wrong, "; ")
}

// table writes cells in columns, aligned to the right.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table {
	return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
}

func (t table) row(cells ...string) {
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t")+"\t") // the error stays: end returns it
}

func (t table) end() error {
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("printing the results: %w", err)
	}
	return nil
}
