package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"

	"pageheat/audit"
	"pageheat/heat"
	"pageheat/terminal"
)

// auditCmd recounts the input.
type auditCmd struct {
	MaxClicks   uint32 `help:"--max-clicks of the instances that count."`
	MaxMinutes  uint32 `help:"--max-minutes of the instances that count."`
	DeadLetters bool   `default:"true" key:"audit-dead-letters" env:"PAGEHEAT_AUDIT_DEAD_LETTERS" negatable:"" help:"Check that each invalid message is among the dead letters."`
}

// Run compares every page's totals with the table. Differences are printed and end
// with errDifference.
func (c *auditCmd) Run(ctx context.Context, p *program) error {
	limits := heat.Limits{MaxClicks: c.MaxClicks, MaxMinutes: c.MaxMinutes}
	if err := limits.Validate(); err != nil {
		return err
	}
	var leftOut []string
	if !c.DeadLetters {
		leftOut = append(leftOut, p.topo.DeadLetter)
	}
	if err := p.ready(ctx, "audit", leftOut...); err != nil {
		return err
	}
	tell, finish := p.progress()
	report, err := audit.Run(ctx, audit.Config{
		Cluster: p.kafka, Topology: p.topo, Limits: limits,
		SkipDeadLetters: !c.DeadLetters, Progress: tell,
	})
	finish()
	if err != nil && !errors.Is(err, audit.ErrCannotRecount) {
		return interrupted(ctx, fmt.Errorf("audit: %w", err))
	}
	if e := printReport(p.stdout, &report, err); e != nil {
		return e
	}
	switch {
	case !report.Exact():
		return errDifference
	case err != nil:
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// printReport prints what an audit found: the differences, a line for each, then
// the partitions and the verdict. cannot is why the input could not be recounted,
// or nil.
func printReport(w io.Writer, r *audit.Report, cannot error) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, d := range r.Differences {
		_, _ = fmt.Fprintln(out, d) // the error of a writer stays, Flush returns it
	}
	if more := r.DifferenceCount - len(r.Differences); more > 0 {
		_, _ = fmt.Fprintf(out, "and %s more\n", terminal.Count(uint64(more)))
	}
	if cannot == nil {
		_, _ = fmt.Fprint(out, "partition\tpages\tbehaviours\trecounted\t\n")
		for _, p := range r.Partitions {
			_, _ = fmt.Fprintf(out, "%d\t%d\t%d\t%d\t\n", p.Partition, p.Pages, p.Behaviours, p.Recounted)
		}
		_, _ = fmt.Fprintf(out, "%s messages of %s recounted, %s of them invalid%s\n",
			terminal.Count(r.Messages), r.Input, terminal.Count(r.Invalid), lettersNote(r))
	}
	if pages, blocked := r.ForgottenPages(); pages > 0 {
		_, _ = fmt.Fprintf(out, "forgotten: %s, %s of them blocked%s\n", english.Plural(pages, "page", ""), terminal.Count(uint64(blocked)), leftOutNote(r, cannot))
	}
	if n := r.Sweeps(); n > 0 {
		_, _ = fmt.Fprintf(out, "dropped: pages without a behaviour for a time, by %s%s\n", english.Plural(n, "sweep", ""), droppedNote(r, cannot))
	}
	if lost := r.Lost(); lost > 0 {
		_, _ = fmt.Fprintf(out, "lost: up to %s messages of %s were deleted by retention before they were counted\n", terminal.Count(lost), r.Input)
	}
	switch {
	case cannot != nil:
		_, _ = fmt.Fprintln(out, cannot)
	case r.DifferenceCount == 1:
		_, _ = fmt.Fprintf(out, "%s: 1 difference\n", r.Table)
	case r.DifferenceCount > 1:
		_, _ = fmt.Fprintf(out, "%s: %s differences\n", r.Table, terminal.Count(uint64(r.DifferenceCount)))
	case r.NotApplied() > 0:
		_, _ = fmt.Fprintf(out, "%s: all %s pages are exact at the table's progress\n", r.Table, terminal.Count(uint64(r.Pages())))
	default:
		_, _ = fmt.Fprintf(out, "%s: all %s pages are exact, and the table is up to date\n", r.Table, terminal.Count(uint64(r.Pages())))
	}
	if n := r.NotApplied(); cannot == nil && n > 0 {
		verb := "are"
		if n == 1 {
			verb = "is"
		}
		_, _ = fmt.Fprintf(out, "%s %s not applied yet (%s)\n",
			records(n)+" of the input", verb, byPartition(r.Behind))
	}
	return out.Flush()
}

// leftOutNote says how many behaviours of forgotten pages the recount has left out.
func leftOutNote(r *audit.Report, cannot error) string {
	if cannot != nil {
		return ""
	}
	return fmt.Sprintf("; %s of theirs in the input %s not counted", english.Plural(int(r.Forgotten), "behaviour", ""), english.PluralWord(int(r.Forgotten), "is", "are"))
}

// droppedNote says how many behaviours of dropped pages the recount has left out.
func droppedNote(r *audit.Report, cannot error) string {
	if cannot != nil {
		return ""
	}
	return fmt.Sprintf("; %s of theirs in the input %s not counted", english.Plural(int(r.Dropped), "behaviour", ""), english.PluralWord(int(r.Dropped), "is", "are"))
}

// records counts records in words.
func records(n uint64) string {
	if n == 1 {
		return "1 record"
	}
	return terminal.Count(n) + " records"
}

// mostPartitions is how many partitions are told of one by one.
const mostPartitions = 20

// byPartition lists what is not 0 by partition.
func byPartition(of []uint64) string {
	var all []string
	for partition, n := range of {
		if n > 0 {
			all = append(all, fmt.Sprintf("partition %d: %s", partition, terminal.Count(n)))
		}
	}
	if more := len(all) - mostPartitions; more > 0 {
		all = append(all[:mostPartitions], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// lettersNote says whether the invalid messages are dead letters.
func lettersNote(r *audit.Report) string {
	if !r.DeadLettersChecked {
		return " (dead letters not checked: " + r.DeadLettersWhyNot + ")"
	}
	for _, d := range r.Differences {
		if d.Kind == audit.KindDeadLetter {
			return ""
		}
	}
	if r.Invalid == 0 {
		return ""
	}
	return ", each a dead letter"
}
