package integration

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestEveryCompression sends the input and writes pageheat's own topics with one codec after the
// other. Each instance continues with what the others have written.
func TestEveryCompression(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 2)
		topics := []string{site.Input, site.Prefix + "-behavior", site.Prefix + "-heat-table", site.Prefix + "-leaders", site.Prefix + "-rank-table", site.Output, site.Prefix + "-dead-letter"}
		reader := kafkatest.Client(t, site.Cluster, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		want := harness.NewRecount()
		for number, codec := range []struct {
			name  string
			input kgo.CompressionCodec
		}{{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()}, {"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}} {
			in := site.Start(codec.name, "--compression-type", codec.name)
			text := fmt.Appendf(nil, "/%s|1|0.5|1\n/all|%d|0|0\n", codec.name, number)
			const copies = 100 // or it is not worth a compression
			require.NoError(t, want.AddLines(text, copies))
			messages := records(site, bytes.Repeat(text, copies), nil, func(i int) int32 { return int32(i % 2) })
			bad := records(site, []byte("none of these\n"), nil, func(int) int32 { return 0 })
			client := kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec.input))
			require.NoError(t, client.ProduceSync(within(t), append(bad, messages...)...).FirstErr())
			p.exact(t, in, site.Ends(), want)
			stopped(t, in)

			written, ctx := map[string]bool{}, within(t)
			for len(written) < len(topics) {
				fetches := reader.PollFetches(ctx)
				require.NoError(t, fetches.Err(), "%s: only %v have it", codec.name, written)
				fetches.EachRecord(func(r *kgo.Record) {
					if int(r.Attrs.CompressionType()) == number {
						written[r.Topic] = true
					}
				})
			}
		}
		p.audited(t)
	})
}
