package overview

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

// world is a cluster with pageheat's topics, and an overview of it that does not reuse answers.
type world struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	topo    *topology.Topology
	admin   *kadm.Client
	*Overview
}

func newWorld(t *testing.T) world {
	t.Helper()
	cluster := kafkatest.Embedded(t)
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	for _, spec := range topo.Specs(1, 1) {
		kafkatest.CreateTopic(t, cluster, spec.Name, int32(spec.Partitions))
	}
	kafkatest.CreateTopic(t, cluster, topo.Input, 1)
	clients := kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: topo.Prefix})
	t.Cleanup(clients.Close)
	return world{t, cluster, topo, kafkatest.Admin(t, cluster), New(clients, topo, func(kafka.Resource, string) bool { return false })}
}

// now is the current state.
func (w world) now() State {
	w.t.Helper()
	w.last.At = time.Time{}
	state, err := w.State(w.t.Context())
	require.NoError(w.t, err)
	return state
}

func (s State) node(t *testing.T, name string) Node {
	t.Helper()
	i := slices.IndexFunc(s.Flow, func(n Node) bool { return n.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return s.Flow[i]
}

// counts simulates the pipeline's progress: ingest has committed an offset, heat has applied
// everything below it, and the board includes it.
func (w world) counts(below int64) {
	w.t.Helper()
	leaders := codec.AppendLeaders(nil, &codec.Leaders{Partition: 0,
		Progress: codec.Progress{Partitions: 1, To: []int64{below - 1}, Begin: []int64{0}, Lost: []uint64{0}}})
	kafkatest.Produce(w.t, w.cluster, w.topo.Leaders, string(leaders))
	board, err := codec.EncodeBoard(&codec.Board{Board: "all-time", Version: 1, UpdatedAt: time.Now(), Offsets: codec.NewOffsets([]int64{below}), Pages: []codec.BoardPage{}})
	require.NoError(w.t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Brokers()...))
	require.NoError(w.t, err)
	defer client.Close()
	require.NoError(w.t, client.ProduceSync(w.t.Context(), &kgo.Record{Topic: w.topo.Output, Key: []byte("all-time"), Value: board}).FirstErr())
	// Boards of another time come after it.
	day, err := codec.EncodeBoard(&codec.Board{Board: "day/2026-01-02", Version: 2, UpdatedAt: time.Now(), Offsets: codec.NewOffsets([]int64{below - 1})})
	require.NoError(w.t, err)
	for range 2 * boardTail {
		client.Produce(w.t.Context(), &kgo.Record{Topic: w.topo.Output, Key: []byte("day/2026-01-02"), Value: day}, nil)
	}
	require.NoError(w.t, client.Flush(w.t.Context()))
	var offsets kadm.Offsets
	offsets.AddOffset(w.topo.Input, 0, below, -1)
	_, err = w.admin.CommitOffsets(w.t.Context(), w.topo.IngestGroup, offsets)
	require.NoError(w.t, err)
}

// transaction writes messages to the input in a transaction, and returns the function that ends
// it.
func (w world) transaction(messages int) func(kgo.TransactionEndTry) {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Brokers()...), kgo.TransactionalID("a job"))
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	require.NoError(w.t, client.BeginTransaction())
	for range messages {
		client.Produce(w.t.Context(), &kgo.Record{Topic: w.topo.Input, Value: []byte("/a|1|0|0")}, nil)
	}
	require.NoError(w.t, client.Flush(w.t.Context()))
	return func(how kgo.TransactionEndTry) {
		require.NoError(w.t, client.EndTransaction(context.WithoutCancel(w.t.Context()), how))
	}
}

func lagOf(t *testing.T, n Node) int64 {
	t.Helper()
	require.NotNil(t, n.Lag, "%s: %s", n.Name, n.Unknown)
	require.Len(t, n.Partitions, 1)
	require.Equal(t, n.Lag, n.Partitions[0].Lag)
	return *n.Lag
}

// Without unread records there is no lag, whatever transactions have left behind.
func TestLagKnowsTransactions(t *testing.T) {
	w := newWorld(t)
	w.transaction(1)(kgo.TryCommit) // offset 0, and its marker
	w.counts(1)
	state := w.now()
	assert.Zero(t, lagOf(t, state.node(t, w.topo.Input)))
	assert.Zero(t, lagOf(t, state.node(t, w.topo.IngestGroup)))

	w.transaction(1000)(kgo.TryAbort)
	for range 2 { // found, and remembered
		state = w.now()
		assert.Zero(t, lagOf(t, state.node(t, w.topo.Input)), "aborted ones are not read")
		assert.Zero(t, lagOf(t, state.node(t, w.topo.IngestGroup)))
		assert.Empty(t, state.node(t, w.topo.Input).Unknown)
	}

	w.transaction(1)(kgo.TryCommit)
	state = w.now()
	assert.Positive(t, lagOf(t, state.node(t, w.topo.Input)), "one waits")
	assert.Nil(t, state.node(t, w.topo.Input).Partitions[0].WaitsAt)
	ends, err := w.admin.ListEndOffsets(t.Context(), w.topo.Input)
	require.NoError(t, err)
	end, _ := ends.Lookup(w.topo.Input, 0)
	w.counts(end.Offset - 1) // except the marker
	assert.Zero(t, lagOf(t, w.now().node(t, w.topo.Input)))

	kafkatest.Produce(t, w.cluster, w.topo.Input, "/a|1|0|0", "/a|1|0|0")
	assert.EqualValues(t, 3, lagOf(t, w.now().node(t, w.topo.Input)), "two, and the marker before them")
}

// Records behind an open transaction are reported.
func TestOpenTransactionsAreShown(t *testing.T) {
	w := newWorld(t)
	kafkatest.Produce(t, w.cluster, w.topo.Input, "/a|1|0|0")
	w.counts(1)
	end := w.transaction(2)
	kafkatest.Produce(t, w.cluster, w.topo.Input, "/b|1|0|0")
	state := w.now()
	for _, name := range []string{w.topo.Input, w.topo.IngestGroup} {
		n := state.node(t, name)
		assert.Zero(t, lagOf(t, n), "nothing can be read")
		require.NotNil(t, n.Partitions[0].WaitsAt)
		assert.EqualValues(t, 1, *n.Partitions[0].WaitsAt)
		assert.EqualValues(t, 4, *n.Partitions[0].End)
	}
	end(kgo.TryAbort)
	n := w.now().node(t, w.topo.Input)
	assert.EqualValues(t, 3, lagOf(t, n))
	assert.Nil(t, n.Partitions[0].WaitsAt)
}

// Somebody may delete some or all dead letters.
func TestDeadLettersThatWereDeleted(t *testing.T) {
	w := newWorld(t)
	kafkatest.Produce(t, w.cluster, w.topo.DeadLetter, "1", "2", "3")
	letters := w.now().DeadLetters
	require.EqualValues(t, 3, *letters.Total)
	require.Len(t, letters.Samples, 3)
	remove := func(below int64) {
		var offsets kadm.Offsets
		offsets.AddOffset(w.topo.DeadLetter, 0, below, -1)
		answer, err := w.admin.DeleteRecords(t.Context(), offsets)
		require.NoError(t, err)
		require.NoError(t, answer.Error())
	}
	remove(2)
	letters = w.now().DeadLetters
	require.EqualValues(t, 1, *letters.Total)
	require.Len(t, letters.Samples, 1)
	assert.Equal(t, "3", letters.Samples[0].Message)
	remove(3)
	for range 2 {
		letters = w.now().DeadLetters
		assert.Zero(t, *letters.Total)
		assert.Empty(t, letters.Samples)
		assert.Empty(t, letters.Reasons)
		assert.Empty(t, letters.Unknown)
	}
	kafkatest.Produce(t, w.cluster, w.topo.DeadLetter, "4")
	assert.Equal(t, "4", w.now().DeadLetters.Samples[0].Message)
	assert.EqualValues(t, 4, *w.now().node(t, w.topo.DeadLetter).Records, "records that ever were, for rates")
}

// Unknown values are null with a reason, and never 0.
func TestWhatIsNotKnownIsSaidSo(t *testing.T) {
	w := newWorld(t)
	state := w.now()
	for name, why := range map[string]string{
		w.topo.Input:       "there is no board yet",
		w.topo.IngestGroup: "the group has committed no offset",
		w.topo.HeatGroup:   "sent no leaders",
		w.topo.RankGroup:   "of 1 heat partitions, 0 sent leaders recently",
	} {
		n := state.node(t, name)
		assert.Nil(t, n.Lag, name)
		assert.Contains(t, n.Unknown, why, name)
	}
	assert.Nil(t, state.node(t, w.topo.IngestGroup).Records)
	assert.Empty(t, state.node(t, w.topo.Behavior).Unknown)
	assert.Zero(t, *state.node(t, w.topo.Behavior).Records)

	_, err := w.admin.DeleteTopics(t.Context(), w.topo.DeadLetter, w.topo.Output)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		state = w.now()
		return strings.Contains(state.node(t, w.topo.Output).Unknown, "does not exist")
	}, 10*time.Second, 50*time.Millisecond)
	for _, name := range []string{w.topo.DeadLetter, w.topo.Output} {
		assert.Nil(t, state.node(t, name).Records, name)
		assert.Contains(t, state.node(t, name).Unknown, "does not exist")
	}
	assert.Nil(t, state.DeadLetters.Total)
	assert.Contains(t, state.DeadLetters.Unknown, "does not exist")

	text, err := json.Marshal(state)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"lag":null`)
	assert.Contains(t, string(text), `"records":null`)

	// If one broker does not answer, the others still do; if there is no other, it is an error.
	require.NoError(t, w.cluster.Close())
	w.last.At = time.Time{}
	began := time.Now()
	_, err = w.State(t.Context())
	require.Error(t, err)
	assert.Less(t, time.Since(began), askWithin+time.Second)
}

func TestBrokersThatAreDown(t *testing.T) {
	o := &Overview{}
	metadata := kadm.Metadata{
		Brokers: kadm.BrokerDetails{{NodeID: 1, Host: "a", Port: 9092}, {NodeID: 2, Host: "b", Port: 9092}},
		Topics: kadm.TopicDetails{"x": {Topic: "x", Partitions: kadm.PartitionDetails{
			0: {Partition: 0, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}},
		}}},
	}
	brokers, replicas := o.brokers(metadata)
	assert.ElementsMatch(t, []Broker{{1, "a:9092", true}, {2, "b:9092", true}}, brokers)
	assert.Zero(t, replicas)
	metadata.Brokers = metadata.Brokers[:1]
	metadata.Topics["x"].Partitions[0] = kadm.PartitionDetail{Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1}}
	metadata.Topics["x"].Partitions[1] = kadm.PartitionDetail{Leader: -1, Replicas: []int32{3}, ISR: []int32{3}}
	for range 2 {
		brokers, replicas = o.brokers(metadata)
		assert.ElementsMatch(t, []Broker{{1, "a:9092", true}, {2, "b:9092", false}, {3, "", false}}, brokers, "it was known before")
		assert.Equal(t, Replicas{UnderReplicated: 1, Leaderless: 1}, replicas)
	}
}

func TestReasons(t *testing.T) {
	assert.Equal(t, "a; b", reasons("", "a", "b", "a", ""))
	assert.Equal(t, "partitions [1 2 3 4 5] and 2 more: why", ofPartitions([]int32{1, 2, 3, 4, 5, 6, 7}, "why"))
	assert.Empty(t, ofPartitions(nil, "why"))
	assert.Empty(t, reasons("", ""))
}
