package kafka

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/failure"
	"pageheat/integration/kafkatest"
)

// TestCompression: both clients compress with the codec that is set.
func TestCompression(t *testing.T) {
	c := kafkatest.Embedded(t)
	for number, name := range []Compression{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(string(name), func(t *testing.T) {
			settings := DefaultSettings()
			settings.Brokers, settings.CompressionType = c.Brokers(), name
			config, err := settings.Config("test", slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			cluster, topic := New(config), kafkatest.Prefix(t)
			t.Cleanup(cluster.Close)
			kafkatest.CreateTopic(t, c, topic, 1)

			sender, err := cluster.Sender("test", topic, Bulk())
			require.NoError(t, err)
			require.NoError(t, sender.Queue(&kgo.Record{Value: []byte(strings.Repeat("of franz-go, which leaves small batches alone", 10))}))
			require.NoError(t, sender.Drain())
			sender.Close()
			producer, err := cluster.Producer("test", 0)
			require.NoError(t, err)
			producer.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("of sarama")}
			<-producer.Successes()
			require.NoError(t, producer.Close())
			for _, r := range kafkatest.Read(t, c, topic, 2) {
				assert.EqualValues(t, number, r.Attrs.CompressionType(), "%s", r.Value)
			}
		})
	}
	settings := DefaultSettings()
	settings.CompressionType = "lzma"
	_, err := settings.Config("test", slog.New(slog.DiscardHandler))
	var of *failure.Setting
	require.ErrorAs(t, err, &of)
	assert.Equal(t, "compression-type", of.Name)
	assert.ErrorContains(t, err, "none, gzip, snappy, lz4, zstd")
}
