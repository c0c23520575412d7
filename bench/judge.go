package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// judgeCmd judges several runs together, by their medians.
type judgeCmd struct {
	Results []string `arg:"" placeholder:"FILE.json" help:"What --json has written, a file for each run."`
}

// Run prints each run's figures beside their medians. It is an error if a median
// misses its target, or if any run was wrong.
func (c *judgeCmd) Run(o out) error {
	var failed []error
	var runs [][]judgement
	for _, file := range c.Results {
		r, err := readReport(file)
		if err != nil {
			return err
		}
		if err := r.exact(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", file, err))
		}
		runs = append(runs, r.judge())
	}
	all := medianJudgements(runs)
	failed = append(failed, printRuns(o.results, all), missed(medianOnly(all)))
	return errors.Join(failed...)
}

// severalRuns is one target, and what each run that was for it has measured.
type severalRuns struct {
	judgement // by the median
	runs      []float64
}

// medianJudgements brings together what several runs have measured, in the order of the
// first; of an even number of runs the worse one of the middle counts.
func medianJudgements(runs [][]judgement) []severalRuns {
	var all []severalRuns
	for _, run := range runs {
		for _, v := range run {
			i := slices.IndexFunc(all, func(s severalRuns) bool { return s.What == v.What })
			if i < 0 {
				i = len(all)
				all = append(all, severalRuns{judgement: v})
			}
			all[i].runs = append(all[i].runs, v.Measured)
		}
	}
	for i := range all {
		sorted := slices.Sorted(slices.Values(all[i].runs))
		middle := len(sorted) / 2
		if all[i].AtLeast {
			middle = (len(sorted) - 1) / 2
		}
		all[i].Measured = sorted[middle]
	}
	return all
}

func medianOnly(all []severalRuns) []judgement {
	var medians []judgement
	for _, s := range all {
		medians = append(medians, s.judgement)
	}
	return medians
}

// printRuns prints what was judged, a column for each run.
func printRuns(w io.Writer, all []severalRuns) error {
	most := 0
	for _, s := range all {
		most = max(most, len(s.runs))
	}
	head := []string{""}
	for n := range most {
		head = append(head, fmt.Sprintf("run %d", n+1))
	}
	t := newTable(w)
	t.row(append(head, "median", "target", "")...)
	for _, s := range all {
		cells := []string{s.What}
		for n := range most {
			if n < len(s.runs) {
				cells = append(cells, fmt.Sprintf("%.4g", s.runs[n]))
			} else {
				cells = append(cells, "-")
			}
		}
		measured, bound := s.figures()
		t.row(append(cells, measured, bound, s.verdict())...)
	}
	return t.end()
}
