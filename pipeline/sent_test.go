package pipeline

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/processors"
)

// sentTest is a behaviour topic that the test writes.
type sentTest struct {
	*testing.T
	cluster *kafka.Cluster
	client  *kgo.Client
	topic   string
	input   codec.TopicID
}

const sentTargets = 2

func newSentTest(t *testing.T, c *kafkatest.Cluster) *sentTest {
	st := &sentTest{T: t, cluster: testCluster(t, c), topic: kafkatest.Prefix(t), input: codec.TopicID{7}}
	kafkatest.CreateTopic(t, c, st.topic, sentTargets)
	st.client = kafkatest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	return st
}

// testCluster is what asks a test's brokers.
func testCluster(t testing.TB, c *kafkatest.Cluster) *kafka.Cluster {
	t.Helper()
	cluster := kafka.New(kafka.Config{Brokers: c.Brokers(), ClientID: "test"})
	t.Cleanup(cluster.Close)
	return cluster
}

// header is that of a range of an input partition to a heat partition.
func (t *sentTest) header(target, input int32, to int64) codec.RangeHeader {
	return codec.RangeHeader{Input: t.input, Partition: input, Targets: sentTargets, Target: target, From: to, To: to, Limits: heat.DefaultLimits()}
}

// write writes records to a heat partition, in one batch.
func (t *sentTest) write(target int32, values ...[]byte) {
	t.Helper()
	all := make([]*kgo.Record, len(values))
	for i, v := range values {
		all[i] = &kgo.Record{Topic: t.topic, Partition: target, Value: v}
	}
	require.NoError(t, t.client.ProduceSync(t.Context(), all...).FirstErr())
}

func (t *sentTest) mark(target, input int32, to int64) {
	t.Helper()
	t.write(target, codec.AppendRangeHeader(nil, t.header(target, input, to), 0))
}

// found is what a lookup finds of input partitions with the given ends.
func (t *sentTest) found(ends map[int32]int64) map[int32]processors.Sent {
	t.Helper()
	l := &sentLookup{cluster: t.cluster, topic: t.topic, input: t.input, ends: ends, unpacking: newUnpacking()}
	found, err := l.find(t.Context())
	require.NoError(t, err)
	return found
}

// finds requires what is known of input partition 0, whose end is 1000.
func (t *sentTest) finds(next int64, ends ...int64) {
	t.Helper()
	got := t.found(map[int32]int64{0: 1000})[0]
	require.Equal(t, next, got.Next)
	require.ElementsMatch(t, ends, got.Ends)
}

func TestWhereToBeginFollowsFromWhatAllHeatPartitionsHave(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *kafkatest.Cluster) {
		st := newSentTest(t, c)
		st.finds(0)
		st.mark(0, 0, 10)
		st.finds(0, 10) // the other may have got nothing
		st.mark(1, 0, 7)
		st.finds(8, 10)
		st.mark(1, 0, 10)
		st.finds(11)
		st.mark(0, 0, 5) // late
		st.mark(1, 0, 12)
		st.finds(6, 12)
		st.mark(0, 0, 12)
		st.finds(13)

		// Of something else, or nothing that it could be.
		other := st.header(0, 0, 20)
		other.Input = codec.TopicID{8}
		targets := st.header(0, 0, 20)
		targets.Targets++
		wrong := st.header(1, 0, 20) // in partition 0
		for _, h := range []codec.RangeHeader{other, targets, wrong, st.header(0, 0, 1000), st.header(0, 1, 20)} {
			st.write(0, codec.AppendRangeHeader(nil, h, 0))
		}
		st.write(0, []byte("nonsense"), nil, []byte{2})
		st.finds(13)

		// What heat has applied it deletes.
		admin := kadm.NewClient(st.client)
		ends, err := admin.ListEndOffsets(t.Context(), st.topic)
		require.NoError(t, err)
		end, _ := ends.Lookup(st.topic, 1)
		var below kadm.Offsets
		below.AddOffset(st.topic, 1, end.Offset, -1)
		_, err = admin.DeleteRecords(t.Context(), below)
		require.NoError(t, err)
		st.finds(0, 12)
		st.mark(1, 0, 12)
		st.finds(13)
	})
}

// A lookup reads backwards until it has found all, in batches of any size, but not without
// end.
func TestALookupGoesBackAsFarAsItMust(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *kafkatest.Cluster) {
		st := newSentTest(t, c)
		inputs := map[int32]int64{0: 1 << 20, 1: 1 << 20, 2: 1 << 20}
		want := map[int32]processors.Sent{}
		random := rand.New(rand.NewPCG(1, 2))
		for input := range int32(3) {
			want[input] = processors.Sent{Next: 100 + int64(input), Ends: []int64{}}
			for target := range int32(sentTargets) {
				st.mark(target, input, 99+int64(input))
				for range 5 {
					var batch [][]byte
					for range 1 + random.IntN(40) {
						batch = append(batch, codec.AppendRangeHeader(nil, st.header(target, 3, 5), 0))
					}
					st.write(target, batch...)
				}
			}
		}
		require.Equal(t, want, st.found(inputs))

		large := codec.AppendRangeHeader(nil, st.header(0, 3, 6), 0)
		for range 700 << 10 { // which cannot be compressed
			large = append(large, byte(random.Uint32()))
		}
		st.write(0, large)
		require.Equal(t, want, st.found(inputs), "behind a range of 700 KiB")
		for range 2 * (4 << 20) / len(large) {
			st.write(0, large)
		}
		began := time.Now()
		for input, s := range st.found(inputs) {
			require.Zero(t, s.Next, "input partition %d lies too far back", input)
		}
		t.Logf("gave up after %s", time.Since(began))
	})
}

// BenchmarkLookup is what a take-over costs more: one operation is a lookup of all input
// partitions at the end of heat partitions that get ranges of all of them.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 12} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := kafkatest.Embedded(b)
			topic := kafkatest.Prefix(b)
			kafkatest.CreateTopic(b, c, topic, int32(n))
			cluster := testCluster(b, c)
			client := kafkatest.Client(b, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			ends := map[int32]int64{}
			for round := range int64(20) {
				for target := range int32(n) {
					var batch []*kgo.Record
					for input := range int32(n) {
						h := codec.RangeHeader{Input: codec.TopicID{7}, Partition: input, Targets: int32(n), Target: target, From: round, To: round + 1}
						batch = append(batch, &kgo.Record{Topic: topic, Partition: target, Value: append(codec.AppendRangeHeader(nil, h, 0), make([]byte, 2<<10)...)})
						ends[input] = 1000
					}
					require.NoError(b, client.ProduceSync(b.Context(), batch...).FirstErr())
				}
			}
			for b.Loop() {
				l := &sentLookup{cluster: cluster, topic: topic, input: codec.TopicID{7}, ends: maps.Clone(ends), unpacking: newUnpacking()}
				found, err := l.find(b.Context())
				require.NoError(b, err)
				require.EqualValues(b, 21, found[0].Next)
			}
		})
	}
}
