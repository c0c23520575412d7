package kafka

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
)

// near is the answer of a leader that names a replica.
func near(broker int32) kmsg.FetchResponseTopicPartition {
	return kmsg.FetchResponseTopicPartition{PreferredReadReplica: broker, HighWatermark: 5, LastStableOffset: 5}
}

// TestTheReplicaThatTheLeaderNamesIsRead, until it is time to ask the leader again.
func TestTheReplicaThatTheLeaderNamesIsRead(t *testing.T) {
	f, c := nearFetcher(t)
	f.take(t.Context(), wantOf(t, f, 1), answer(near(2)), time.Time{}, nil)
	require.EqualValues(t, -1, c.broker)
	require.Empty(t, c.chunks, "there is nothing to hand over")
	ctx, end := context.WithCancel(t.Context())
	end() // nobody is asked
	require.True(t, f.assign(ctx), "no leader needs to be looked up")
	f.loops.Wait()
	require.EqualValues(t, 2, c.broker)
	f.take(t.Context(), wantOf(t, f, 2), answer(kmsg.FetchResponseTopicPartition{PreferredReadReplica: -1, RecordBatches: batchOf(0, 1)}), time.Time{}, nil)
	require.Len(t, c.chunks, 1)
	require.EqualValues(t, 2, c.broker)
	c.near.until = time.Now()
	all, _ := f.want(2)
	require.Empty(t, all)
	require.EqualValues(t, -1, c.broker, "the leader is looked up")
	_, is := c.near.at(time.Now())
	require.False(t, is)
}

// TestTheLeaderIsReadAfterAReplicaHasFailed, whatever its error was.
func TestTheLeaderIsReadAfterAReplicaHasFailed(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.OffsetOutOfRange, kerr.NotLeaderForPartition, kerr.TopicAuthorizationFailed} {
		t.Run(code.Message, func(t *testing.T) {
			f, c := nearFetcher(t)
			c.next, c.broker = 3, 2
			c.near.prefer(2, time.Now())
			f.take(t.Context(), wantOf(t, f, 2), answer(kmsg.FetchResponseTopicPartition{PreferredReadReplica: -1, ErrorCode: code.Code, LogStartOffset: 20}), time.Time{}, nil)
			require.Empty(t, c.chunks, "the beginning of a replica's log is not the partition's")
			require.EqualValues(t, 3, c.next)
			require.EqualValues(t, -1, c.broker)
			assert.False(t, c.near.wanted(time.Now()), "the leader names none for a while")
			assert.True(t, c.near.wanted(time.Now().Add(farFor)))
		})
	}
}

// nearFetcher has one claim, which broker 1 leads.
func nearFetcher(t *testing.T) (*fetcher, *Claim) {
	f, _ := testFetcher(t, 0)
	f.rack, f.fault = "here", func(err error) { t.Errorf("%v", err) }
	return f, f.claims[0]
}

// wantOf is what is asked for of a broker.
func wantOf(t *testing.T, f *fetcher, broker int32) []wanted {
	t.Helper()
	all, _ := f.want(broker)
	require.Len(t, all, 1)
	return all
}

// TestReplicasInTheRackAreRead: Kafka's leaders name them to a process with a rack.
func TestReplicasInTheRackAreRead(t *testing.T) {
	cluster := kafkatest.Real(t, 2, kafkatest.WithProperty("replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"))
	kafkatest.NeedProcesses(t, cluster)
	topic := kafkatest.Prefix(t)
	_, err := kafkatest.Admin(t, cluster).CreateTopic(t.Context(), 1, 2, nil, topic)
	require.NoError(t, err)
	for i := range 20 {
		kafkatest.Produce(t, cluster, topic, fmt.Sprint(i))
	}
	for broker := range int32(2) {
		clients := New(Config{Brokers: cluster.Brokers(), Rack: fmt.Sprintf("rack-%d", broker), ClientID: "test"})
		t.Cleanup(clients.Close)
		found, err := clients.Topic(t.Context(), topic)
		require.NoError(t, err)
		log := clients.Log(found, 0)
		got, err := log.FetchPatiently(t.Context(), 0, 1<<20)
		require.NoError(t, err)
		require.NotNil(t, got.Chunk)
		asked, is := log.near.at(time.Now())
		assert.Equal(t, broker != found.Leaders[0], is)
		if is {
			assert.Equal(t, broker, asked)
		}
		var values []string
		require.NoError(t, clients.Read(t.Context(), Span{Topic: found, From: 0, To: 20}, func(records []*Record, _ int64) error {
			for _, r := range records {
				values = append(values, string(r.Value))
			}
			return nil
		}))
		assert.Len(t, values, 20)
	}
}

// TestReadingGoesBackToTheLeader of a replica that does not have the partition.
func TestReadingGoesBackToTheLeader(t *testing.T) {
	cluster := kafkatest.Embedded(t, kafkatest.WithBrokers(2))
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, cluster, topic, 1)
	kafkatest.Produce(t, cluster, topic, "a record")
	clients := New(Config{Brokers: cluster.Brokers(), Rack: "here", ClientID: "test"})
	t.Cleanup(clients.Close)
	found, err := clients.Topic(t.Context(), topic)
	require.NoError(t, err)
	other := 1 - found.Leaders[0]
	asked := map[int32]int{}
	cluster.Fake().ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake().KeepControl()
		fetch := request.(*kmsg.FetchRequest)
		node := cluster.Fake().CurrentNode()
		asked[node]++
		if node == other || fetch.Rack == "" {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.PreferredReadReplica = other
		answered := kmsg.NewFetchResponseTopic()
		answered.Topic, answered.TopicID = fetch.Topics[0].Topic, fetch.Topics[0].TopicID
		answered.Partitions = append(answered.Partitions, p)
		response.Topics = append(response.Topics, answered)
		return response, nil, true
	})
	log := clients.Log(found, 0)
	got, err := log.Fetch(t.Context(), 0, 1<<20)
	require.NoError(t, err)
	require.NotNil(t, got.Chunk)
	require.Equal(t, map[int32]int{found.Leaders[0]: 2, other: 1}, asked)
	_, err = log.Fetch(t.Context(), 0, 1<<20)
	require.NoError(t, err)
	require.Equal(t, map[int32]int{found.Leaders[0]: 3, other: 1}, asked, "the leader alone for a while")
}
