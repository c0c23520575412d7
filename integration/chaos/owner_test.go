package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

const (
	// ownerPages are enough for the writing of the table to take a while.
	ownerPages = 60_000
	// ownerCommit is longer than the test, so that a commit comes when it is quiet.
	ownerCommit = "5m"
)

// TestFrozenOwner freezes the owner of a table partition in the middle of writing
// it. Another takes over and writes newer states, and the frozen one goes on. Then
// the table is compacted, which keeps the last state of each page, and a third
// instance restores it: were the states of the thawed one behind the newer ones,
// they would be the truth now.
func TestFrozenOwner(t *testing.T) {
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	began := time.Now()
	site.Create(1, "--partitions", "1")
	table := site.Prefix + "-heat-table"
	compactSoon(t, site, table)
	boards := site.Follow()
	flags := []string{"--session-timeout", sessionTimeout.String(), "--commit-every", ownerCommit}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	// Ingest and ranking are elsewhere and stay.
	rest := site.Start("rest", "--roles", "ingest,rank")
	// The owner's way to the brokers is slow, so that its commit takes seconds.
	direct := site.Brokers
	site.Brokers = shared.proxies.bootstrap()
	old := site.Start("old", append(flags, "--roles", "heat")...)
	site.Brokers = direct
	require.NoError(t, old.WaitOwner(ctx, 1))
	for b := range brokers {
		require.NoError(t, shared.proxies.disturb(b, "upstream", "bandwidth", map[string]int{"rate": 400}))
		t.Cleanup(func() { shared.proxies.calm(b) })
	}
	want := harness.NewRecount()
	everyPage := func(clicks int) harness.Ends {
		records := make([]*kgo.Record, ownerPages)
		for i := range records {
			records[i] = &kgo.Record{Topic: site.Input, Value: fmt.Appendf(nil, "/page/%d|%d|0.5|1", i, clicks)}
			require.NoError(t, want.Add(records[i].Value, 1))
		}
		kafkatest.ProduceRecords(t, cluster, records...)
		return site.Ends()
	}
	var ends harness.Ends
	var frozenAt int64
	const tries = 5
	for try, frozen := 1, false; !frozen; try++ {
		require.LessOrEqual(t, try, tries, "it could not be frozen in the middle of a transaction")
		frozenAt = committedEnd(ctx, t, site, table)
		ends = everyPage(1)
		if frozen = freezeInTheMiddle(ctx, t, site, table, frozenAt, old); !frozen {
			_, err := boards.WaitFor(ctx, ends)
			require.NoError(t, err)
		}
	}

	for b := range brokers {
		shared.proxies.calm(b)
	}
	next := site.Start("next", append(flags, "--roles", "heat")...)
	ends = everyPage(2)
	_, err := boards.WaitFor(ctx, ends)
	require.NoError(t, err)
	require.NoError(t, next.WaitOwner(ctx, 1))
	committed := waitCommitted(ctx, t, site, table, frozenAt)

	require.NoError(t, old.Thaw())
	// It finds that it has lost its place, and joins again.
	require.Eventually(t, func() bool {
		state, members := site.Describe(site.Prefix + "-heat")
		return state == "Stable" && len(members) == 2
	}, harness.Within, pollEvery)
	ends = everyPage(3)
	_, err = boards.WaitFor(ctx, ends)
	require.NoError(t, err)
	waitCommitted(ctx, t, site, table, committed)

	require.NoError(t, old.Stop())
	require.NoError(t, next.Stop())
	waitCompacted(ctx, t, site, table)
	third := site.Start("third", append(flags, "--roles", "heat,serve")...)
	require.NoError(t, third.WaitOwner(ctx, 1))
	last := &kgo.Record{Topic: site.Input, Value: []byte("/last|1|1|1")}
	require.NoError(t, want.Add(last.Value, 1))
	kafkatest.ProduceRecords(t, cluster, last)
	ends.Include(last)
	board, err := boards.WaitFor(ctx, ends)
	require.NoError(t, err)
	assert.Empty(t, want.CompareBoard(board))
	assert.Empty(t, boards.Wrong())
	audit := site.Command("audit")
	assert.Zero(t, audit.Code, "%s%s", audit.Stdout, audit.Stderr)
	require.NoError(t, third.WaitReady(ctx))
	tally, err := sample(want).ComparePages(ctx, third)
	require.NoError(t, err)
	assert.Empty(t, tally.Wrong)
	shared.add(row{name: "frozen owner", took: time.Since(began), faults: "freeze 1, compaction 1", messages: want.Counted, pages: len(want.Pages),
		lost: tally.Lost, twice: tally.Twice, exact: !t.Failed(), audited: audit.Code == 0, boards: boards.Count(), older: boards.Older()})
	require.NoError(t, third.Stop())
	require.NoError(t, rest.Stop())
}

// sample is a part of a recount: the program's audit has compared every page.
func sample(all *harness.Recount) *harness.Recount {
	const every = 50
	some := harness.NewRecount()
	for i, name := range all.Names() {
		if i%every == 0 {
			some.Pages[name] = all.Pages[name]
		}
	}
	return some
}

// compactSoon has a topic compacted as soon as there is something to compact.
func compactSoon(t *testing.T, site *harness.Site, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
	defer cancel()
	var configs []kadm.AlterConfig
	for name, value := range map[string]string{"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01",
		"segment.bytes": "1048576", "segment.ms": "500", "delete.retention.ms": "0"} {
		configs = append(configs, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	answer, err := kafkatest.Admin(t, site.Cluster).AlterTopicConfigs(ctx, configs, topic)
	require.NoError(t, err)
	for _, topic := range answer {
		require.NoError(t, topic.Err)
	}
}

// freezeInTheMiddle freezes an instance as soon as records of a transaction are in
// the table behind the given offset. It reports whether that was not too late; if
// it was, the instance goes on.
func freezeInTheMiddle(ctx context.Context, t *testing.T, site *harness.Site, table string, from int64, in *harness.Instance) bool {
	t.Helper()
	reader := kafkatest.Client(t, site.Cluster, kgo.ConsumeTopics(table), kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().At(from)), kgo.FetchMaxWait(time.Second), kgo.FetchMaxPartitionBytes(1<<16))
	for pages := 0; pages == 0; {
		fetches := reader.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Key[0] == '/' {
				pages++
			}
		})
	}
	require.NoError(t, in.Freeze())
	id := site.Prefix + "-heat-0"
	described, err := kafkatest.Admin(t, site.Cluster).DescribeTransactions(ctx, id)
	require.NoError(t, err)
	require.NoError(t, described[id].Err)
	if described[id].State != "Ongoing" {
		t.Logf("frozen too late: the transaction is %s", described[id].State)
		require.NoError(t, in.Thaw())
		return false
	}
	t.Logf("frozen in the middle of a transaction; the table is committed up to offset %d", committedEnd(ctx, t, site, table))
	return true
}

// committedEnd is the last stable offset of the table's only partition.
func committedEnd(ctx context.Context, t *testing.T, site *harness.Site, table string) int64 {
	t.Helper()
	listed, err := kafkatest.Admin(t, site.Cluster).ListCommittedOffsets(ctx, table)
	require.NoError(t, err)
	require.NoError(t, listed.Error())
	offset, ok := listed.Lookup(table, 0)
	require.True(t, ok)
	return offset.Offset
}

// pollEvery is how often a broker is asked what it has no signal for.
const pollEvery = 50 * time.Millisecond

// waitCommitted waits until every page was committed behind the given offset.
func waitCommitted(ctx context.Context, t *testing.T, site *harness.Site, table string, from int64) int64 {
	t.Helper()
	for {
		if end := committedEnd(ctx, t, site, table); end > from+ownerPages {
			return end
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			require.NoError(t, ctx.Err(), "waiting until %d pages are committed behind offset %d", ownerPages, from)
		}
	}
}

// waitCompacted waits until no page is more than twice in the table: once where it
// was compacted, and once behind that.
func waitCompacted(ctx context.Context, t *testing.T, site *harness.Site, table string) {
	t.Helper()
	for {
		end := committedEnd(ctx, t, site, table)
		records := 0
		reader, err := kgo.NewClient(append(site.Cluster.Connect(), kgo.ConsumeTopics(table), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.KeepControlRecords())...)
		require.NoError(t, err)
		for next := int64(0); next < end; {
			fetches := reader.PollFetches(ctx)
			require.NoError(t, fetches.Err())
			fetches.EachRecord(func(r *kgo.Record) {
				next = r.Offset + 1
				if r.Key[0] == '/' {
					records++
				}
			})
		}
		reader.Close()
		if records < 2*ownerPages {
			t.Logf("compacted: %d records of %d pages, offsets up to %d", records, ownerPages, end)
			return
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			require.NoError(t, ctx.Err(), "waiting until the table is compacted: it has %d records of %d pages", records, ownerPages)
		}
	}
}
