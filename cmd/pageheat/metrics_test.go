package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/collect"
	"pageheat/pipeline"
	"pageheat/rights"
	"pageheat/web"
)

// described is a metric of the registry.
type described struct {
	name, kind, help string
	labels           []string
}

// registered are the metrics of an instance with all roles, in order, without those of Go
// and of the process. Those without a series yet have one once their event has happened.
func registered(t *testing.T) []described {
	t.Helper()
	s := newStatus()
	r := s.registry
	pipeline.NewMetrics(r)
	rights.NewWatch(nil, slog.New(slog.DiscardHandler), nil).Register(r)
	collector := collect.New(collect.Config{Registerer: r})
	server, err := web.New(web.Config{Listen: "127.0.0.1:0", Registerer: r, Metrics: http.NotFoundHandler(),
		Serve: web.Serve{Boards: struct{ web.BoardReader }{}}, Collect: web.Collect{Collector: collector, MaxBytes: 1, Rate: 1, Burst: 1}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(server.Close)

	kinds := make(map[string]string)
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		r.Describe(descriptions)
		close(descriptions)
	}()
	form := regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: ("(?:[^"\\]|\\.)*"), unit: "", constLabels: \{\}, variableLabels: \{(.*)\}\}$`)
	var all []described
	for d := range descriptions {
		m := form.FindStringSubmatch(d.String())
		if m == nil || !strings.HasPrefix(m[1], "pageheat_") {
			assert.Regexp(t, `fqName: "(go|process|promhttp)_`, d.String())
			continue
		}
		help, err := strconv.Unquote(m[2])
		require.NoError(t, err)
		metric := described{name: m[1], help: help, kind: kinds[m[1]]}
		if m[3] != "" {
			metric.labels = strings.Split(m[3], ",")
		}
		switch {
		case metric.kind != "":
		case strings.HasSuffix(metric.name, "_total"):
			metric.kind = "counter"
		default:
			metric.kind = "gauge"
		}
		all = append(all, metric)
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.name, b.name) })
	return all
}

// TestMetricsAreAsTheFieldWritesThem: base units, _total, help texts.
func TestMetricsAreAsTheFieldWritesThem(t *testing.T) {
	var text strings.Builder
	for _, m := range registered(t) {
		assert.Regexp(t, `^[A-Z1].*[^.]\.$`, m.help, "the help text of %s", m.name)
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", m.name, m.help, m.kind)
		if m.kind == "histogram" {
			fmt.Fprintf(&text, "%s_bucket{le=\"+Inf\"} 0\n%[1]s_sum 0\n%[1]s_count 0\n", m.name)
		} else {
			fmt.Fprintf(&text, "%s 0\n", m.name)
		}
	}
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

// TestMetricsAreDocumented: all of them and no others, and what bounds each label.
func TestMetricsAreDocumented(t *testing.T) {
	file, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	var want, have, labels []string
	for _, m := range registered(t) {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s |", m.name, m.kind, strings.Join(m.labels, ", "), strings.ReplaceAll(m.help, "|", "\\|")))
		labels = append(labels, m.labels...)
	}
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "| `pageheat_") {
			have = append(have, strings.TrimSpace(line))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	assert.Equal(t, want, have, "docs/metrics.md should have these lines:\n%s", strings.Join(want, "\n"))
	slices.Sort(labels)
	var bounded []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| .+ \\| .+ \\|$").FindAllStringSubmatch(string(file), -1) {
		bounded = append(bounded, m[1])
	}
	assert.ElementsMatch(t, slices.Compact(labels), bounded, "the labels whose values docs/metrics.md bounds")
}

// TestNamesOfMetricsExist in everything outside of the program that names metrics.
func TestNamesOfMetricsExist(t *testing.T) {
	exist := make(map[string]bool)
	for _, m := range registered(t) {
		exist[m.name] = true
		if m.kind == "histogram" {
			exist[m.name+"_bucket"], exist[m.name+"_sum"], exist[m.name+"_count"] = true, true, true
		}
	}
	// Those of Go and of the process, too.
	families, err := newStatus().registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		exist[f.GetName()] = true
	}
	name := regexp.MustCompile(`\b(?:pageheat|go|process)_[a-z0-9_]*[a-z0-9]\b`)
	for _, file := range []string{"deploy/prometheus/alerts.yml", "deploy/grafana/pageheat.json", "docs/operations.md", "docs/collect.md", "docs/metrics.md", "CHANGELOG.md"} {
		text, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		names := name.FindAllString(string(text), -1)
		if file != "CHANGELOG.md" {
			assert.NotEmpty(t, names, file)
		}
		for _, n := range names {
			assert.True(t, exist[n], "%s names the metric %s, which does not exist", file, n)
		}
	}
}

// TestMetricsOfARun: what an operator looks at moves.
func TestMetricsOfARun(t *testing.T) {
	t.Parallel()
	brokers := broker(t)
	do := func(stdin string, args ...string) {
		t.Helper()
		var log strings.Builder
		require.Equal(t, exitDone, run(t.Context(), append(args, "--brokers", brokers), strings.NewReader(stdin), &log, &log), &log)
	}
	do("", "topics", "create", "--partitions", "2", "--replication", "1")
	i := start(t, "--brokers", brokers, "--board", "hour kind=window window=1h")
	do("page1|1|1|1\npage2|1|1|1\npage3|x|1|1\n", "produce", "--file", "-")
	version, commit := buildVersion()
	for _, series := range []string{
		`pageheat_build_info\{goversion="go[^"]+",revision="` + regexp.QuoteMeta(commit) + `",version="` + regexp.QuoteMeta(version) + `"\} 1`,
		`pageheat_ingest_behaviours_total 2`,
		`pageheat_ingest_dead_letters_total\{reason="clicks-not-a-number"\} 1`,
		`pageheat_ingest_flush_records_sum 3`,
		`pageheat_ingest_latency_seconds_count [1-9]\d*`,
		`pageheat_ingest_lag_records\{partition="0"\} 0`,
		`pageheat_ingest_lag_seconds\{partition="0"\} 0`,
		`pageheat_heat_lag_records\{partition="0"\} 0`,
		`pageheat_heat_lag_seconds\{partition="0"\} 0`,
		`pageheat_heat_commit_pages_sum 2`,
		`pageheat_heat_last_commit_timestamp_seconds\{partition="[01]"\} [1-9]\S*`,
		`pageheat_rank_boards_total [1-9]\d*`,
		`pageheat_rank_board_lag_seconds\{board="hour"\} 0`,
		`pageheat_rank_board_waiting_partitions\{board="hour"\} 0`,
		`pageheat_heat_late_behaviours\{board="hour",partition="0"\} 0`,
		`pageheat_rank_last_board_timestamp_seconds [1-9]\S*`,
		`pageheat_end_to_end_latency_seconds_count [1-9]\d*`,
		`pageheat_rebalance_seconds_count\{role="ingest"\} 1`,
		`pageheat_rebalance_seconds_count\{role="heat"\} 1`,
		`pageheat_rebalance_seconds_count\{role="rank"\} 1`,
		`pageheat_partitions_owned\{role="heat"\} 2`,
		`pageheat_role_restarts_total\{role="rank"\} 0`,
	} {
		wanted := regexp.MustCompile(`(?m)^` + series + `$`)
		var body string
		require.Eventually(t, func() bool {
			_, body = i.status(t, "/metrics", "")
			return wanted.MatchString(body)
		}, 20*time.Second, 20*time.Millisecond, "%s is not in\n%s", series, &body)
	}
	// A flush is small here, and what it took is far from what a wrong unit would make of it.
	_, body := i.status(t, "/metrics", "")
	sum := regexp.MustCompile(`(?m)^pageheat_end_to_end_latency_seconds_sum (\S+)$`).FindStringSubmatch(body)
	require.NotNil(t, sum)
	took, err := strconv.ParseFloat(sum[1], 64)
	require.NoError(t, err)
	assert.Positive(t, took)
	assert.Less(t, took, 60.0)
	i.stop()
	require.Equal(t, exitDone, <-i.ended)
}
