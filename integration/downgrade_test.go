package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// newerVersions is how much later the version of a record is: a format may have more than one that is read.
const newerVersions = 100

// TestADowngradeStops has records of a version that the program does not know in each of pageheat's
// topics: an instance exits with 1 and says to upgrade, and so do commands. Nothing says to give up
// the table.
func TestADowngradeStops(t *testing.T) {
	t.Parallel()
	type newer struct {
		topic   string // after the prefix
		key     string // of the record that is written again in a newer version
		like    string // key of the record that it is made of, if it is another
		command []string
	}
	for name, n := range map[string]newer{
		"a range":            {topic: "-behavior"},
		"leaders":            {topic: "-leaders"},
		"a page":             {topic: "-heat-table", key: "/a", command: []string{"page", "/a"}},
		"a progress":         {topic: "-heat-table", key: codec.ProgressKey(0), command: []string{"audit"}},
		"a fence":            {topic: "-heat-table", key: codec.FenceKey(0)},
		"kept totals":        {topic: "-heat-table", key: codec.KeptKey(0), like: codec.ProgressKey(0), command: []string{"audit"}},
		"an unknown kind":    {topic: "-heat-table", key: "|later|0", like: codec.ProgressKey(0), command: []string{"reset", "--keep-totals", "--yes"}},
		"an epoch":           {topic: "-rank-table", key: codec.EpochKey(), command: []string{"reset", "--keep-totals", "--yes"}},
		"a board's position": {topic: "-output", key: "all-time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := harness.NewSite(t, kafkatest.Embedded(t), shared.program)
			p := newPipeline(t, site, 1)
			in, _, _ := counted(t, p)
			topic, like := site.Prefix+n.topic, n.like
			if like == "" {
				like = n.key
			}
			written := func(r *kgo.Record) bool {
				return n.topic == "-behavior" || n.topic == "-leaders" || string(r.Key) == like
			}
			var found *kgo.Record
			require.Eventually(t, func() bool {
				all := committed(t, site, topic)
				i := slices.IndexFunc(all, written)
				if i >= 0 {
					found = all[i]
				}
				return i >= 0
			}, harness.Within, 50e6, "%s has no such record", topic)
			r := &kgo.Record{Topic: topic, Key: found.Key, Value: bytes.Clone(found.Value), Headers: found.Headers}
			if n.key != "" {
				r.Key = []byte(n.key)
			}
			if n.topic == "-output" {
				for i, h := range r.Headers {
					r.Headers[i].Value = bytes.Clone(h.Value)
					r.Headers[i].Value[0] += newerVersions
				}
			} else {
				r.Value[0] += newerVersions
			}
			if n.key != "" {
				stopped(t, in) // tables are read when a partition is taken over
			}
			kafkatest.ProduceRecords(t, site.Cluster, r)
			if n.key != "" {
				in = site.Start("older")
			}
			says := refuses(t, in)
			assert.Contains(t, says, "upgrade this instance")
			assert.Contains(t, says, topic+" partition 0")
			assert.NotContains(t, says, "cannot be trusted")
			if n.command != nil {
				result := site.Command(n.command...)
				assert.Equal(t, 1, result.Code)
				assert.Contains(t, result.Stderr, "upgrade this instance")
				assert.Contains(t, result.Stderr, topic)
			}
		})
	}
}

// committed are the committed records of partition 0 of a topic.
func committed(t *testing.T, site *harness.Site, topic string) []*kgo.Record {
	t.Helper()
	ends, err := kafkatest.Admin(t, site.Cluster).ListCommittedOffsets(within(t), topic)
	require.NoError(t, err)
	end, _ := ends.Lookup(topic, 0)
	var all []*kgo.Record
	client := kafkatest.Client(t, site.Cluster, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}), kgo.FetchMaxWait(100e6))
	for at := int64(0); at < end.Offset; {
		fetches := client.PollFetches(within(t))
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			if !r.Attrs.IsControl() {
				all = append(all, r)
			}
		})
	}
	return all
}

// TestTheStoreOfAnotherVersionIsScratch finds files of another program's version in --store-dir:
// they are deleted, and the table is restored from Kafka.
func TestTheStoreOfAnotherVersionIsScratch(t *testing.T) {
	t.Parallel()
	site := harness.NewSite(t, kafkatest.Embedded(t), shared.program)
	p := newPipeline(t, site, 1)
	dir := t.TempDir()
	in, want, ends := counted(t, p, "--store", "disk", "--store-dir", dir)
	stopped(t, in)
	later := filepath.Join(dir, "partition-0-1")
	require.NoError(t, os.MkdirAll(later, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(later, "CURRENT"), []byte("of a later version"), 0o600))
	in = site.Start("older", "--store", "disk", "--store-dir", dir)
	p.exact(t, in, ends, want)
	stopped(t, in)
	p.audited(t)
}
