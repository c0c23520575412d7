package collect

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

const topic = "behaviours"

func messagesOf(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, size)
	}
	return out
}

func TestKafkaKeepsWhatWasWritten(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, cluster, topic, 3)
	leaks := goleak.IgnoreCurrent()
	k, err := NewKafka(kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"}), topic)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, k.Write(ctx, messagesOf(1000, 10)))
	require.NoError(t, k.Write(ctx, messagesOf(1, 1000)))
	assert.Zero(t, k.waiting.Load())

	missing, err := NewKafka(kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"}), "missing")
	require.NoError(t, err)
	require.ErrorContains(t, missing.Write(ctx, messagesOf(1, 1)), "topic missing")
	assert.Zero(t, missing.waiting.Load())
	missing.Close()
	k.Close()
	goleak.VerifyNone(t, leaks)
	assert.Len(t, kafkatest.Read(t, cluster, topic, 1001), 1001)
}

// While the broker does not respond, writers return at their deadlines, the number of waiting
// messages is bounded, and they are released when the broker responds again.
func TestKafkaThatIsAway(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, cluster, topic, 1)
	k, err := NewKafka(kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"}), topic)
	require.NoError(t, err)
	defer k.Close()
	var away atomic.Bool
	away.Store(true)
	fake := cluster.Fake()
	fake.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		return nil, errors.New("away"), away.Load()
	})
	short := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return k.Write(ctx, messagesOf(50, 600<<10))
	}
	require.ErrorIs(t, short(), context.DeadlineExceeded)
	full := 0
	for range 20 {
		if errors.Is(short(), ErrBusy) {
			full++
		}
		require.LessOrEqual(t, k.waiting.Load(), int64(maxWaiting))
	}
	t.Logf("%d of 20 got ErrBusy, %d bytes wait", full, k.waiting.Load())

	away.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.Eventually(t, func() bool { return k.Write(ctx, messagesOf(1, 10)) == nil }, 30*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return k.waiting.Load() == 0 }, 30*time.Second, 10*time.Millisecond)
}

// The input may be deleted and recreated while visitors send.
func TestKafkaTakesATopicThatWasCreatedAgain(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, cluster, topic, 3)
	k, err := NewKafka(kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"}), topic)
	require.NoError(t, err)
	defer k.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, k.Write(ctx, messagesOf(30, 10)))
	for partitions := range int32(2) { // fewer of them, and then the same
		admin := kafkatest.Admin(t, cluster)
		_, err = admin.DeleteTopic(ctx, topic)
		require.NoError(t, err)
		kafkatest.CreateTopic(t, cluster, topic, partitions+1)
		require.Eventually(t, func() bool {
			within, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			err := k.Write(within, messagesOf(30, 10))
			t.Log(err)
			return err == nil
		}, 20*time.Second, 50*time.Millisecond)
		require.NoError(t, k.Write(ctx, messagesOf(30, 10)), "and it stays so")
		require.Zero(t, k.waiting.Load())
	}
}
