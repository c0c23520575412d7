package integration

import (
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
	"pageheat/topology"
)

// compactAway leaves in a topic what a compaction leaves after somebody has written a tombstone of a key: the newest
// record of every other key, and the tombstone. It returns the tombstone's partition and offset.
func compactAway(t *testing.T, site *harness.Site, topic, key string) (partition int32, offset int64) {
	t.Helper()
	admin := kafkatest.Admin(t, site.Cluster)
	ends, err := admin.ListEndOffsets(within(t), topic)
	require.NoError(t, err)
	partition = topology.Partition(key, len(ends[topic]))
	end, _ := ends.Lookup(topic, partition)
	client := kafkatest.Client(t, site.Cluster, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))
	newest, order := map[string]*kgo.Record{}, []string(nil)
	for at := int64(-1); at < end.Offset-1; {
		fetches := client.PollFetches(within(t))
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset
			if r.Attrs.IsControl() {
				return
			}
			if newest[string(r.Key)] == nil {
				order = append(order, string(r.Key))
			}
			newest[string(r.Key)] = r
		})
	}
	policy := func(value string) {
		set, err := admin.AlterTopicConfigs(within(t), []kadm.AlterConfig{{Name: "cleanup.policy", Value: &value}}, topic)
		require.NoError(t, err)
		require.NoError(t, set[0].Err)
	}
	policy("delete") // brokers delete no records of topics that are only compacted
	var below kadm.Offsets
	below.AddOffset(topic, partition, end.Offset, -1)
	deleted, err := admin.DeleteRecords(within(t), below)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
	policy("compact")
	require.NotNil(t, newest[key].Value)
	for _, other := range order {
		if r := newest[other]; other != key && r.Value != nil {
			kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: topic, Partition: partition, Key: r.Key, Value: r.Value, Headers: r.Headers})
		}
	}
	tombstone := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key)}
	kafkatest.ProduceRecords(t, site.Cluster, tombstone)
	return partition, tombstone.Offset
}

// TestADeletedPageCanBeForgotten writes a tombstone into the table, and compacts the page away. Its partition waits, and
// the others continue, until the page is asked to be forgotten. What is counted of it afterwards starts at zero.
func TestADeletedPageCanBeForgotten(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) { aDeletedPageCanBeForgotten(t, site, false) })
}

// TestADeletedPageCanBeForgottenAfterManyOthers that are asked to be forgotten: none of these is missed.
func TestADeletedPageCanBeForgottenAfterManyOthers(t *testing.T) {
	t.Parallel()
	site := defaultSite(t)
	aDeletedPageCanBeForgotten(t, site, true)
	assert.Contains(t, site.Must("audit"), "forgotten: 4,201 pages")
}

func metricsOf(t *testing.T, in *harness.Instance) string {
	t.Helper()
	metrics, err := in.Get(within(t), "/metrics")
	require.NoError(t, err)
	return string(metrics.Body)
}

func aDeletedPageCanBeForgotten(t *testing.T, site *harness.Site, more bool) {
	t.Helper()
	const partitions = 3
	p := newPipeline(t, site, 1, "--partitions", fmt.Sprint(partitions))
	in, _, _ := counted(t, p)
	stopped(t, in)
	table := site.Prefix + "-heat-table"
	partition, offset := compactAway(t, site, table, "/a")
	elsewhere := "/elsewhere"
	for i := 0; topology.Partition(elsewhere, partitions) == partition; i++ {
		elsewhere = fmt.Sprintf("/elsewhere%d", i)
	}

	in = site.Start("waits")
	e, _, err := in.WaitLog(within(t), 0, func(e harness.Entry) bool { return e.Level == "ERROR" })
	require.NoError(t, err)
	assert.Equal(t, "a heat partition has stopped, and the others continue", e.Message)
	assert.Contains(t, e.Text("error"), fmt.Sprintf(`topic %s partition %d: `, table, partition))
	assert.Contains(t, e.Text("error"), fmt.Sprintf(`"/a" at offset %d`, offset))
	assert.Contains(t, e.Text("hint"), "`pageheat forget PAGE`")
	ready, err := in.Get(within(t), "/readyz")
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, ready.Status)
	assert.Contains(t, string(ready.Body), "another program has deleted pages")

	meanwhile := "/a|2|0|0\n" + elsewhere + "|7|0|0\n"
	if more {
		meanwhile = elsewhere + "|7|0|0\n" // what is counted before its request is taken in is forgotten, too
	}
	ends := sent(t, site, records(site, []byte(meanwhile), nil, func(int) int32 { return 0 }))
	require.Eventually(t, func() bool {
		page, known, err := in.Page(within(t), elsewhere)
		return err == nil && known && page.Clicks == "7"
	}, harness.Within, 100*time.Millisecond, "the other partitions continue")

	metric := fmt.Sprintf(`pageheat_heat_deleted_pages{partition="%d"}`, partition)
	assert.Contains(t, metricsOf(t, in), metric+" 1\n")
	if more { // than the instance holds while it waits
		var names strings.Builder
		for i, n := 0, 0; n < 4200; i++ {
			if name := fmt.Sprintf("/never%d", i); topology.Partition(name, partitions) == partition {
				names.WriteString(name + "\n")
				n++
			}
		}
		r := site.CommandWith([]byte(names.String()), "forget", "--file", "-", "--timeout", "0")
		require.Equal(t, 0, r.Code, r.Stderr)
	}

	site.Must("forget", "/a")
	assert.Contains(t, metricsOf(t, in), metric+" 0\n")
	want := harness.NewRecount()
	require.NoError(t, want.AddLines([]byte("/b|4|0|0\n/c|3|0|0\n/d|1|0|-1\n"+meanwhile), 1))
	p.boards = p.Follow() // counted falls
	p.exact(t, in, ends, want)
	p.audited(t)
	stopped(t, in)
	in = site.Start("after")
	p.exact(t, in, ends, want)
	stopped(t, in)
	assert.NotContains(t, in.LastWords(), "another program")
	p.audited(t)
}
