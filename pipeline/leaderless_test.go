package pipeline

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// TestProducersOutliveATopicWithoutALeader, and a cluster without brokers, for seconds.
// A record that is given up ends the session, and the role is started again.
func TestProducersOutliveATopicWithoutALeader(t *testing.T) {
	const long = 5 * time.Second
	outages := map[string]func(c *kafkatest.Cluster, topic string) (end func()){
		"a topic without a leader": func(c *kafkatest.Cluster, topic string) func() {
			faults := c.Fake().Fault(
				kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.LeaderNotAvailable, Count: -1},
				kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotLeaderForPartition, Count: -1})
			return faults.Remove
		},
		"no broker": func(c *kafkatest.Cluster, _ string) func() {
			var away atomic.Bool
			away.Store(true)
			c.Fake().Control(func(kmsg.Request) (kmsg.Response, error, bool) {
				c.Fake().KeepControl()
				if away.Load() {
					return nil, errors.New("the broker is gone"), true
				}
				return nil, nil, false
			})
			return func() { away.Store(false) }
		},
	}
	for name, outage := range outages {
		t.Run("plain, "+name, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.Embedded(t)
			s, topo := tableSettings(t, c)
			kafkatest.CreateTopic(t, c, topo.Leaders, 1)
			plain, err := s.Cluster.Producer("heat", 0)
			require.NoError(t, err)
			p := newProducer(plain, onlyPartition, "")
			defer p.Close()
			now := testSession(&fakeSession{ctx: t.Context()})
			defer now.cancel()
			p.begin(now, nil)
			sent := make(chan error, 2)
			send := func(value string) {
				p.Emit(topo.Leaders, "", []byte(value)).Then(func(err error) { sent <- err })
			}
			send("before")
			require.NoError(t, <-sent)
			end := outage(c, topo.Leaders)
			time.AfterFunc(long, end)
			began := time.Now()
			send("meanwhile")
			require.NoError(t, <-sent)
			require.GreaterOrEqual(t, time.Since(began), long)
			require.NoError(t, now.failure())
			require.Len(t, kafkatest.Read(t, c, topo.Leaders, 2), 2)
		})
		t.Run("transaction, "+name, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.Embedded(t)
			s, topo := tableSettings(t, c)
			tx, err := takeOver(t.Context(), s, kafka.Ownership{Purpose: "heat", Topic: topo.HeatTable, ID: topo.HeatTransactionalID(0)}, codec.ProgressKey(0), "owner")
			require.NoError(t, err)
			defer tx.GiveUp(errSessionOver)
			end := outage(c, topo.HeatTable)
			time.AfterFunc(long, end)
			began := time.Now()
			require.NoError(t, write(t.Context(), tx, "page", "1", false))
			require.NoError(t, write(t.Context(), tx, codec.ProgressKey(0), "p", true))
			require.GreaterOrEqual(t, time.Since(began), long)
		})
	}
}
