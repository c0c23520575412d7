package integration

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/processors"
)

// TestWhatWasSentNeedsNoInput kills ingest before it has committed its offsets and before all
// heat partitions have its last range. Heat is down until the input is deleted: all behaviours
// are in the ranges, so nothing is lost.
func TestWhatWasSentNeedsNoInput(t *testing.T) {
	const targets, each = 3, 50
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1, "--partitions", fmt.Sprint(targets))
		want := harness.NewRecount()
		more := func() [][]byte {
			var lines [][]byte
			for i := range each {
				lines = append(lines, fmt.Appendf(nil, "/page%d|%d|0.5|1", i, i%5))
				require.NoError(t, want.Add(lines[i], 1))
			}
			sent(t, site, records(site, bytes.Join(lines, []byte{'\n'}), nil, func(int) int32 { return 0 }))
			return lines
		}
		more()
		ingest := []string{"--roles", "ingest", "--session-timeout", "6s"}
		first := site.Start("first", ingest...)
		require.NoError(t, site.WaitCommitted(within(t), harness.Ends{0: each}))
		require.NoError(t, first.Kill())
		group := site.Prefix + "-ingest"
		require.Eventually(t, func() bool { state, _ := site.Describe(group); return state == "Empty" },
			harness.Within, 50*time.Millisecond)
		commit(t, site, group, site.Input, each/5)

		// Only one heat partition has its last range.
		topics, err := kafkatest.Admin(t, site.Cluster).ListTopics(within(t), site.Input)
		require.NoError(t, err)
		combiner := processors.NewCombiner(0, targets, heat.DefaultLimits())
		combiner.Start(codec.TopicID(topics[site.Input].ID), each-1)
		for i, line := range more() {
			require.Nil(t, combiner.Add(int64(each+i), time.Now().UnixMilli(), line))
		}
		kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: site.Prefix + "-behavior", Partition: 1, Value: combiner.Flush()[1]})

		truncate(t, site, site.Input, each/2) // sent, but not committed
		second := site.Start("second", ingest...)
		more()
		require.NoError(t, site.WaitCommitted(within(t), harness.Ends{0: 3 * each}))
		_, _, err = second.WaitLog(within(t), 0, func(e harness.Entry) bool {
			return e.Text("committed") == fmt.Sprint(each/5) && e.Text("offset") == fmt.Sprint(each)
		})
		require.NoError(t, err, "it says where it begins")
		stopped(t, second)
		truncate(t, site, site.Input, 3*each)

		all := site.Start("all")
		p.exact(t, all, harness.Ends{0: 3 * each}, want)
		metrics, err := all.Get(within(t), "/metrics")
		require.NoError(t, err)
		assert.False(t, bytes.Contains(metrics.Body, []byte("\npageheat_heat_lost_records{")), "nothing is lost")
		stopped(t, all)
	})
}
