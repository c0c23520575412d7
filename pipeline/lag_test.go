package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
)

// collected are the values of a lag's series, by metric.
func collected(t *testing.T, l *lag) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(l)
	families, err := r.Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		require.Len(t, f.GetMetric(), 1)
		values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	return values
}

// TestLagInSecondsGrowsWhileBehind: also if nothing is read any more.
func TestLagInSecondsGrowsWhileBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLag("x", "Records.", "Seconds.")
		require.Empty(t, collected(t, l))
		l.set(3, 7, time.Now().Add(-2*time.Second))
		require.Equal(t, map[string]float64{"x_lag_records": 7, "x_lag_seconds": 2}, collected(t, l))
		time.Sleep(time.Minute)
		require.Equal(t, map[string]float64{"x_lag_records": 7, "x_lag_seconds": 62}, collected(t, l))
		l.set(3, -1, time.Now().Add(-2*time.Second))
		require.Equal(t, map[string]float64{"x_lag_records": 0, "x_lag_seconds": 0}, collected(t, l), "it is caught up")
		l.set(3, 1, time.Now().Add(time.Hour))
		require.Equal(t, map[string]float64{"x_lag_records": 1, "x_lag_seconds": 0}, collected(t, l), "a producer's clock is fast")
		l.reset()
		require.Empty(t, collected(t, l))
	})
}

// TestOldestRecordOfWhatWasSent: what was sent and did not arrive on a board stays, and what
// is gathered meanwhile waits for the next one.
func TestOldestRecordOfWhatWasSent(t *testing.T) {
	now := time.UnixMilli(100_000)
	var o oldest
	o.send()
	_, any := o.arrived(now)
	require.False(t, any, "no record had a timestamp")
	o.add(99_000)
	o.add(0)
	o.add(98_000)
	o.send()
	o.add(90_000)
	age, any := o.arrived(now)
	require.True(t, any)
	require.Equal(t, 2*time.Second, age)
	_, any = o.arrived(now)
	require.False(t, any)
	o.send()
	o.add(99_500)
	o.send() // the one before made no board
	age, _ = o.arrived(now)
	require.Equal(t, 10*time.Second, age)
	o.add(101_000)
	o.send()
	age, any = o.arrived(now)
	require.True(t, any)
	require.Zero(t, age, "a producer's clock is fast")
}

func TestOldestOfARecord(t *testing.T) {
	require.Zero(t, oldestOf(&sarama.ConsumerMessage{Headers: []*sarama.RecordHeader{{Key: []byte("other"), Value: make([]byte, 8)}}}))
	require.EqualValues(t, 7, oldestOf(&sarama.ConsumerMessage{Headers: []*sarama.RecordHeader{
		{Key: []byte(codec.HeaderOldest), Value: codec.AppendOldest(nil, 7)}}}))
}
