package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

// besidePrefix is the prefix of a second deployment of a guarded cluster.
const besidePrefix = "v2"

// besideBoard is the board that the instances beside a command have.
const besideBoard = "days kind=calendar calendar=day"

// superFlags are flags of a program that may do everything.
func (g *guardedCluster) superFlags(t *testing.T) []string {
	t.Helper()
	user, password := kafkatest.SuperUser()
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(password), 0o600))
	return []string{"--brokers", g.Bootstrap(), "--sasl-mechanism", "PLAIN", "--sasl-username", user, "--sasl-password-file", file}
}

// beside runs instances beside a command until the test ends, once, each with its own flags. They may do everything.
func (g *guardedCluster) beside(t *testing.T, instances ...[]string) {
	t.Helper()
	if g.besides {
		return
	}
	g.besides = true
	t.Cleanup(func() { g.besides = false })
	for _, flags := range instances {
		launch(t, append(append(flags, "--listen", "127.0.0.1:0", "--roles", "ingest,heat,rank", "--board", besideBoard), g.superFlags(t)...)...)
	}
}

// mustSuper repeats a command with all rights until it works: the instances beside it have only just started.
func (g *guardedCluster) mustSuper(t *testing.T, args ...string) {
	t.Helper()
	var log bytes.Buffer
	args = append(args, g.superFlags(t)...)
	require.Eventually(t, func() bool {
		log.Reset()
		return run(t.Context(), args, strings.NewReader(""), &log, &log) == exitDone
	}, 60*time.Second, 50*time.Millisecond, "%s", &log)
}

// publishPast has the running ranking publish the board of a past day, each time of an earlier one.
func (g *guardedCluster) publishPast(t *testing.T) (code int, out, log string) {
	t.Helper()
	publish := func() []string {
		g.daysAgo++
		noon := time.Now().UTC().Truncate(24 * time.Hour).Add(12*time.Hour - time.Duration(g.daysAgo)*24*time.Hour)
		kafkatest.ProduceRecords(t, g.Cluster, &kgo.Record{Topic: topology.DefaultInput, Timestamp: noon, Value: []byte("page1|1|1|1")})
		return []string{"recount", "--publish", "--boards", besideBoard, "--board", "days/" + noon.Format(time.DateOnly)}
	}
	if !g.besides {
		g.daysAgo = 1 // yesterday may not be closed
		g.beside(t, nil)
		g.mustSuper(t, publish()...) // once it has closed the past
	}
	code, out, log = g.command(t, "", publish()...)
	if code == exitDone {
		require.Contains(t, out, "is published")
		require.NotContains(t, out, "nothing to do")
	}
	return code, out, log
}

// handOver hands the output over from one prefix to the other. Rights on besidePrefix are there, beside those
// that are tested.
func (g *guardedCluster) handOver(t *testing.T, from, to string) (code int, out, log string) {
	t.Helper()
	if !g.besides {
		g.mustSuper(t, "topics", "create", "--prefix", besidePrefix, "--partitions", "2", "--replication", "1")
		g.beside(t, []string{"--await-switch"}, []string{"--await-switch", "--prefix", besidePrefix})
	}
	g.mustSuper(t, "switch", "--from", to, "--to", from) // or it has the output already
	role := "switch-from"
	if to == besidePrefix {
		role = "switch-to"
	}
	for _, line := range printed(t, "--roles", role, "--prefix", besidePrefix) {
		require.NoError(t, g.Allow(t.Context(), parsed(t, line)))
	}
	code, out, log = g.command(t, "", "switch", "--from", from, "--to", to)
	if code == exitDone {
		require.Contains(t, out, "board all-time handed over")
	}
	return code, out, log
}
