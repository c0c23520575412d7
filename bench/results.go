package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/perf/benchfmt"
)

// run is one measurement: its name, in the form of Go benchmarks, and its figures by unit.
type run struct {
	name   string // such as "Latency/broker=kafka/rate=2000"
	values []benchfmt.Value
	// wrong lists what is not exact about the result.
	wrong []string
}

// newRun creates a run named by its benchmark and by pairs of label and value. Its first figure is
// the machine's load.
func newRun(benchmark string, labels ...any) *run {
	name := []byte(benchmark)
	for i := 0; i+1 < len(labels); i += 2 {
		name = fmt.Appendf(name, "/%v=%v", labels[i], labels[i+1])
	}
	r := &run{name: string(name)}
	r.set("load", load())
	return r
}

// benchmark returns the first part of the name.
func (r *run) benchmark() string {
	base, _, _ := strings.Cut(r.name, "/")
	return base
}

// label returns the value of a label, empty if there is none.
func (r *run) label(of string) string {
	for part := range strings.SplitSeq(r.name, "/") {
		if value, ok := strings.CutPrefix(part, of+"="); ok {
			return value
		}
	}
	return ""
}

// number returns the value of a label with an integer, 0 if there is none.
func (r *run) number(of string) int {
	n, _ := strconv.Atoi(r.label(of)) // 0 if it is not a number
	return n
}

// with returns the name with another value of one of its labels.
func (r *run) with(label string, value any) string {
	parts := strings.Split(r.name, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, label+"=") {
			parts[i] = fmt.Sprintf("%s=%v", label, value)
		}
	}
	return strings.Join(parts, "/")
}

// set adds a figure, rounded to the digits that are meaningful.
func (r *run) set(unit string, value float64) {
	const digits = 7
	value, _ = strconv.ParseFloat(strconv.FormatFloat(value, 'g', digits, 64), 64) // always valid
	r.values = append(r.values, benchfmt.Value{Value: value, Unit: unit})
}

// get returns a figure, 0 if there is none.
func (r *run) get(unit string) float64 {
	for _, v := range r.values {
		if v.Unit == unit {
			return v.Value
		}
	}
	return 0
}

// fail records an error in the result.
func (r *run) fail(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// report has the runs of one call of bench, in the order of measurement.
type report struct{ runs []*run }

func (r *report) add(all ...*run) { r.runs = append(r.runs, all...) }

// wrongUnit is the unit of the figure that marks a run with an inexact result; failLine is the
// prefix of the line with the reason.
const (
	wrongUnit = "wrong-answers"
	failLine  = "--- FAIL: "
)

// write writes the runs in the format of Go benchmarks, for benchstat.
func (r *report) write(path string) error {
	var text bytes.Buffer
	// benchstat compares runs with equal configurations, so time and version are not part of it.
	fmt.Fprintf(&text, "# %s, %s, %d cores\ngoos: %s\ngoarch: %s\npkg: pageheat/bench\n",
		time.Now().UTC().Format(time.RFC3339), runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, unit := range []string{rateUnit, ceilingUnit, boardsUnit} {
		fmt.Fprintf(&text, "Unit %s better=higher\n", unit)
	}
	w := benchfmt.NewWriter(&text)
	for _, one := range r.runs {
		values := one.values
		if len(one.wrong) > 0 {
			values = append(slices.Clip(values), benchfmt.Value{Value: float64(len(one.wrong)), Unit: wrongUnit})
		}
		for _, wrong := range one.wrong {
			fmt.Fprintf(&text, "%s%s: %s\n", failLine, one.name, strings.ReplaceAll(wrong, "\n", " "))
		}
		if err := w.Write(&benchfmt.Result{Name: benchfmt.Name(one.name), Iters: 1, Values: values}); err != nil {
			return fmt.Errorf("writing the results: %w", err)
		}
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}

// readReport reads the output of write.
func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	failed := make(map[string][]string)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if line, ok := strings.CutPrefix(lines.Text(), failLine); ok {
			name, wrong, _ := strings.Cut(line, ": ")
			failed[name] = append(failed[name], wrong)
		}
	}
	r := &report{}
	reader := benchfmt.NewReader(bytes.NewReader(text), path)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			one := &run{name: string(record.Name)}
			for _, v := range record.Values {
				if v.Unit == wrongUnit {
					one.wrong = failed[one.name]
				} else {
					one.values = append(one.values, v)
				}
			}
			r.add(one)
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("reading results: %w", record)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	return r, nil
}

// The units for which higher is better; for all others, lower is better.
const (
	rateUnit    = "messages/s"
	ceilingUnit = "ceiling-messages/s"
	boardsUnit  = "boards/s"
)

func moreIsBetter(unit string) bool {
	return unit == rateUnit || unit == ceilingUnit || unit == boardsUnit
}

// medians returns one run for each name, in the order of first appearance, with the median of each
// figure.
func (r *report) medians() []*run {
	var names []string
	same := make(map[string][]*run)
	for _, one := range r.runs {
		if same[one.name] == nil {
			names = append(names, one.name)
		}
		same[one.name] = append(same[one.name], one)
	}
	all := make([]*run, len(names))
	for i, name := range names {
		all[i] = &run{name: name}
		figures := make(map[string][]float64)
		var units []string
		for _, one := range same[name] {
			all[i].wrong = append(all[i].wrong, one.wrong...)
			for _, v := range one.values {
				if figures[v.Unit] == nil {
					units = append(units, v.Unit)
				}
				figures[v.Unit] = append(figures[v.Unit], v.Value)
			}
		}
		for _, unit := range units {
			all[i].set(unit, median(figures[unit], moreIsBetter(unit)))
		}
	}
	return all
}

// median returns the middle value; of an even number, the worse one of the two.
func median(figures []float64, moreIsBetter bool) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	if moreIsBetter {
		return sorted[(len(sorted)-1)/2]
	}
	return sorted[len(sorted)/2]
}

// errWrong means that a result was not exact, or missing.
var errWrong = errors.New("an answer is wrong")

// exact returns errWrong with everything that was wrong in any run, nil if nothing was.
func (r *report) exact() error {
	var all []string
	for _, one := range r.runs {
		for _, wrong := range one.wrong {
			all = append(all, one.name+": "+wrong)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  %s", errWrong, strings.Join(all, "\n  "))
}

// load returns the machine's load average over a minute, 0 if it is not available.
func load() float64 {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	avg, err := fs.LoadAvg()
	if err != nil {
		return 0
	}
	return avg.Load1
}
