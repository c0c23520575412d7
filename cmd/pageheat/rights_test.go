package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/integration/samples"
	"pageheat/kafka"
	"pageheat/pagefile"
	"pageheat/rights"
	"pageheat/snapshot"
	"pageheat/topology"
)

// printed are rights as "topics acls" prints them, one a line.
func printed(t *testing.T, flags ...string) []string {
	t.Helper()
	var out, log bytes.Buffer
	code := run(t.Context(), append([]string{"topics", "acls", "--principal", kafkatest.Anonymous}, flags...), strings.NewReader(""), &out, &log)
	require.Equal(t, exitDone, code, &log)
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

// parsed reads a line.
func parsed(t *testing.T, line string) kafkatest.Right {
	t.Helper()
	right, err := kafkatest.ParseRight(line, kafkatest.Anonymous)
	require.NoError(t, err)
	return right
}

// only leaves anonymous clients these rights alone.
func only(t *testing.T, c *kafkatest.Cluster, lines []string) {
	t.Helper()
	require.NoError(t, c.Revoke(t.Context()))
	if len(lines) == 0 {
		return
	}
	rights := make([]kafkatest.Right, len(lines))
	for i, line := range lines {
		rights[i] = parsed(t, line)
	}
	require.NoError(t, c.Allow(t.Context(), rights...))
}

// guarded is a cluster that checks rights, with all topics, two pages counted, and a dead
// letter.
func guarded(t *testing.T, c *kafkatest.Cluster, names ...string) *guardedCluster {
	t.Helper()
	g := &guardedCluster{Cluster: c, flags: append([]string{"--brokers", c.Guarded()}, names...), names: names}
	only(t, c, g.rightsOf(t, "topics-create"))
	g.must(t, "topics", "create", "--partitions", "2", "--replication", "1")
	only(t, c, g.rightsOf(t, "ingest,heat,rank,serve,produce,top"))
	in := start(t, g.flags...)
	in.ready(t)
	for _, message := range []string{"page1|1|1|1", "page2|2|2|0", "no behaviour"} {
		g.mustRead(t, message+"\n", "produce", "--file", "-")
	}
	require.Eventually(t, func() bool {
		return strings.Contains(g.must(t, "top", "--once", "--json"), `"counted":2`)
	}, 60*time.Second, 10*time.Millisecond, "%s", in.log)
	in.stop()
	require.Equal(t, exitDone, <-in.ended, in.log)
	require.NotContains(t, in.log.String(), "right")
	kafkatest.Produce(t, c, topology.DefaultInput, "page3|1|1|1") // and one more is not counted yet
	return g
}

type guardedCluster struct {
	*kafkatest.Cluster
	flags []string // of every command
	names []string // those about names alone

	besides bool // see beside
	daysAgo int  // of the last board that publishPast published
}

func (g *guardedCluster) rightsOf(t *testing.T, roles string) []string {
	t.Helper()
	return printed(t, append([]string{"--roles", roles}, g.names...)...)
}

// command runs a command to its end.
func (g *guardedCluster) command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var out, log bytes.Buffer
	code = run(ctx, append(args, g.flags...), strings.NewReader(stdin), &out, &log)
	return code, out.String(), log.String()
}

func (g *guardedCluster) mustRead(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	code, out, log := g.command(t, stdin, args...)
	assert.Equal(t, exitDone, code, "%v: %s%s", args, out, log)
	return out
}

func (g *guardedCluster) must(t *testing.T, args ...string) string {
	t.Helper()
	return g.mustRead(t, "", args...)
}

// instance runs roles until /readyz answers 200, or they end by themselves. It returns
// what was logged, and /metrics.
func (g *guardedCluster) instance(t *testing.T, roles string) (code int, log, metrics string) {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), 60*time.Second)
	defer end()
	out := &samples.Output{}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"run", "--listen", "127.0.0.1:0", "--log-format", "json", "--roles", roles}, g.flags...), strings.NewReader(""), io.Discard, out)
	}()
	address := regexp.MustCompile(`"address":"([^"]+)"`)
	get := func(path string) (int, string) {
		m := address.FindStringSubmatch(out.String())
		if m == nil {
			return 0, ""
		}
		r, err := http.Get("http://" + m[1] + path)
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(body)
	}
	works := map[string]string{"ingest": "pageheat_partitions_owned{role=\"ingest\"} 3", "heat": "pageheat_partitions_owned{role=\"heat\"} 2", "rank": "pageheat_partitions_owned{role=\"rank\"} 1"}
	for {
		select {
		case code := <-ended:
			return code, out.String(), metrics
		case <-time.After(10 * time.Millisecond):
		}
		status, _ := get("/readyz")
		if status != http.StatusOK {
			continue
		}
		if _, metrics = get("/metrics"); !strings.Contains(metrics, works[roles]) {
			continue
		}
		if roles == "serve" {
			status, body := get("/api/v1/overview")
			if status == 0 { // it ends
				continue
			}
			assert.Equal(t, http.StatusOK, status, body)
			metrics += body
		}
		end()
	}
}

// workOf does what a role or command does.
func (g *guardedCluster) workOf(t *testing.T, name string) (code int, log, metrics string) {
	t.Helper()
	command := func(stdin string, args ...string) (int, string, string) {
		code, out, log := g.command(t, stdin, args...)
		return code, log + out, ""
	}
	switch name {
	case "ingest", "heat", "rank", "serve", "collect":
		return g.instance(t, name)
	case "topics-create":
		return command("", "topics", "create", "--partitions", "2", "--replication", "1")
	case "topics-check":
		return command("", "topics", "check", "--replication", "1")
	case "produce":
		return command("page1|1|1|1\n", "produce", "--file", "-")
	case "top":
		return command("", "top", "--once")
	case "boards":
		return command("", "boards")
	case "page":
		return command("", "page", "page1")
	case "audit":
		return command("", "audit")
	case "forget":
		return command("", "forget", "page1", "--timeout", "0")
	case "recount":
		return command("", "recount")
	case "recount-compare":
		return command("", "recount", "--compare")
	case "dead-letters-list":
		return command("", "dead-letters", "list")
	case "dead-letters-replay":
		return command("", "dead-letters", "replay", "--all")
	case "status":
		code, log, _ := command("", "status")
		if code == exitDifference { // no instance runs
			code = exitDone
		}
		return code, log, ""
	case "reset", "reset-keep-totals":
		args := []string{"reset"}
		if name != "reset" {
			args = append(args, "--keep-totals")
		}
		code, log, _ := command("n\n", args...)
		if strings.Contains(log, errKept.Error()) { // as it was asked to
			code = exitDone
		}
		return code, log, ""
	case "export":
		return command("", "export")
	case "import":
		return command(g.emptied(t), "import", "-")
	case "recount-publish":
		code, out, log := g.publishPast(t)
		return code, log + out, ""
	case "switch-from":
		code, out, log := g.handOver(t, topology.DefaultPrefix, besidePrefix)
		return code, log + out, ""
	case "switch-to":
		code, out, log := g.handOver(t, besidePrefix, topology.DefaultPrefix)
		return code, log + out, ""
	}
	require.Fail(t, "no such role", name)
	return 0, "", ""
}

// emptied makes the deployment empty, whatever the rights of others, and returns an export for it.
func (g *guardedCluster) emptied(t *testing.T) string {
	t.Helper()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	admin := kafkatest.Admin(t, g.Cluster)
	_, err = admin.DeleteTopics(t.Context(), topo.HeatTable, topo.Behavior)
	require.NoError(t, err)
	_, err = admin.DeleteGroups(t.Context(), topo.IngestGroup)
	require.NoError(t, err)
	for _, topic := range []string{topo.HeatTable, topo.Behavior} {
		require.Eventually(t, func() bool {
			_, err := admin.CreateTopic(t.Context(), 2, 1, nil, topic)
			return err == nil
		}, 60*time.Second, 10*time.Millisecond)
	}
	listed, err := admin.ListTopics(t.Context(), topo.Input)
	require.NoError(t, err)
	var totals heat.Totals
	totals.Count(heat.Behaviour{Clicks: 1})
	cut := snapshot.Cut{Topic: topo.Input, Input: codec.TopicID(listed[topo.Input].ID), Partitions: 3, Limits: heat.DefaultLimits(), Behaviours: 1,
		To: []int64{0}, Begin: []int64{0}, Lost: []uint64{0}}
	var out bytes.Buffer
	w, err := pagefile.NewWriter(&out, pagefile.Config{Format: pagefile.JSONL, Created: time.Now(), Weights: heat.DefaultWeights()}, cut)
	require.NoError(t, err)
	require.NoError(t, w.Write(&snapshot.Page{Name: "page1", Totals: totals}))
	require.NoError(t, w.Close(0, nil))
	return out.String()
}

// TestPrintedRightsAreNeeded: every role and command works with the printed rights alone.
// Without a required one it ends with 1 and names the right and what it is on; without an
// optional one it works, and an instance says so once, in its log and its metrics.
func TestPrintedRightsAreNeeded(t *testing.T) {
	t.Parallel()
	for _, name := range rights.Names() {
		t.Run(name, func(t *testing.T) {
			if name != "heat" {
				kafkatest.Long(t)
			}
			t.Parallel()
			g := guarded(t, kafkatest.Embedded(t, kafkatest.WithRights()))
			needs, lines := g.needs(t, name)
			only(t, g.Cluster, lines)
			code, log, metrics := g.workOf(t, name)
			require.Equal(t, exitDone, code, log)
			require.NotContains(t, log, "right")
			require.NotContains(t, metrics, "pageheat_missing_rights{")
			require.NotContains(t, metrics, "AUTHORIZATION_FAILED")
			for i, n := range needs {
				code, log, metrics := g.workWithout(t, name, n, slices.Delete(slices.Clone(lines), i, i+1))
				if !n.Optional() {
					n.refused(t, code, log)
					continue
				}
				assert.Equal(t, exitDone, code, "without %s: %s", n.Right, log)
				if metrics != "" {
					assert.Equal(t, 1, strings.Count(log, "an optional right is missing"), "without %s: %s", n.Right, log)
					assert.Contains(t, log, n.String())
					assert.Contains(t, log, "--roles", "the hint is a command")
					assert.Contains(t, metrics, fmt.Sprintf("pageheat_missing_rights{name=%q,operation=%q,resource=%q} 1", n.Name, n.Operation, n.Resource))
				}
			}
		})
	}
}

// TestRightsOfBrokersThatDoNotTell: brokers that do not say what a user may do with a topic
// refuse what it may not do, and then it ends as well.
func TestRightsOfBrokersThatDoNotTell(t *testing.T) {
	kafkatest.Long(t)
	for _, name := range []string{"ingest", "heat", "rank", "serve"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guarded(t, kafkatest.Embedded(t, kafkatest.WithRights()))
			g.Fake().ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
				g.Fake().KeepControl()
				if metadata, ok := request.(*kmsg.MetadataRequest); ok {
					metadata.IncludeTopicAuthorizedOperations = false
				}
				return nil, nil, false
			})
			needs, lines := g.needs(t, name)
			only(t, g.Cluster, lines)
			code, log, _ := g.workOf(t, name)
			require.Equal(t, exitDone, code, log)
			for i, n := range needs {
				if name == "rank" && n.Right == kafka.OnTopic(kafka.Write, topology.DefaultOutput) {
					continue // without heat it has nothing to publish
				}
				code, log, _ := g.workWithout(t, name, n, slices.Delete(slices.Clone(lines), i, i+1))
				if n.Optional() {
					assert.Equal(t, exitDone, code, "without %s: %s", n.Right, log)
				} else {
					n.refused(t, code, log)
				}
			}
		})
	}
}

// need is a right that a role or command needs.
type need struct{ rights.Need }

// needs are the rights of a role or command, and the lines that give them.
func (g *guardedCluster) needs(t *testing.T, name string) (needs []need, lines []string) {
	t.Helper()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	all, err := rights.Of(topo, name)
	require.NoError(t, err)
	lines = g.rightsOf(t, name)
	require.Len(t, lines, len(all))
	for _, n := range all {
		needs = append(needs, need{n})
	}
	return needs, lines
}

// workWithout does the work of a role or command with all of its rights but n.
func (g *guardedCluster) workWithout(t *testing.T, name string, n need, others []string) (code int, log, metrics string) {
	t.Helper()
	only(t, g.Cluster, others)
	if n.Operation == kafka.Create {
		_, err := kafkatest.Admin(t, g.Cluster).DeleteTopics(t.Context(), n.Name)
		require.NoError(t, err)
	}
	return g.workOf(t, name)
}

// refused checks how a role or command ended without the right.
func (n need) refused(t *testing.T, code int, log string) {
	t.Helper()
	assert.Equal(t, exitFailed, code, "without %s: %s", n.Right, log)
	log = strings.ReplaceAll(log, `\"`, `"`)
	last := log[max(0, strings.LastIndex(log, "pageheat: "), strings.LastIndex(log, "pageheat failed")):]
	assert.Contains(t, last, string(n.Operation), "without %s: %s", n.Right, log)
	assert.Contains(t, last, n.Name, "without %s", n.Right)
	assert.Contains(t, last, `"A right is missing" in docs/operations.md`, "without %s", n.Right)
}

// TestRightsOfEventsAreNeeded: without any of the rights that events add to those of rank, an instance ends
// with 1 and names the right and what it is on; without an optional one it says so.
func TestRightsOfEventsAreNeeded(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	of := func(config topology.Config) []rights.Need {
		topo, err := topology.New(config)
		require.NoError(t, err)
		all, err := rights.Of(topo, "rank")
		require.NoError(t, err)
		return all
	}
	plain, all := of(topology.Config{}), of(topology.Config{Events: true})
	g := guarded(t, kafkatest.Embedded(t, kafkatest.WithRights()), "--events")
	lines := g.rightsOf(t, "rank")
	require.Len(t, lines, len(all))
	missed := 0
	for i, right := range all {
		if slices.Contains(plain, right) {
			continue
		}
		missed++
		n := need{right}
		code, log, _ := g.workWithout(t, "rank", n, slices.Delete(slices.Clone(lines), i, i+1))
		if n.Optional() {
			assert.Equal(t, exitDone, code, "without %s: %s", n.Right, log)
			assert.Contains(t, log, n.String())
			continue
		}
		n.refused(t, code, log)
	}
	require.Greater(t, missed, 4)
}

// TestEventsWithTheRightsOfRank: an instance that writes events of boards needs nothing but the printed
// rights, without events in none of them.
func TestEventsWithTheRightsOfRank(t *testing.T) {
	t.Parallel()
	assert.NotContains(t, strings.Join(printed(t, "--roles", "rank"), "\n"), "pageheat-events")
	g := guarded(t, kafkatest.Embedded(t, kafkatest.WithRights()), "--events")
	only(t, g.Cluster, g.rightsOf(t, "rank"))
	code, log, metrics := g.instance(t, "rank")
	require.Equal(t, exitDone, code, log)
	require.NotContains(t, log, "right")
	require.Contains(t, metrics, `pageheat_events_total{event="entered"}`)
}

// TestMigrateWithPrintedRights: migrate works with the rights of export on the one prefix, and those of topics-create and
// import on the other. Without one of them it ends with 1, names it, and copies nothing.
func TestMigrateWithPrintedRights(t *testing.T) {
	t.Parallel()
	g := guarded(t, kafkatest.Embedded(t, kafkatest.WithRights()))
	to, err := topology.New(topology.Config{Prefix: "v2", Output: "v2-top10"})
	require.NoError(t, err)
	lines := slices.Concat(g.rightsOf(t, "export"), printed(t, "--roles", "topics-create,import", "--prefix", to.Prefix, "--output", to.Output))
	move := []string{"migrate", "--from", topology.DefaultPrefix, "--to", to.Prefix, "--output", to.Output, "--partitions", "5", "--replication", "1"}
	for _, missing := range []kafka.Right{kafka.OnTopic(kafka.Read, g.heatTable(t)), kafka.OnTransactions(kafka.Write, to.ImportTransactionalID())} {
		only(t, g.Cluster, slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
			return strings.Contains(line, "--operation "+string(missing.Operation)+" ") && strings.HasSuffix(line, " "+missing.Name)
		}))
		code, _, log := g.command(t, "", move...)
		need{rights.Need{Right: missing}}.refused(t, code, log)
	}
	only(t, g.Cluster, lines)
	code, out, log := g.command(t, "", move...)
	require.Equal(t, exitDone, code, log)
	require.Contains(t, out, "wrote 2 pages with 2 behaviours to v2-heat-table, which has 5 partitions")
	require.NotContains(t, log, "right")
	code, out, log = g.command(t, "", move...)
	require.Equal(t, exitDone, code, log)
	require.Contains(t, out, "nothing to do")
}

// heatTable is the topic of the heat table.
func (g *guardedCluster) heatTable(t *testing.T) string {
	t.Helper()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	return topo.HeatTable
}
