package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

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

// number prints a figure that was measured, a dash for one that was not.
func number(n float64, format string) string {
	if n <= 0 {
		return "-"
	}
	return fmt.Sprintf(format, n)
}

func rate(n float64) string {
	if n <= 0 {
		return "-"
	}
	return thousands(int64(n))
}

func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func exactness(wrong []string) string {
	if len(wrong) == 0 {
		return "exact"
	}
	return "WRONG"
}

// afterCeiling is where the column "of goka" goes.
const afterCeiling = 3

// gokaIn is goka's median run in a scenario, nil if there is none.
func (r *report) gokaIn(s scenario) *result {
	for _, m := range medians(r.Throughput) {
		if m.Case == caseGoka && m.scenario == s {
			return m
		}
	}
	return nil
}

// print prints everything that was measured.
func (r *report) print(w io.Writer) error {
	var last scenario
	var t table
	var ceiling, goka *result
	for i, m := range medians(r.Throughput) {
		if i == 0 || m.scenario != last {
			if i > 0 {
				if err := t.end(); err != nil {
					return err
				}
			}
			last, ceiling, goka, t = m.scenario, &result{}, r.gokaIn(m.scenario), newTable(w)
			if _, err := fmt.Fprintf(w, "\n%s, %s messages\n", m.scenario, thousands(m.Messages)); err != nil {
				return fmt.Errorf("printing the results: %w", err)
			}
			head := []string{"", "messages/s", "of ceiling", "2nd half", "of ceiling", "start s", "durable s",
				"cpu s/M", "broker s/M", "MiB", "bytes/message", "load", ""}
			if goka != nil {
				head = slices.Insert(head, afterCeiling, "of goka")
			}
			t.row(head...)
		}
		if m.Case == caseCeiling {
			ceiling = m
		}
		durable := "-"
		if m.Durable >= 0 {
			durable = fmt.Sprintf("%.2f", m.Durable)
		}
		cells := []string{m.Case, rate(m.Rate), ratio(m.Rate, ceiling.Rate), rate(m.SecondHalf), ratio(m.SecondHalf, ceiling.SecondHalf),
			number(m.StartUp, "%.2f"), durable, number(m.CPU, "%.2f"), number(m.BrokerCPU, "%.2f"),
			number(m.Peak, "%.0f"), topicBytes(m.Bytes), fmt.Sprintf("%.1f", m.Load), exactness(m.Wrong)}
		if goka != nil {
			cells = slices.Insert(cells, afterCeiling, ratio(m.Rate, goka.Rate))
		}
		t.row(cells...)
	}
	if last != (scenario{}) {
		if err := t.end(); err != nil {
			return err
		}
	}
	if err := r.printLatency(w); err != nil {
		return err
	}
	if err := r.printPages(w); err != nil {
		return err
	}
	if err := r.printGrowth(w); err != nil {
		return err
	}
	return r.printStreams(w)
}

// topicBytes are the bytes per message by topic, those that matter.
func topicBytes(bytes map[string]float64) string {
	var parts []string
	for _, topic := range slices.Sorted(maps.Keys(bytes)) {
		if n := bytes[topic]; n >= 0.1 {
			parts = append(parts, fmt.Sprintf("%s %.1f", topic, n))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

func (r *report) printLatency(w io.Writer) error {
	if len(r.Latency) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(w, "\nlatency in ms, %s pages, %d partitions\n",
		thousands(int64(r.Latency[0].Pages)), r.Latency[0].Partitions) // the error comes again with the table
	t := newTable(w)
	t.row("", "messages/s", "linger", "p50", "p90", "p99", "max", "bare p50", "p90", "p99", "max", "load", "")
	ms := func(p percentiles) []string {
		var cells []string
		for _, n := range []float64{p.P50, p.P90, p.P99, p.Max} {
			cells = append(cells, number(n, "%.1f"))
		}
		return cells
	}
	for _, l := range latencyMedians(r.Latency) {
		cells := append([]string{l.Broker, thousands(int64(l.Rate)), l.Linger}, ms(l.Board)...)
		cells = append(cells, ms(l.Bare)...)
		t.row(append(cells, fmt.Sprintf("%.1f", l.Load), exactness(l.Wrong))...)
	}
	return t.end()
}

// compare prints how this report differs from an earlier one, where both have the
// same run.
func (r *report) compare(w io.Writer, before *report) error {
	_, _ = fmt.Fprintf(w, "\nagainst the run of %s: now, before, their ratio\n", before.When.Format("2006-01-02 15:04")) // as above
	t := newTable(w)
	figure := func(key, name string, now, then float64) {
		if now > 0 && then > 0 {
			t.row(key, name, fmt.Sprintf("%.4g", now), fmt.Sprintf("%.4g", then), ratio(now, then))
		}
	}
	earlier := make(map[string]*result)
	for _, m := range medians(before.Throughput) {
		earlier[m.key()] = m
	}
	for _, m := range medians(r.Throughput) {
		if b := earlier[m.key()]; b != nil {
			figure(m.key(), "messages/s", m.Rate, b.Rate)
			figure("", "2nd half", m.SecondHalf, b.SecondHalf)
			figure("", "cpu s/M", m.CPU, b.CPU)
			figure("", "broker s/M", m.BrokerCPU, b.BrokerCPU)
			figure("", "MiB", m.Peak, b.Peak)
		}
	}
	for _, m := range latencyMedians(r.Latency) {
		for _, b := range latencyMedians(before.Latency) {
			if m.key() == b.key() {
				figure(m.key(), "p50 ms", m.Board.P50, b.Board.P50)
				figure("", "p99 ms", m.Board.P99, b.Board.P99)
				figure("", "bare p99 ms", m.Bare.P99, b.Bare.P99)
			}
		}
	}
	for _, m := range r.Pages {
		for _, b := range before.Pages {
			if m.key() == b.key() {
				figure(m.key(), "bytes/page", m.PerPage, b.PerPage)
				figure("", "p99.9 pause ms", m.Pauses.P999, b.Pauses.P999)
				figure("", "restore s", m.Restore, b.Restore)
				figure("", "start s", m.Start, b.Start)
				figure("", "bare reader s", m.Bare, b.Bare)
			}
		}
	}
	for _, m := range growthMedians(r.Growth) {
		for _, b := range growthMedians(before.Growth) {
			if m.key() == b.key() {
				figure(m.key(), "messages/s", m.Rate, b.Rate)
			}
		}
	}
	for _, m := range streamsMedians(r.Streams) {
		for _, b := range streamsMedians(before.Streams) {
			if m.key() == b.key() {
				figure(m.key(), "pipeline s/M", m.Pipeline, b.Pipeline)
				figure("", "serving s/M", m.Serving, b.Serving)
				figure("", "seen p99 ms", m.Seen.P99, b.Seen.P99)
			}
		}
	}
	return t.end()
}
