package hostile

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// packed sends records in one compressed batch.
func (a *attack) packed(codec kgo.CompressionCodec, records ...*kgo.Record) {
	a.t.Helper()
	const most = 1 << 30
	client := kafkatest.Client(a.t, a.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(most), kgo.BrokerMaxWriteBytes(most), kgo.ProducerLinger(50*time.Millisecond), kgo.MaxBufferedRecords(100_000))
	require.NoError(a.t, client.ProduceSync(a.ctx, records...).FirstErr())
}

// TestOneMessage sends one message, or one batch, that must stop nothing.
func TestOneMessage(t *testing.T) {
	x := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	settings := []string{"the dead-letter topic takes 1,000 bytes", "the dead-letter topic is compacted", "a bad message from 1970", "a bad message from 2200"}
	for name, act := range map[string]func(a *attack){
		"9 MB of x, gzip": func(a *attack) {
			a.packed(kgo.GzipCompression(), &kgo.Record{Topic: a.Input, Value: x(9_000_000)})
		},
		"64 MB of x, zstd": func(a *attack) {
			a.packed(kgo.ZstdCompression(), &kgo.Record{Topic: a.Input, Value: x(64_000_000)})
		},
		"a key of 9 MB": func(a *attack) {
			a.packed(kgo.GzipCompression(), &kgo.Record{Topic: a.Input, Key: x(9_000_000), Value: []byte("bad")})
		},
		"a header of 9 MB": func(a *attack) {
			a.packed(kgo.GzipCompression(), &kgo.Record{Topic: a.Input, Value: []byte("bad"), Headers: []kgo.RecordHeader{{Key: "h", Value: x(9_000_000)}}})
		},
		"100,000 headers": func(a *attack) {
			r := &kgo.Record{Topic: a.Input, Value: []byte("bad")}
			for i := range 100_000 {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: fmt.Sprint(i)})
			}
			a.packed(kgo.GzipCompression(), r)
		},
		"16,384 pages of 1,000 bytes": func(a *attack) {
			var all []*kgo.Record
			for i := range 16_384 {
				value := fmt.Appendf(nil, "/%06d%s|1|0|0", i, x(993))
				require.NoError(a.t, a.want.Add(value, 1))
				all = append(all, &kgo.Record{Topic: a.Input, Value: value})
			}
			a.packed(kgo.ZstdCompression(), all...)
			a.ends.Include(all[len(all)-1])
		},
		"the dead-letter topic takes 1,000 bytes": func(a *attack) {
			a.alter(a.Prefix+"-dead-letter", "max.message.bytes", "1000")
			a.write(&kgo.Record{Topic: a.Input, Value: x(2_000)})
			a.write(&kgo.Record{Topic: a.Input, Value: []byte("bad"), Key: x(2_000)})
		},
		"the dead-letter topic is compacted": func(a *attack) {
			a.alter(a.Prefix+"-dead-letter", "cleanup.policy", "compact")
			a.write(&kgo.Record{Topic: a.Input, Value: []byte("bad, without a key")})
		},
		"a bad message from 1970": func(a *attack) {
			a.alter(a.Input, "retention.ms", "-1")
			a.alter(a.Prefix+"-dead-letter", "message.timestamp.before.max.ms", "3600000")
			a.write(&kgo.Record{Topic: a.Input, Value: []byte("bad"), Timestamp: time.Unix(1, 0)})
		},
		"a bad message from 2200": func(a *attack) {
			a.alter(a.Input, "message.timestamp.after.max.ms", "9223372036854775807")
			a.write(&kgo.Record{Topic: a.Input, Value: []byte("bad"), Timestamp: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)})
		},
	} {
		if !wholeSuite() && name != "9 MB of x, gzip" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			act(a)
			if !endedBeforeBoard(a) {
				a.goesOn()
				return
			}
			require.Contains(t, settings, name, "it must go on: %s", a.in.LastWords())
			// Only a person can change a topic's settings.
			a.endsSaying(a.Prefix+"-dead-letter", "docs/operations.md")
		})
	}
}

// TestTransactionsOfOthers: aborted records leave no lag, and an open transaction is reported.
func TestTransactionsOfOthers(t *testing.T) {
	a := newAttack(t)
	writer := kafkatest.Client(t, a.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(a.Prefix+"-writer"))
	send := func(n int) {
		t.Helper()
		require.NoError(t, writer.BeginTransaction())
		for i := range n {
			writer.Produce(a.ctx, &kgo.Record{Topic: a.Input, Partition: 1, Value: fmt.Appendf(nil, "/aborted|%d|0|0", i%5)}, nil)
		}
		require.NoError(t, writer.Flush(a.ctx))
	}
	send(20_000)
	require.NoError(t, writer.EndTransaction(a.ctx, kgo.TryAbort))
	a.good()
	_, err := a.boards.WaitFor(a.ctx, a.ends)
	require.NoError(t, err)
	send(100)
	require.NoError(t, writer.EndTransaction(a.ctx, kgo.TryAbort))
	require.Eventually(t, func() bool {
		answer, err := a.in.Get(a.ctx, "/api/v1/overview")
		t.Logf("%.600s", answer.Body)
		return err == nil && answer.Status == 200 && !bytes.Contains(answer.Body, []byte(`"lag":20`)) && !bytes.Contains(answer.Body, []byte(`"lag":10`))
	}, 20*time.Second, 2*time.Second, "no lag where nothing readable is left")
	a.goesOn()
}

// TestTwoInstancesWithOneID: one of them exits with the reason, and the other continues.
func TestTwoInstancesWithOneID(t *testing.T) {
	a := newAttack(t, "--instance-id", "x")
	first := a.in
	second := a.Start("second", "--instance-id", "x")
	var ended, left *harness.Instance
	require.Eventually(t, func() bool {
		if _, done := first.Ended(); done {
			ended, left = first, second
		} else if _, done := second.Ended(); done {
			ended, left = second, first
		}
		return ended != nil
	}, judgedWithin, pollEvery, "one of them ends")
	code, _ := ended.Ended()
	t.Logf("%s ended: %s", ended.Name(), ended.LastWords())
	assert.Equal(t, 1, code)
	assert.Contains(t, ended.LastWords(), "--instance-id")
	a.in = left
	a.goesOn()
}

// TestMorePartitions adds partitions to topics while an instance runs.
func TestMorePartitions(t *testing.T) {
	for _, topic := range []string{"-input", "-behavior", "-heat-table", "-leaders", "-rank-table", "-output", "-dead-letter"} {
		t.Run(topic[1:], func(t *testing.T) {
			a := newAttack(t)
			kafkatest.AddPartitions(t, a.Cluster, a.Prefix+topic, 6)
			if topic == "-input" {
				a.behaviour(5, "/new|1|1|1")
				a.goesOn()
				return
			}
			if !endedBeforeBoard(a) {
				// It may take a moment to be noticed.
				select {
				case <-time.After(10 * time.Second):
				case <-a.ctx.Done():
				}
			}
			if _, ended := a.in.Ended(); ended {
				a.endsSaying(a.Prefix+topic, "docs/operations.md")
				return
			}
			assert.NotContains(t, []string{"-behavior", "-heat-table"}, topic, "it must stop")
			a.goesOn()
		})
	}
}
