package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// hotspotsCmd says where the time goes, from the profiles of --profile.
type hotspotsCmd struct {
	Dir string `arg:"" placeholder:"DIR" help:"Where --profile of throughput or latency has written."`
}

// Run prints a table for docs: what pageheat does, and its share of pageheat's
// processor time in each scenario.
func (c *hotspotsCmd) Run(o out) error {
	files, err := filepath.Glob(filepath.Join(c.Dir, "*.cpu"))
	if err != nil {
		return fmt.Errorf("looking for profiles in %s: %w", c.Dir, err)
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no profile in %s: --profile %s of bench throughput and bench latency writes some", c.Dir, c.Dir)
	}
	scenarios := make(map[string]map[string]int64)
	for _, file := range files {
		times, err := timesIn(file)
		if err != nil {
			return err
		}
		name := profiled(file)
		if scenarios[name] == nil {
			scenarios[name] = make(map[string]int64)
		}
		for work, ns := range times {
			scenarios[name][work] += ns
		}
	}
	if _, err := fmt.Fprint(o.results, timesTable(scenarios)); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	return nil
}

// profiled is the scenario and the case of a profile: its name without the number
// of the run and of the process.
func profiled(file string) string {
	name := strings.TrimPrefix(filepath.Base(file), "bench-")
	return regexp.MustCompile(`-\d+-\d+\.cpu$`).ReplaceAllString(name, "")
}

// timesIn adds up processor time, in nanoseconds, by what was done.
func timesIn(file string) (map[string]int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	p, err := profile.Parse(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading the profile %s: %w", file, err)
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Unit == "nanoseconds" })
	if at < 0 {
		return nil, fmt.Errorf("%s is no profile of processor time", file)
	}
	works := kindsOfWork()
	times := make(map[string]int64)
	for _, s := range p.Sample {
		times[works.of(s)] += s.Value[at]
	}
	return times, nil
}

// work is something that pageheat does, known by the functions that do it.
type work struct {
	name      string
	functions *regexp.Regexp
}

type works []work

// otherWork is what no function is known for: the scheduler, timers, the rest.
const otherWork = "scheduler and others"

// kindsOfWork are all that are told from each other. A sample belongs to the
// innermost of its functions that one of them knows, since what calls it waits.
func kindsOfWork() works {
	kind := func(name, functions string) work { return work{name, regexp.MustCompile(functions)} }
	return works{
		kind("system calls", `^(internal/runtime/)?syscall[./]`),
		kind("allocating and collecting", `^runtime\.(mallocgc|gcBgMarkWorker|gcAssistAlloc|gcStart|bgsweep|bgscavenge|wbBufFlush|growslice|makeslice|newobject|\(\*mheap\))|^gcWriteBarrier`),
		kind("fetching and decoding the input", `^github\.com/twmb/franz-go/|^pageheat/adapter\.\(\*(ingestFeed|inputReader|fetcher|input[A-Z]\w*)\)|^pageheat/codec\.(AppendBundleRecord|BundleRecord)`),
		kind("parsing messages", `^pageheat/codec\.(ParseBehaviour|parse)`),
		kind("encoding ranges", `^pageheat/codec\.(AppendPageSum|AppendRangeHeader)|^pageheat/processors\.\(\*Combiner\)\.[Ff]lush`),
		kind("summing per page", `^pageheat/processors\.\(\*(sums|Combiner|ingest)\)`),
		kind("applying ranges", `^pageheat/store\.\(\*(Partition|batch|table)\)|^pageheat/adapter\.\(\*heatFeed\)\.apply|^pageheat/codec\.(\(\*)?RangeReader`),
		kind("ranking and boards", `^pageheat/heat\.\(\*Index\)|^pageheat/processors\.\(\*(ranking|Ranker)\)|^pageheat/codec\..*(Leaders|Board|Positions)|^pageheat/adapter\.\(\*(Ranking|rankingFeed)\)|^pageheat/adapter\.\(\*heatFeed\)\.sendLeaders`),
		kind("cutting and encoding the table", `^pageheat/store\.\(\*Cut\)|^pageheat/codec\.AppendPageState|^pageheat/adapter\.\(\*transaction\)|^pageheat/adapter\.\(\*heatFeed\)\.write`),
		kind("goka", `^github\.com/lovoo/goka`),
		kind("producing and fetching ranges (sarama)", `^github\.com/IBM/sarama`),
	}
}

// of is the kind of work of a sample.
func (w works) of(s *profile.Sample) string {
	for _, location := range s.Location { // from the innermost
		for _, line := range location.Line {
			if line.Function == nil {
				continue
			}
			for _, kind := range w {
				if kind.functions.MatchString(line.Function.Name) {
					return kind.name
				}
			}
		}
	}
	return otherWork
}

// timesTable is a table in Markdown: a column for each scenario, a row for each
// kind of work, those with the most time in all scenarios first.
func timesTable(scenarios map[string]map[string]int64) string {
	columns := slices.SortedFunc(maps.Keys(scenarios), naturally)
	var rows []string
	sum := make(map[string]int64)   // by work
	share := make(map[string]int64) // of work, in thousandths over all scenarios
	for _, c := range columns {
		for _, ns := range scenarios[c] {
			sum[c] += ns
		}
		for work, ns := range scenarios[c] {
			if !slices.Contains(rows, work) {
				rows = append(rows, work)
			}
			share[work] += ns * 1000 / max(1, sum[c])
		}
	}
	slices.SortFunc(rows, func(a, b string) int { return cmp.Or(cmp.Compare(share[b], share[a]), cmp.Compare(a, b)) })
	var t strings.Builder
	line := func(first string, cell func(column string) string) {
		t.WriteString("| " + first + " |")
		for _, c := range columns {
			t.WriteString(" " + cell(c) + " |")
		}
		t.WriteString("\n")
	}
	line("% of pageheat's processor time", func(c string) string { return c })
	t.WriteString("|---|" + strings.Repeat("---:|", len(columns)) + "\n")
	for _, work := range rows {
		line(work, func(c string) string {
			return fmt.Sprintf("%.0f", 100*float64(scenarios[c][work])/float64(max(1, sum[c])))
		})
	}
	line("processor seconds", func(c string) string { return fmt.Sprintf("%.1f", float64(sum[c])/1e9) })
	return t.String()
}

// naturally puts names in the order that people expect: numbers by their size.
func naturally(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
