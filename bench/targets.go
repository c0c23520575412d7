package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// errMissed means that a target was missed.
var errMissed = errors.New("a target is missed")

// target is a bound for runs of the pipeline on Apache Kafka with default settings. Other runs have
// no targets.
type target struct {
	what      string
	benchmark string
	of        []string // labels of the run
	bound     float64
	atLeast   bool // the bound is a lower bound
	unit      string
	// measure returns the judged figure of a run; false if it was not measured.
	measure func(r *report, m *run) (float64, bool)
}

// targets returns all targets.
func targets() []target {
	throughput := []string{"broker=kafka", "partitions=3", "case=one"}
	latency := []string{"broker=kafka", "pages=10000", "linger=5ms"}
	five := []string{"broker=kafka", "pages=1000000", "rate=50000", "linger=5ms", "boards=5", "preload=true"}
	table := []string{"broker=kafka", "pages=1000000", "name-bytes=40"}
	streams := []string{"broker=kafka", "clients=1000"}
	idle := []string{"broker=kafka", "partitions=3"}
	with := func(labels []string, more ...string) []string { return append(slices.Clip(labels), more...) }
	ofCeiling := func(bound float64, more ...string) target {
		return target{"of ceiling", "Throughput", with(throughput, more...), bound, true, "", ofOther(rateUnit, "case", caseCeiling)}
	}
	all := []target{
		ofCeiling(1.2, "pages=100"),
		ofCeiling(1.0, "pages=10000"),
		ofCeiling(0.6, "pages=1000000", "traffic=uniform"),
		ofCeiling(0.7, "pages=1000000", "traffic=zipf"),
		{"of goka", "Throughput", with(throughput, "pages=10000"), 25, true, "", ofOther(rateUnit, "case", caseGoka)},
	}
	for _, rate := range []string{"rate=2000", "rate=10000", "rate=50000"} {
		all = append(all,
			target{"p50", "Latency", with(latency, rate), 30, false, " ms", plain("p50-ms")},
			target{"p99", "Latency", with(latency, rate), 60, false, " ms", plain("p99-ms")})
	}
	all = append(all,
		target{"p99 of every board", "Latency", five, 100, false, " ms", slowestBoard},
		target{"processor time of five boards, of one", "Throughput", with(throughput[:2], "pages=1000000", "case="+caseFive), 1.6, false, "",
			ofOther("cpu-s/M", "case", caseOne)})
	return append(all,
		target{"bytes per page, applied", "Memory", table, 450, false, "", plain(perPageUnit)},
		target{"bytes per page, restored", "Restore", table, 450, false, "", plain(perPageUnit)},
		target{"pauses of the collector, p99.9", "Pauses", table, 5, false, " ms", plain("p99.9-ms")},
		target{"rate, of the bare reader", "Restore", table, 0.7, true, "", ofUnit("bare-s", "restore-s")},
		target{"start, above the bare reader", "Restore", table, 1.5, false, " s", func(_ *report, m *run) (float64, bool) {
			return m.get("start-s") - m.get("bare-s"), m.get("start-s") > 0 // it may be below
		}},
		target{"of a core", "Idle", with(idle, "rate=0"), 0.5, false, " %", plain(coreUnit)},
		target{"of a core", "Idle", with(idle, "rate=100"), 4, false, " %", plain(coreUnit)},
		target{"of a core", "Idle", with(idle, "rate=2000"), 15, false, " %", plain(coreUnit)},
		target{"of a core, the broker", "Idle", with(idle, "rate=100"), 10, false, " %", plain(brokerCoreUnit)},
		target{"resident memory", "Idle", with(idle, "rate=0"), 40, false, " MiB", plain(residentUnit)},
		target{"processor time of the pipeline, of that without streams", "Streams", streams, 1.05, false, "", ofOther("pipeline-cpu-s/M", "clients", 0)},
		target{"a client sees the newest board, at most", "Streams", streams, 500, false, " ms", longest("seen-max-ms")},
	)
}

// slowestBoard is the highest p99 of all boards of a run with further ones.
func slowestBoard(_ *report, m *run) (float64, bool) {
	most := m.get("p99-ms")
	for _, name := range furtherNames() {
		one := m.get(name + "-p99-ms")
		if one <= 0 {
			return 0, false
		}
		most = max(most, one)
	}
	return most, most > 0
}

// plain is a figure as it is.
func plain(unit string) func(*report, *run) (float64, bool) {
	return func(_ *report, m *run) (float64, bool) { return m.get(unit), m.get(unit) > 0 }
}

// ofUnit is the ratio of a figure to another one of the same run.
func ofUnit(unit, of string) func(*report, *run) (float64, bool) {
	return func(_ *report, m *run) (float64, bool) { return quotient(m.get(unit), m.get(of)) }
}

// ofOther is the ratio of a figure to that of the run with another value of a label.
func ofOther(unit, label string, value any) func(*report, *run) (float64, bool) {
	return func(r *report, m *run) (float64, bool) {
		other := m.with(label, value)
		for _, one := range r.medians() {
			if one.name == other {
				return quotient(m.get(unit), one.get(unit))
			}
		}
		return 0, false
	}
}

// longest is the highest figure of all runs with the same name.
func longest(unit string) func(*report, *run) (float64, bool) {
	return func(r *report, m *run) (float64, bool) {
		most := 0.0
		for _, one := range r.runs {
			if one.name == m.name {
				most = max(most, one.get(unit))
			}
		}
		return most, most > 0
	}
}

// quotient returns a/b, false if one of them was not measured.
func quotient(a, b float64) (float64, bool) {
	if a <= 0 || b <= 0 {
		return 0, false
	}
	return a / b, true
}

// judgement is a target, the run that it is for, and the measured figures: one for each report, and
// their median.
type judgement struct {
	target
	run      string
	runs     []float64
	measured float64
}

func (v judgement) met() bool {
	if v.atLeast {
		return v.measured >= v.bound
	}
	return v.measured <= v.bound
}

// String describes the judgement for people.
func (v judgement) String() string {
	return fmt.Sprintf("%s: %s: %.4g%s, it has to be %s", v.run, v.what, v.measured, v.unit, v.limit())
}

func (v judgement) limit() string {
	sign := "<="
	if v.atLeast {
		sign = ">="
	}
	return fmt.Sprintf("%s %g%s", sign, v.bound, v.unit)
}

// judge compares reports with the targets. Several reports are judged by their median.
func judge(reports ...*report) []judgement {
	var all []judgement
	for _, r := range reports {
		for _, m := range r.medians() {
			for _, t := range targets() {
				parts := strings.Split(m.name, "/")
				if t.benchmark != parts[0] || slices.ContainsFunc(t.of, func(label string) bool { return !slices.Contains(parts, label) }) {
					continue
				}
				measured, ok := t.measure(r, m)
				if !ok {
					continue
				}
				i := slices.IndexFunc(all, func(v judgement) bool { return v.run == m.name && v.what == t.what })
				if i < 0 {
					i = len(all)
					all = append(all, judgement{target: t, run: m.name})
				}
				all[i].runs = append(all[i].runs, measured)
			}
		}
	}
	for i := range all {
		all[i].measured = median(all[i].runs, all[i].atLeast)
	}
	return all
}

// printJudgements prints the judgements, with a column for each report if there are several.
func printJudgements(w io.Writer, all []judgement) error {
	if len(all) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(w, "\ntargets\n") // the error comes again with the table
	t := newTable(w)
	for _, v := range all {
		cells := []string{v.run, v.what}
		if len(v.runs) > 1 {
			for _, one := range v.runs {
				cells = append(cells, fmt.Sprintf("%.4g", one))
			}
		}
		verdict := "met"
		if !v.met() {
			verdict = "MISSED"
		}
		t.row(append(cells, fmt.Sprintf("%.4g%s", v.measured, v.unit), v.limit(), verdict)...)
	}
	return t.end()
}

// missed returns errMissed with all missed targets, nil if there are none.
func missed(all []judgement) error {
	var text []string
	for _, v := range all {
		if !v.met() {
			text = append(text, v.String())
		}
	}
	if len(text) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  %s", errMissed, strings.Join(text, "\n  "))
}

// judgeCmd judges several reports together, by their medians.
type judgeCmd struct {
	Results []string `arg:"" placeholder:"FILE" help:"What --out has written, a file for each report."`
}

// Run prints each report's figures next to their medians. It returns an error if a median misses
// its target, or if any run was wrong.
func (c *judgeCmd) Run(o out) error {
	var failed []error
	var reports []*report
	for _, file := range c.Results {
		r, err := readReport(file)
		if err != nil {
			return err
		}
		if err := r.exact(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", file, err))
		}
		reports = append(reports, r)
	}
	all := judge(reports...)
	return errors.Join(append(failed, printJudgements(o.results, all), missed(all))...)
}
