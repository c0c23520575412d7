package integration

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/process"
)

// walk is what TestOperatorsWalk has in its hands.
type walk struct {
	*pipeline
	t       *testing.T
	scratch string // parent of the instances' store directories
}

// start starts an instance that keeps its ID and its store across restarts.
func (w *walk) start(name string) *harness.Instance {
	w.t.Helper()
	in := w.Start(name, "--instance-id", name, "--session-timeout", "6s", "--store", "disk", "--store-dir", filepath.Join(w.scratch, name))
	require.NoError(w.t, in.WaitReady(within(w.t)))
	return in
}

// shared waits until that many instances share the work, and another thousand behaviours are on the board.
func (w *walk) shared(instances int) {
	w.t.Helper()
	ctx := within(w.t)
	waitShared(w.t, ctx, w.Site, instances, "-ingest", "-heat")
	counted := int64(0)
	if newest := w.boards.Newest(); newest != nil {
		counted = newest.Counted
	}
	_, err := w.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
	require.NoError(w.t, err)
}

// TestOperatorsWalk is the way of docs/operations.md, "A walk", on Kafka and under load: install, create the topics,
// start three instances, look at their metrics, upgrade them one by one, lose one, lose all of
// them with all that they kept on disk. Kafka has everything: at the end each page is exact.
func TestOperatorsWalk(t *testing.T) {
	t.Parallel()
	w := &walk{t: t, scratch: t.TempDir()}
	site := harness.NewSite(t, shared.kafka.Cluster(t), shared.program)
	old := version(t, site.Must("version"))
	site.Must("topics", "create", "--partitions", "6")
	site.Must("topics", "check", "--partitions", "6", "--replication", "1")
	w.pipeline = &pipeline{site, site.Follow()}

	names := []string{"one", "two", "three"}
	instances := make([]*harness.Instance, len(names))
	for i, name := range names {
		instances[i] = w.start(name)
	}
	const inputPartitions = 3
	input := startTraffic(t, site, inputPartitions)
	w.shared(len(instances))

	// What the alerts watch is there, at the latest after the first commits.
	var metrics string
	for _, name := range alerted(t) {
		for deadline := within(t); ; metrics = w.metrics(instances) {
			if strings.Contains(metrics, "\n"+name) {
				break
			}
			require.NoError(t, deadline.Err(), "deploy/prometheus/alerts.yml watches %s, which no instance has", name)
		}
	}
	assert.Contains(t, metrics, `version="`+old+`"`)

	// An upgrade, one instance after the other.
	site.Program = restamped(t, site.Program)
	renewed := version(t, site.Must("version"))
	require.NotEqual(t, old, renewed)
	for i, name := range names {
		stopped(t, instances[i])
		instances[i] = w.start(name)
		w.shared(len(instances))
	}
	metrics = w.metrics(instances)
	assert.Contains(t, metrics, `version="`+renewed+`"`)
	assert.NotContains(t, metrics, `version="`+old+`"`)

	// One is lost. The others take its partitions over.
	require.NoError(t, instances[1].Kill())
	w.shared(len(instances) - 1)
	instances[1] = w.start(names[1])
	w.shared(len(instances))

	// All are lost, with their disks.
	for _, in := range instances {
		require.NoError(t, in.Kill())
	}
	require.NoError(t, os.RemoveAll(w.scratch))
	input.finish(t)
	for i, name := range names {
		instances[i] = w.start(name)
	}
	ctx := within(t)
	waitShared(t, ctx, site, len(instances), "-ingest", "-heat")
	w.exact(t, instances[0], input.ends, input.want)
	assert.Contains(t, site.Must("status"), "nothing is wrong")
	w.audited(t)
	stopped(t, instances...)
	t.Logf("%d behaviours, %d boards", input.want.Counted, w.boards.Count())
}

// metrics are those of all instances.
func (w *walk) metrics(instances []*harness.Instance) string {
	w.t.Helper()
	var all strings.Builder
	for _, in := range instances {
		answer, err := in.Get(within(w.t), "/metrics")
		require.NoError(w.t, err)
		all.Write(answer.Body)
	}
	return all.String()
}

// alerted are the names of the metrics that the alerts use, but for those that only exist with further boards (see
// TestMetricsOfARun of cmd/pageheat), or without a right.
func alerted(t *testing.T) (names []string) {
	t.Helper()
	rules, err := os.ReadFile(filepath.Join("..", "deploy", "prometheus", "alerts.yml"))
	require.NoError(t, err)
	names = regexp.MustCompile(`\b(?:pageheat|process)_[a-z_]+\b`).FindAllString(string(rules), -1)
	require.NotEmpty(t, names)
	return slices.DeleteFunc(names, func(name string) bool {
		return strings.HasPrefix(name, "pageheat_rank_board_") || name == "pageheat_heat_late_behaviours" || name == "pageheat_missing_rights"
	})
}

// version is the version that `pageheat version` prints.
func version(t *testing.T, printed string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^pageheat (\S+)$`).FindStringSubmatch(printed)
	require.NotNil(t, m, printed)
	return m[1]
}

// restamped returns a copy of a program with another version in its build information, as the
// next release has it.
func restamped(t *testing.T, program string) string {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	old := info.Main.Version
	require.Greater(t, len(old), len("v9.9."))
	renewed := "v9.9." + strings.Repeat("9", len(old)-len("v9.9.")) // of the same length
	line := func(version string) []byte { return []byte("mod\t" + info.Main.Path + "\t" + version + "\t") }
	require.True(t, bytes.Contains(content, line(old)))
	copied := filepath.Join(t.TempDir(), filepath.Base(program))
	require.NoError(t, process.WriteProgram(copied, bytes.ReplaceAll(content, line(old), line(renewed))))
	return copied
}
