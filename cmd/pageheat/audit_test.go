package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

// counted is a cluster whose table holds what its input says, in one partition.
type counted struct {
	t      *testing.T
	client *kgo.Client
	topo   *topology.Topology
	args   []string                // common flags
	pages  map[string]*heat.Totals // in the table

	progress codec.Progress // as committed
}

func newCounted(t *testing.T, messages ...string) *counted {
	t.Helper()
	brokers := kafkatest.Embedded(t).Brokers()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c := &counted{t: t, client: client, topo: topo, args: []string{"--brokers", strings.Join(brokers, ",")}}

	admin := kadm.NewClient(client)
	ids := map[string]codec.TopicID{}
	for _, topic := range []string{topo.Input, topo.Behavior, topo.HeatTable, topo.DeadLetter, topo.Forget} {
		created, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic)
		require.NoError(t, err)
		ids[topic] = codec.TopicID(created.ID)
	}
	progress := codec.Progress{
		Input: ids[topo.Input], Behavior: ids[topo.Behavior], Partitions: 1, Begin: []int64{0}, Lost: []uint64{0},
		To: []int64{int64(len(messages)) - 1},
	}
	pages := map[string]*heat.Totals{}
	for _, m := range messages {
		c.produce(topo.Input, "", []byte(m))
		b, refusal := codec.ParseBehaviour([]byte(m), heat.DefaultLimits())
		require.Nil(t, refusal)
		if pages[string(b.Page)] == nil {
			pages[string(b.Page)] = new(heat.Totals)
		}
		pages[string(b.Page)].Count(b)
		progress.Counted++
	}
	c.pages = pages
	for page, totals := range pages {
		c.produce(topo.HeatTable, page, codec.AppendPageState(nil, totals))
	}
	c.commit(progress)
	return c
}

func (c *counted) produce(topic, key string, value []byte) {
	c.t.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(key), Value: value}
	require.NoError(c.t, c.client.ProduceSync(c.t.Context(), r).FirstErr())
}

func (c *counted) commit(p codec.Progress) {
	c.t.Helper()
	c.progress = p
	c.produce(c.topo.HeatTable, codec.ProgressKey(0), codec.AppendProgress(nil, &p))
}

// label lets the table say what a page is called.
func (c *counted) label(page string, l codec.Label) {
	c.t.Helper()
	c.produce(c.topo.HeatTable, page, codec.AppendPageLabelled(nil, c.pages[page], &codec.StampedLabel{Label: l}, 0))
}

// forget writes what the owner of the table does when it takes a request in. A commit has to follow.
func (c *counted) forget(request *codec.Forget) {
	c.t.Helper()
	p := &c.progress
	p.Forget.Taken++
	require.Equal(c.t, topology.Hash(request.Page), request.Placed)
	kept := codec.Forgotten{ID: request.ID, Number: p.Forget.Taken, Placed: request.Placed, Blocked: request.Block, Input: p.Input, To: p.To}
	c.produce(c.topo.HeatTable, codec.ForgottenKey(codec.HashPage(request.Page)), codec.AppendForgotten(nil, &kept))
	c.produce(c.topo.HeatTable, request.Page, nil)
}

// run runs a command and returns its exit code and what it printed.
func (c *counted) run(args ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	var out, log bytes.Buffer
	code = run(context.Background(), append(args, c.args...), strings.NewReader(""), &out, &log)
	return code, out.String(), log.String()
}

func (c *counted) delete(offset int64) {
	c.t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(c.topo.Input, 0, offset, -1)
	_, err := kadm.NewClient(c.client).DeleteRecords(c.t.Context(), offsets)
	require.NoError(c.t, err)
}

func TestPage(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1", "/a|111|250.11037345|-1", "/b <i>|3|2|0")

	code, out, log := c.run("page", "/a")
	require.Zero(t, code, log)
	require.Equal(t, `/a
  clicks      112           x 0.8  = 89.6
  minutes     250.61037345  x 0.8  = 200.48829876
  likes       0             x 1    = 0
  heat                             = 290.08829876
  behaviours  2
`, out)

	code, out, log = c.run("page", "/b <i>", "--json", "--weight-likes", "2")
	require.Zero(t, code, log)
	require.Equal(t, `{"page":"/b <i>","heat":4,"clicks":3,"minutes":2,"likes":0,"behaviours":1}`+"\n", out)

	c.label("/a", codec.NewLabel("Two \u202e \x1b cats", "https://forum.example/a"))
	code, out, log = c.run("page", "/a")
	require.Zero(t, code, log)
	require.True(t, strings.HasPrefix(out, "/a\nTwo cats\nhttps://forum.example/a\n  clicks "), out)
	code, out, log = c.run("page", "/a", "--json")
	require.Zero(t, code, log)
	require.True(t, strings.HasPrefix(out, `{"page":"/a","title":"Two cats","url":"https://forum.example/a","heat":`), out)

	code, out, log = c.run("page", "/c")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, log, `page "/c" is not known`)

	code, _, log = c.run("page", "/a", "--weight-clicks", "much")
	require.Equal(t, exitUsage, code)
	require.Contains(t, log, "--weight-clicks")

	code, _, log = c.run("page", "/a", "--prefix", "other")
	require.Equal(t, exitFailed, code)
	require.Contains(t, log, "other-heat-table does not exist")
}

func TestAudit(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1", "/a|2|1|-1", "/b|3|2|0")

	code, out, log := c.run("audit")
	require.Zero(t, code, out+log)
	require.Equal(t, `  partition  pages  behaviours  recounted
          0      2           3          3
3 messages of user-behavior-topic recounted, 0 of them invalid
pageheat-heat-table: all 2 pages are exact, and the table is up to date
`, out)

	// What is not applied yet is no difference, but it is said.
	c.produce(c.topo.Input, "", []byte("/c|1|1|0"))
	c.produce(c.topo.Input, "", []byte("nonsense"))
	code, out, log = c.run("audit")
	require.Zero(t, code, out+log)
	require.Contains(t, out, "all 2 pages are exact at the table's progress\n2 records of the input are not applied yet (partition 0: 2)")

	code, out, _ = c.run("audit", "--max-clicks", "2", "--no-dead-letters")
	require.Equal(t, exitDifference, code, "counted with another limit")
	require.Contains(t, out, `page "/b": not in the input`)
	require.Contains(t, out, "1 of them invalid (dead letters not checked: they were left out)")
	require.Contains(t, out, "pageheat-heat-table: 1 difference\n")

	code, _, log = c.run("audit", "--max-minutes", "0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, log, "--max-minutes")

	var totals heat.Totals
	totals.Count(heat.Behaviour{Clicks: 4, Minutes: heat.WholeMinutes(2)})
	c.produce(c.topo.HeatTable, "/b", codec.AppendPageState(nil, &totals))
	code, out, log = c.run("audit")
	require.Equal(t, exitDifference, code, log)
	require.Contains(t, out, `pageheat-heat-table/0 page "/b": in the table: 1 behaviours, 4 clicks, 2 minutes, 0 likes, recounted: 1 behaviours, 3 clicks, 2 minutes, 0 likes`)

	c = newCounted(t, "/a|1|0.5|1", "/a|2|1|-1")
	c.delete(1)
	code, out, log = c.run("audit")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "starts at offset 1")
	require.Contains(t, log, "cannot recount")
}

// TestAuditOfForgottenPages leaves out what was before a request, and all of a blocked page.
func TestAuditOfForgottenPages(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1", "/a|2|1|-1", "/b|3|2|0", "/c|1|1|1")
	c.forget(&codec.Forget{Placed: topology.Hash("/a"), Page: "/a"})
	c.forget(&codec.Forget{Placed: topology.Hash("/unknown"), Page: "/unknown"})
	c.forget(&codec.Forget{Placed: topology.Hash("/b"), Page: "/b", Block: true})
	p := c.progress
	p.Counted = 1
	c.commit(p)
	code, out, log := c.run("audit")
	require.Zero(t, code, out+log)
	assert.Contains(t, out, "forgotten: 3 pages, 1 of them blocked; 3 behaviours of theirs in the input are not counted\n")
	assert.Contains(t, out, "all 1 pages are exact, and the table is up to date")

	for _, m := range []string{"/a|7|0|0", "/b|1|0|0"} {
		c.produce(c.topo.Input, "", []byte(m))
	}
	p.To, p.Counted = []int64{5}, 2
	c.commit(p)
	code, out, _ = c.run("audit")
	require.Equal(t, exitDifference, code, "it counts again from zero")
	assert.Contains(t, out, `page "/a": missing in the table, recounted: 1 behaviours, 7 clicks, 0 minutes, 0 likes`)
	assert.NotContains(t, out, `page "/b"`)
	assert.Contains(t, out, "; 4 behaviours of theirs in the input are not counted\n")
}

func TestAuditOfLostMessages(t *testing.T) {
	c := newCounted(t)
	for range 5 {
		c.produce(c.topo.Input, "", []byte("/a|1|1|1"))
	}
	c.delete(5)
	topics, err := kadm.NewClient(c.client).ListTopics(t.Context(), c.topo.Input, c.topo.Behavior)
	require.NoError(t, err)
	c.commit(codec.Progress{
		Input: codec.TopicID(topics[c.topo.Input].ID), Behavior: codec.TopicID(topics[c.topo.Behavior].ID),
		Partitions: 1, To: []int64{4}, Begin: []int64{0}, Lost: []uint64{5},
	})
	code, out, log := c.run("audit")
	require.Equal(t, exitDifference, code, out+log)
	require.Contains(t, out, "lost: up to 5 messages")
	require.Contains(t, out, "all 0 pages are exact")
}
