package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/audit"
	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// TestBoardCutKnowsWhatWasForgotten: pages are dropped, or forgotten, without a range. Leaders before and after that are
// at the same offset, and only one of them is what a board was made of.
func TestBoardCutKnowsWhatWasForgotten(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	topic := kafkatest.Prefix(t) + "-leaders"
	kafkatest.CreateTopic(t, cluster, topic, 1)
	for _, taken := range []uint64{0, 0, 1, 1, 2} {
		l := codec.Leaders{Definition: codec.Define(heat.DefaultWeights(), 10), Progress: codec.Progress{Input: codec.TopicID{2}, Behavior: codec.TopicID{1}, Next: 5, Partitions: 1, To: []int64{int64(taken)},
			Begin: []int64{0}, Lost: []uint64{0}, Forget: codec.ForgetProgress{Taken: taken}}}
		kafkatest.ProduceRecords(t, cluster, &kgo.Record{Topic: topic, Value: codec.AppendLeaders(nil, &l)})
	}
	clients := kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "audit"})
	t.Cleanup(clients.Close)
	for taken := range uint64(3) {
		of := &audit.Wanted{Definition: boards.Definition{Kind: boards.AllTime}}
		cut, err := audit.BoardCut(t.Context(), clients, topic, of, codec.Positions{{Behavior: codec.TopicID{1}, Next: 5, Forgotten: taken}})
		require.NoError(t, err)
		require.Equal(t, []audit.HeatCut{{Below: codec.NewOffsets([]int64{int64(taken) + 1}), Forgotten: taken}}, cut)
	}
}
