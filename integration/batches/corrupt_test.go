package batches

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
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

// TestACorruptBatch changes a bit of a batch on a broker's disk. The other partitions
// of the input keep up, the sick one is named with its offset and what to do, and it
// goes on when that was done.
func TestACorruptBatch(t *testing.T) {
	const heap, sick = 512, 1
	dir := t.TempDir()
	cluster := kafkatest.Real(t, 1, kafkatest.WithHeap(heap), kafkatest.WithDir(dir), kafkatest.WithSecurity(kafkatest.SecurityOfTests()...))
	kafkatest.NeedProcesses(t, cluster)
	site := harness.NewSite(t, cluster, program)
	site.Create(inputPartitions)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	boards := site.Follow()
	want := harness.NewRecount()
	client := kafkatest.Client(t, cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	send := func(partition int32, lines ...string) harness.Ends { // a batch
		ends := harness.Ends{}
		var records []*kgo.Record
		for _, line := range lines {
			records = append(records, &kgo.Record{Topic: site.Input, Partition: partition, Value: []byte(line)})
		}
		require.NoError(t, client.ProduceSync(ctx, records...).FirstErr())
		for _, r := range records {
			ends.Include(r)
		}
		return ends
	}
	counted := func(lines ...string) []string {
		for _, line := range lines {
			require.NoError(t, want.Add([]byte(line), 1))
		}
		return lines
	}
	send(sick, counted("/before|1|0|0")...)
	gone := send(sick, "/gone|1|0|0", "/gone|2|0|0", "/gone|3|0|0")
	behind := send(sick, counted("/behind|1|0|0", "/behind|1|0|0")...)
	require.NoError(t, cluster.Stop(0))
	damage(t, filepath.Join(dir, "broker-0", fmt.Sprintf("%s-%d", site.Input, sick)), "/gone|2|0|0")
	require.NoError(t, cluster.Start(0))
	require.NoError(t, cluster.WaitReady(ctx))

	in := site.Start("only")
	healthy := harness.Ends{}
	for _, p := range []int32{0, 2} {
		maps.Copy(healthy, send(p, counted("/healthy|1|0|0")...))
	}
	_, err := boards.WaitFor(ctx, healthy)
	require.NoError(t, err, "the healthy partitions keep up")
	said, _, err := in.WaitLog(ctx, 0, func(e harness.Entry) bool {
		return e.Level == "ERROR" && strings.Contains(e.Raw, site.Input) && strings.Contains(e.Raw, "kafka-delete-records")
	})
	require.NoError(t, err, "it says which partition is sick, and what to do")
	t.Log(said.Raw)
	assert.Equal(t, fmt.Sprint(sick), said.Text("partition"))
	assert.Equal(t, "1", said.Text("offset"), "where the batch begins")
	assert.Contains(t, said.Raw, fmt.Sprintf("below offset %d", gone[sick]))
	require.Eventually(t, func() bool {
		a, err := in.Get(ctx, "/readyz")
		return err == nil && a.Status == http.StatusServiceUnavailable && bytes.Contains(a.Body, []byte(site.Input))
	}, time.Minute, 100*time.Millisecond, "/readyz names it")
	maps.Copy(healthy, send(0, counted("/healthy|2|0|0")...))
	_, err = boards.WaitFor(ctx, healthy)
	require.NoError(t, err, "the healthy partitions go on keeping up")

	var to kadm.Offsets
	to.AddOffset(site.Input, sick, gone[sick], -1)
	deleted, err := kafkatest.Admin(t, cluster).DeleteRecords(ctx, to)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
	healthy[sick] = behind[sick]
	board, err := boards.WaitFor(ctx, healthy)
	require.NoError(t, err, "it goes on behind what was deleted")
	assert.Empty(t, want.CompareBoard(board), "the board")
	assert.Empty(t, boards.Wrong())
	require.NoError(t, in.WaitReady(ctx))
	code, err := in.Drain(10 * time.Second)
	require.NoError(t, err)
	assert.Zero(t, code)
}

// damage changes a bit of a text in the log of a partition.
func damage(t *testing.T, dir, text string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	require.Len(t, segments, 1)
	data, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	i := bytes.Index(data, []byte(text))
	require.Positive(t, i, "the batch is in the log, not compressed")
	data[i] ^= 1
	require.NoError(t, os.WriteFile(segments[0], data, 0o600))
}
