package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// Limits that differ among the instances of ingest are said once by the owner of a heat
// partition, and every change of them is counted.
func TestLimitsThatDifferAreSaidOnce(t *testing.T) {
	set, log := logged()
	h := NewHeat(HeatConfig{Settings: set}, "owner")
	h.partitions.Store(1)
	h.bounds = allExist(0)
	f := newHeatDriver(h, testSession(&fakeSession{}), &task{partition: store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})}, newFeeder(&fakeClaim{}), 0)
	offset := int64(0)
	apply := func(limits heat.Limits) {
		header := codec.RangeHeader{Input: codec.TopicID{7}, Targets: 1, From: offset - 1, To: offset, Limits: limits}
		msg := codec.AppendPageSum(codec.AppendRangeHeader(nil, header, 1), "page", &heat.Totals{Behaviours: 1})
		require.NoError(t, f.apply(&sarama.ConsumerMessage{Value: msg, Offset: offset}))
		offset++
	}
	usual, lower := heat.DefaultLimits(), heat.DefaultLimits()
	lower.MaxClicks = 7
	apply(usual)
	apply(usual)
	require.Empty(t, log.String())
	for range 3 {
		apply(lower)
		apply(usual)
	}
	require.Equal(t, 1, strings.Count(log.String(), "WARN"), log.String())
	require.Contains(t, log.String(), "hint=\"--max-clicks and --max-minutes must be the same on all instances")
	require.Contains(t, log.String(), fmt.Sprintf("max_clicks=7 max_minutes=%d max_clicks_before=%d", usual.MaxMinutes, usual.MaxClicks))
	require.InDelta(t, 6, testutil.ToFloat64(set.Metrics.limitChanges), 0)
}
