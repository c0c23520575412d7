package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// errMissed says that something is slower or larger than it has to be.
var errMissed = errors.New("a target is missed")

// judgement is one target and what was measured.
type judgement struct {
	What     string
	Measured float64
	Bound    float64
	AtLeast  bool // the bound is a lower one
	Unit     string
}

func (v judgement) met() bool {
	if v.AtLeast {
		return v.Measured >= v.Bound
	}
	return v.Measured <= v.Bound
}

// verdict says whether it is met, for people.
func (v judgement) verdict() string {
	if v.met() {
		return "met"
	}
	return "MISSED"
}

// figures are what was measured and the bound, for people.
func (v judgement) figures() (measured, bound string) {
	sign := "<="
	if v.AtLeast {
		sign = ">="
	}
	return fmt.Sprintf("%.4g%s", v.Measured, v.Unit), fmt.Sprintf("%s %g%s", sign, v.Bound, v.Unit)
}

// What is judged: the pipeline on Apache Kafka, in one process, with the settings
// that it has by default.
const (
	judgedPartitions = 3
	judgedLinger     = "5ms" // that of pageheat run by default
	judgedPages      = 10_000
	judgedRate       = 50_000    // messages a second, and below
	judgedTable      = 1_000_000 // pages
	judgedNameBytes  = 40

	timesGoka      = 25.0
	latencyP50     = 30.0 // ms
	latencyP99     = 60.0 // ms
	bytesPerPage   = 450.0
	pauseP999      = 5.0 // ms
	ofBareRestore  = 0.7
	startAboveBare = 1.5 // s

	judgedStreams = 1_000
	ofNoStreams   = 1.05
	seenWithin    = 500.0 // ms
)

// ofCeiling is the least part of the ceiling's rate that a scenario has to reach,
// 0 where nothing is asked.
func (s scenario) ofCeiling() float64 {
	switch {
	case s.Broker != brokerKafka || s.Partitions != judgedPartitions:
		return 0
	case s.Pages == 100:
		return 1.2
	case s.Pages == judgedPages:
		return 1.0
	case s.Pages == judgedTable && s.Traffic == trafficUniform:
		return 0.6
	case s.Pages == judgedTable:
		return 0.7
	}
	return 0
}

// judge compares what was measured with the targets. What was not measured, or
// with settings that no target is for, is left out.
func (r *report) judge() []judgement {
	var all []judgement
	at := func(what string, measured, bound float64, unit string) {
		if measured > 0 {
			all = append(all, judgement{What: what, Measured: measured, Bound: bound, Unit: unit})
		}
	}
	least := func(what string, measured, bound float64) {
		if measured > 0 {
			all = append(all, judgement{What: what, Measured: measured, Bound: bound, AtLeast: true})
		}
	}
	rates := make(map[string]float64)
	for _, m := range medians(r.Throughput) {
		rates[m.key()] = m.Rate
	}
	for _, m := range medians(r.Throughput) {
		bound := m.ofCeiling()
		if m.Case != caseOne || bound == 0 {
			continue
		}
		least(m.String()+": of ceiling", quotient(m.Rate, rates[m.keyOf(caseCeiling)]), bound)
		if m.Pages == judgedPages {
			least(m.String()+": of goka", quotient(m.Rate, rates[m.keyOf(caseGoka)]), timesGoka)
		}
	}
	for _, l := range latencyMedians(r.Latency) {
		if l.Broker == brokerKafka && l.Pages == judgedPages && l.Linger == judgedLinger && l.Rate <= judgedRate {
			at(l.key()+": p50", l.Board.P50, latencyP50, " ms")
			at(l.key()+": p99", l.Board.P99, latencyP99, " ms")
		}
	}
	for _, p := range r.Pages {
		if p.Broker == brokerKafka && p.Pages == judgedTable && p.NameBytes == judgedNameBytes {
			at(p.key()+": bytes per page, applied", p.PerPage, bytesPerPage, "")
			at(p.key()+": bytes per page, restored", p.PerPageRestored, bytesPerPage, "")
			at(p.key()+": pauses of the collector, p99.9", p.Pauses.P999, pauseP999, " ms")
			least(p.key()+": restore, of the bare reader", p.ofBare(), ofBareRestore)
			if p.Start > 0 { // it may be below what the bare reader takes
				all = append(all, judgement{What: p.key() + ": start, above the bare reader", Measured: p.Start - p.Bare, Bound: startAboveBare, Unit: " s"})
			}
		}
	}
	r.judgeStreams(at)
	return all
}

// quotient is a/b, 0 where one of them was not measured.
func quotient(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return a / b
}

// printJudgements prints what was judged.
func printJudgements(w io.Writer, judgements []judgement) error {
	if len(judgements) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(w, "\ntargets\n") // the error comes again with the table
	t := newTable(w)
	for _, v := range judgements {
		measured, bound := v.figures()
		t.row(v.What, measured, bound, v.verdict())
	}
	return t.end()
}

// missed is errMissed with all that was, nil if nothing was.
func missed(judgements []judgement) error {
	var all []string
	for _, v := range judgements {
		if !v.met() {
			measured, bound := v.figures()
			all = append(all, fmt.Sprintf("%s: %s, it has to be %s", v.What, measured, bound))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  %s", errMissed, strings.Join(all, "\n  "))
}
