package pipeline

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/store"
)

// TestARestoreThatGetsNowhereIsSaid every half minute, and turns the role red until it
// gets on.
func TestARestoreThatGetsNowhereIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := logged()
		ctx, stop := context.WithCancel(t.Context())
		w := &restoreWatch{settings: s, topic: "table", part: 2, fenceAt: 99, stop: stop,
			why: func(context.Context) string {
				return "it waits behind an open transaction at the last stable offset 50"
			}}
		w.at.Store(49)
		w.ended.Go(func() { w.run(ctx) })
		said := func(times int) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, times, strings.Count(log.String(), "a restore makes no progress"), "%s", log)
		}
		time.Sleep(restoreReport - time.Second)
		said(0)
		require.NoError(t, s.Conditions.Of("heat"))
		time.Sleep(2 * time.Second)
		said(1)
		require.ErrorContains(t, s.Conditions.Of("heat"), "it is at offset 50 of 100; it waits behind an open transaction at the last stable offset 50")
		time.Sleep(restoreReport)
		said(2)
		w.at.Store(60)
		time.Sleep(restoreReport)
		said(2)
		require.NoError(t, s.Conditions.Of("heat"), "it makes progress")
		time.Sleep(restoreReport)
		said(3)
		w.end()
		require.NoError(t, s.Conditions.Of("heat"))
	})
}

// TestWhatHoldsARestoreIsNamed: the last stable offset, and whose transaction is open.
func TestWhatHoldsARestoreIsNamed(t *testing.T) {
	c := kafkatest.Embedded(t)
	s, topo := tableSettings(t, c)
	s.Metrics, s.Conditions = NewMetrics(prometheus.NewRegistry()), NewConditions()
	totals := heat.Totals{Behaviours: 1}
	page := func(name string) *kgo.Record {
		return &kgo.Record{Topic: topo.HeatTable, Key: []byte(name), Value: codec.AppendPageState(nil, &totals)}
	}
	kafkatest.ProduceRecords(t, c, page("/committed"))
	hanging := kafkatest.Client(t, c, kgo.TransactionalID("hangs"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, hanging.BeginTransaction())
	require.NoError(t, hanging.ProduceSync(t.Context(), page("/open")).FirstErr())
	kafkatest.ProduceRecords(t, c, page("/behind"))

	ctx, end := context.WithCancel(t.Context())
	defer end()
	p := store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
	restored := make(chan error, 1)
	go func() { restored <- restoreTable(ctx, s, p, 3, nil) }()
	w := &restoreWatch{settings: s, topic: topo.HeatTable, fenceAt: 2}
	assert.Regexp(t, `^it waits behind an open transaction at the last stable offset 1, of producer id \d+ \(epoch 0\) since offset 1; .*abort`, w.holds(t.Context()))
	require.Empty(t, restored, "it waits for what is open")
	require.NoError(t, hanging.EndTransaction(t.Context(), kgo.TryAbort))
	require.NoError(t, <-restored)
	require.Equal(t, 2, p.Len(), "what was aborted is no page")
	assert.Regexp(t, `^the records are there \(the last stable offset is 4\)`, w.holds(t.Context()))
}
