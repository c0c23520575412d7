package hostile

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestRecordsOfOwnTopicsAgain writes records of pageheat's own again, as tools that
// copy topics do: the first of them, the last, and a tombstone of its key.
func TestRecordsOfOwnTopicsAgain(t *testing.T) {
	for _, topic := range []string{"-behavior", "-heat-table", "-leaders", "-rank-table", "-output"} {
		for _, what := range []string{"first", "last", "tombstone", "of another partition"} {
			t.Run(topic[1:]+" "+what, func(t *testing.T) {
				a := newAttack(t)
				for range 3 {
					a.good()
					_, err := a.boards.WaitFor(a.ctx, a.ends)
					require.NoError(t, err)
				}
				old := a.records(a.Prefix + topic)
				require.NotEmpty(t, old)
				r := *old[0]
				switch what {
				case "last":
					r = *old[len(old)-1]
				case "tombstone":
					r.Value, r.Headers = nil, nil
				case "of another partition":
					r = *old[len(old)-1]
					r.Partition = (r.Partition + 1) % inputPartitions
					if topic != "-behavior" && topic != "-heat-table" {
						return // they have one partition
					}
				}
				again := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
				a.write(again)
				judgeEither(a, again)
			})
		}
	}
}

// records are those of a topic until now, all partitions.
func (a *attack) records(topic string) []*kgo.Record {
	a.t.Helper()
	ends, err := a.admin().ListCommittedOffsets(a.ctx, topic)
	require.NoError(a.t, err)
	client := kafkatest.Client(a.t, a.Cluster, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.KeepControlRecords())
	waiting := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			waiting[o.Partition] = o.Offset
		}
	})
	var all []*kgo.Record
	for len(waiting) > 0 {
		fetches := client.PollFetches(a.ctx)
		require.NoError(a.t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= waiting[r.Partition] {
				delete(waiting, r.Partition)
			}
			if !r.Attrs.IsControl() {
				all = append(all, r)
			}
		})
	}
	return all
}

// TestDeadLettersDeletedByHand deletes all dead letters: the overview answers.
func TestDeadLettersDeletedByHand(t *testing.T) {
	a := newAttack(t)
	bad := a.write(&kgo.Record{Topic: a.Input, Value: []byte("bad")})
	a.ends.Include(bad)
	_, err := a.boards.WaitFor(a.ctx, a.ends)
	require.NoError(t, err)
	letters := a.Prefix + "-dead-letter"
	kafkatest.Read(t, a.Cluster, letters, 1)
	a.drains(0)
	var to kadm.Offsets
	to.AddOffset(letters, 0, -1, -1)
	_, err = a.admin().DeleteRecords(a.ctx, to)
	require.NoError(t, err)
	a.in = a.Start("again")
	require.NoError(t, a.in.WaitReady(a.ctx))
	require.Eventually(t, func() bool {
		answer, err := a.in.Get(a.ctx, "/api/v1/overview")
		return err == nil && answer.Status == http.StatusOK
	}, 5*time.Second, pollEvery)
	r := a.Command("dead-letters", "list")
	assert.Zero(t, r.Code, r.Stderr)
	a.good()
	_, err = a.boards.WaitFor(a.ctx, a.ends)
	require.NoError(t, err)
	a.drains(0)
}

// TestAnInputWithoutItsBeginning starts on an input whose first messages retention deleted:
// nothing was lost, and audit agrees.
func TestAnInputWithoutItsBeginning(t *testing.T) {
	site := harness.NewSite(t, shared.kafka.Cluster(t), shared.program)
	site.Create(inputPartitions)
	for i := range 60 {
		kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: site.Input, Value: fmt.Appendf(nil, "/gone|%d|0|0", i%5)})
	}
	var to kadm.Offsets
	to.AddOffset(site.Input, 0, 60, -1)
	_, err := kafkatest.Admin(t, site.Cluster).DeleteRecords(t.Context(), to)
	require.NoError(t, err)
	a := attackOn(t, site)
	metrics, err := a.in.Get(a.ctx, "/metrics")
	require.NoError(t, err)
	for line := range strings.Lines(string(metrics.Body)) {
		if strings.HasPrefix(line, "pageheat_heat_lost_records") {
			assert.Regexp(t, ` 0\n$`, line)
		}
	}
	for _, e := range a.in.Log().Entries() {
		assert.NotEqual(t, "ERROR", e.Level, e.Raw)
	}
	a.goesOn()
}

// TestAuditWhileBehind audits with a backlog and no running instance: it reports the backlog.
func TestAuditWhileBehind(t *testing.T) {
	a := newAttack(t)
	a.drains(0)
	for range 40 {
		a.good()
	}
	r := a.Command("audit")
	t.Logf("%d: %s%s", r.Code, r.Stdout, r.Stderr)
	assert.Zero(t, r.Code)
	assert.Regexp(t, `120 (messages|behaviours)|behind`, r.Stdout+r.Stderr)
}

// TestClusterWipedUnderServe deletes everything while an instance only serves: it stops showing
// the old board.
func TestClusterWipedUnderServe(t *testing.T) {
	a := newAttack(t)
	for range 10 {
		a.good()
	}
	old, err := a.boards.WaitFor(a.ctx, a.ends)
	require.NoError(t, err)
	serve := a.Start("serve", "--roles", "serve")
	require.NoError(t, serve.WaitReady(a.ctx))
	a.drains(0)
	p := a.Prefix
	_, err = a.admin().DeleteTopics(a.ctx, a.Input, a.Output, p+"-behavior", p+"-heat-table", p+"-leaders", p+"-rank-table", p+"-dead-letter")
	require.NoError(t, err)
	_, err = a.admin().DeleteGroups(a.ctx, p+"-ingest", p+"-heat", p+"-rank")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return a.Command("topics", "create").Code == 0 }, judgedWithin, time.Second)
	a.in = a.Start("new", "--roles", "ingest,heat,rank")
	a.write(&kgo.Record{Topic: a.Input, Value: []byte("/new|1|1|1")})
	for until := time.Now().Add(judgedWithin); ; time.Sleep(100 * time.Millisecond) { // nothing tells of it
		if code, ended := serve.Ended(); ended {
			assert.Equal(t, 1, code)
			t.Log(serve.LastWords())
			assert.Contains(t, serve.LastWords(), "docs/operations.md")
			break
		}
		answer, err := serve.Get(a.ctx, "/api/v1/boards/all-time")
		if err == nil && answer.Status == http.StatusOK && bytes.Contains(answer.Body, []byte("/new")) {
			t.Log("it shows the new board")
			break
		}
		require.True(t, time.Now().Before(until), "it shows the old board of version %d: %s", old.Version, answer.Body)
	}
	a.drains(0)
}

// TestReplayOfTheNewInput: a dead letter with the same partition and offset as one of an older
// input is a different message.
func TestReplayOfTheNewInput(t *testing.T) {
	site := harness.NewSite(t, shared.kafka.Cluster(t), shared.program)
	site.Create(inputPartitions)
	a := attackOn(t, site)
	a.ends.Include(a.write(&kgo.Record{Topic: a.Input, Value: []byte("/first|2000000|0|0")}))
	_, err := a.boards.WaitFor(a.ctx, a.ends)
	require.NoError(t, err)
	a.drains(0)
	p := a.Prefix
	_, err = a.admin().DeleteTopics(a.ctx, a.Input, a.Output, p+"-behavior", p+"-heat-table", p+"-leaders", p+"-rank-table")
	require.NoError(t, err)
	_, err = a.admin().DeleteGroups(a.ctx, p+"-ingest", p+"-heat", p+"-rank")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return a.Command("topics", "create").Code == 0 }, judgedWithin, time.Second)
	b := attackOn(t, site)
	b.ends.Include(b.write(&kgo.Record{Topic: b.Input, Value: []byte("/second|3000000|0|0")}))
	_, err = b.boards.WaitFor(b.ctx, b.ends)
	require.NoError(t, err)
	b.drains(0)
	kafkatest.Read(t, b.Cluster, p+"-dead-letter", 2)
	r := b.Command("dead-letters", "replay")
	t.Logf("%d: %s%s", r.Code, r.Stdout, r.Stderr)
	require.Zero(t, r.Code)
	end := b.Ends()
	assert.Equal(t, int64(4), end[0]+end[1]+end[2]-2, "both are in the input again: %v", end)
}
