package integration

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestCompressionOfOwnTopics writes pageheat's own topics with one codec after the other. Each
// instance continues with what the others have written.
func TestCompressionOfOwnTopics(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 2)
		topics := []string{site.Prefix + "-behavior", site.Prefix + "-heat-table", site.Prefix + "-leaders", site.Prefix + "-rank-table", site.Output, site.Prefix + "-dead-letter"}
		reader := kafkatest.Client(t, site.Cluster, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		want := harness.NewRecount()
		for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			in := site.Start(name, "--compression-type", name)
			text := fmt.Appendf(nil, "/%s|1|0.5|1\n/all|%d|0|0\n", name, codec)
			require.NoError(t, want.AddLines(text, 1))
			sent(t, site, records(site, []byte("none of these\n"), nil, func(int) int32 { return 0 }))
			p.exact(t, in, sent(t, site, records(site, text, nil, func(i int) int32 { return int32(i) })), want)
			stopped(t, in)

			written, ctx := map[string]bool{}, within(t)
			for len(written) < len(topics) {
				fetches := reader.PollFetches(ctx)
				require.NoError(t, fetches.Err(), "%s: only %v have it", name, written)
				fetches.EachRecord(func(r *kgo.Record) {
					if int(r.Attrs.CompressionType()) == codec {
						written[r.Topic] = true
					}
				})
			}
		}
		p.audited(t)
	})
}
