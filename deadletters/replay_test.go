package deadletters

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

// letter is the dead letter of the message at an offset of input partition 0.
func letter(topo *topology.Topology, offset int64, value string, headers ...kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{Topic: topo.DeadLetter, Key: []byte("key"), Value: []byte(value), Headers: append(headers,
		kgo.RecordHeader{Key: codec.HeaderTopic, Value: []byte(topo.Input)},
		kgo.RecordHeader{Key: codec.HeaderPartition, Value: []byte("0")},
		kgo.RecordHeader{Key: codec.HeaderOffset, Value: []byte(strconv.FormatInt(offset, 10))},
		kgo.RecordHeader{Key: codec.HeaderReason, Value: []byte(codec.CodeFieldCount)},
	)}
}

func TestTheTimeOfAMessage(t *testing.T) {
	written := time.UnixMilli(1_700_000_000_000).UTC()
	own := kgo.RecordHeader{Key: codec.HeaderTimestamp, Value: []byte("1600000000000")}
	read := func(headers ...kgo.RecordHeader) time.Time {
		r := letter(&topology.Topology{}, 1, "x", headers...)
		r.Timestamp = written
		return Read(r).Time
	}
	assert.Equal(t, written, read(), "the dead letter has the message's own")
	assert.Equal(t, time.UnixMilli(1_600_000_000_000).UTC(), read(own), "its header has it")
}

func TestReplay(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	kafkatest.CreateTopic(t, cluster, topo.Input, 1, "max.message.bytes", "2000")
	kafkatest.CreateTopic(t, cluster, topo.DeadLetter, 1)
	clients := kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"})
	t.Cleanup(clients.Close)
	replay := func(all bool) Replayed {
		done, err := Replay(t.Context(), clients, topo, all)
		require.NoError(t, err)
		return done
	}
	assert.Zero(t, replay(false), "there are none")

	kafkatest.ProduceRecords(t, cluster,
		letter(topo, 0, "a|b", kgo.RecordHeader{Key: "trace", Value: []byte("7")}),
		letter(topo, 1, "c|d"),
		letter(topo, 0, "a|b"), // written twice after a crash of ingest
		letter(topo, 2, "the start of", kgo.RecordHeader{Key: codec.HeaderTruncated, Value: []byte(codec.TruncatedValue)}),
		letter(topo, 3, string(make([]byte, 2000))),
		&kgo.Record{Topic: topo.DeadLetter, Value: []byte("of somebody else")},
		&kgo.Record{Topic: topo.DeadLetter, Value: []byte("of somebody else")},
	)
	assert.Equal(t, Replayed{Sent: 4, Twice: 1, Truncated: 1, Large: 1}, replay(false))
	sent := kafkatest.Read(t, cluster, topo.Input, 4)
	assert.Equal(t, "key", string(sent[0].Key))
	assert.Equal(t, "a|b", string(sent[0].Value))
	assert.Equal(t, []kgo.RecordHeader{{Key: "trace", Value: []byte("7")}}, sent[0].Headers)
	assert.Equal(t, "c|d", string(sent[1].Value))
	assert.Equal(t, "of somebody else", string(sent[3].Value))

	assert.Zero(t, replay(false), "nothing is new")
	kafkatest.ProduceRecords(t, cluster, letter(topo, 4, "e|f"))
	assert.Equal(t, Replayed{Sent: 1}, replay(false))
	assert.Equal(t, Replayed{Sent: 5, Twice: 1, Truncated: 1, Large: 1}, replay(true))
}
