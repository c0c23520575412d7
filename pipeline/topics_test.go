package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// TestRangesThatCannotBeDeletedAreLoggedOnce: their topic grows without end.
func TestRangesThatCannotBeDeletedAreLoggedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		fails int
		warns int
	}{
		"a right is missing":   {err: kafka.Explain(fmt.Errorf("deleting: %w", kerr.TopicAuthorizationFailed)), fails: 20, warns: 1},
		"a policy is in force": {err: kafka.Explain(errors.Join(kerr.PolicyViolation)), fails: 20, warns: 1},
		"it is not supported":  {err: io.EOF, fails: 20, warns: 1},
		"a broker went away":   {err: io.EOF, fails: trimsInVain - 1},
		"the role ends":        {err: context.Canceled, fails: 20},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			tp := &topics{logger: slog.New(slog.NewTextHandler(&log, nil)), metrics: NewMetrics(prometheus.NewRegistry())}
			for range 2 {
				for range c.fails {
					tp.trimmed("topic", 0, c.err)
				}
				tp.trimmed("topic", 0, nil)
			}
			assert.Equal(t, 2*c.warns, strings.Count(log.String(), "WARN"), "%s", &log)
			assert.Equal(t, 2*c.warns, strings.Count(log.String(), "works again"), "%s", &log)
			counted := testutil.ToFloat64(tp.metrics.trims.WithLabelValues("topic"))
			if errors.Is(c.err, context.Canceled) {
				require.Zero(t, counted)
			} else {
				require.InDelta(t, 2*c.fails, counted, 0)
			}
		})
	}
}

// TestRangesThatMayNotBeDeleted: the right to delete is missing on the topic, as a broker
// says it. It is warned of once and counted, and over once the right is there.
func TestRangesThatMayNotBeDeleted(t *testing.T) {
	c := kafkatest.Embedded(t)
	s, topo := tableSettings(t, c)
	var log lockedLog
	s.Logger, s.Metrics = slog.New(slog.NewTextHandler(&log, nil)), NewMetrics(prometheus.NewRegistry())
	kafkatest.CreateTopic(t, c, topo.Behavior, 1)
	for range 3 {
		kafkatest.Produce(t, c, topo.Behavior, "range")
	}
	tp := newTopics(s)
	t.Cleanup(tp.close)
	trimmed := func(failures float64) {
		t.Helper()
		before := testutil.ToFloat64(s.Metrics.trims.WithLabelValues(topo.Behavior))
		tp.trim(topo.Behavior, 0, 2)
		require.Eventually(t, func() bool { return tp.trims.Load() == 0 }, 10*time.Second, time.Millisecond)
		require.InDelta(t, before+failures, testutil.ToFloat64(s.Metrics.trims.WithLabelValues(topo.Behavior)), 0)
	}
	denied := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteRecords}, Topic: topo.Behavior, Err: kerr.TopicAuthorizationFailed, Count: -1})
	for range 3 {
		trimmed(1)
	}
	require.Equal(t, 1, strings.Count(log.String(), "applied ranges cannot be deleted"), "%s", &log)
	require.Contains(t, log.String(), "has the right Delete on the topic")
	require.Contains(t, log.String(), topo.Behavior)
	denied.Remove()
	trimmed(0)
	require.Equal(t, 1, strings.Count(log.String(), "works again"), "%s", &log)
	require.EqualValues(t, 2, c.Fake().PartitionInfo(topo.Behavior, 0).LogStartOffset)
}

// lockedLog may be written to and read at once.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// countedTopic is a cluster that counts look-ups of a topic, each of which finds another id.
type countedTopic struct {
	lookups
	n byte
}

func (c *countedTopic) Topic(context.Context, string) (kafka.Topic, error) {
	c.n++
	return kafka.Topic{ID: [16]byte{c.n}}, nil
}

// TestPartitionsShareLookUpsOfTheInput: not for long, and the time is that of the look-up.
func TestPartitionsShareLookUpsOfTheInput(t *testing.T) {
	cluster := &countedTopic{}
	tp := &topics{cluster: cluster}
	begin := time.Now()
	for _, c := range []struct {
		after time.Duration
		id    byte
		at    time.Duration
	}{
		{0, 1, 0}, {0, 1, 0}, {sharedAge - 1, 1, 0}, {sharedAge, 2, sharedAge}, {sharedAge + 1, 2, sharedAge}, {time.Hour, 3, time.Hour},
	} {
		id, at, err := tp.idAt(t.Context(), "input", begin.Add(c.after))
		require.NoError(t, err)
		assert.Equal(t, codec.TopicID{c.id}, id)
		assert.Equal(t, begin.Add(c.at), at)
	}
}
