package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

const (
	// longBacklog is how many messages wait in "make chaos", and shortBacklog
	// otherwise.
	longBacklog  = 20_000_000
	shortBacklog = 300_000
	// slowDelay and slowRate (KiB/s) are those of each broker, in both directions.
	slowDelay = 10 * time.Millisecond
	slowRate  = 8 << 10
	// workedOffWithin is how long the whole backlog may take.
	workedOffWithin = 5 * time.Minute
)

// TestBacklog has a backlog wait behind slow brokers: first before ingest, which
// sends all of it on, and then, as ranges, before heat. Neither may take more
// memory for it. The messages are compressed well, so that little that is fetched
// becomes much.
func TestBacklog(t *testing.T) {
	messages := shortBacklog
	if os.Getenv(duration) != "" {
		messages = longBacklog
	}
	cluster := shared.cluster(t)
	site := harness.NewSite(t, cluster, shared.program)
	site.Brokers = shared.proxies.bootstrap()
	site.Create(inputPartitions)
	want := fill(t, site, messages)
	ends := site.Ends()
	for b := range brokers {
		for _, direction := range []string{"upstream", "downstream"} {
			require.NoError(t, shared.proxies.disturb(b, direction, "latency", map[string]int{"latency": int(slowDelay.Milliseconds())}))
			require.NoError(t, shared.proxies.disturb(b, direction, "bandwidth", map[string]int{"rate": slowRate}))
		}
		defer shared.proxies.calm(b)
	}
	boards := site.Follow()
	ctx, cancel := context.WithTimeout(t.Context(), workedOffWithin)
	defer cancel()

	ingest := site.Start("ingest", "--roles", "ingest")
	require.NoError(t, site.WaitCommitted(ctx, ends))
	assertMemory(t, ingest)
	require.NoError(t, ingest.Stop())

	heat := site.Start("heat", "--roles", "ingest,heat,rank,serve")
	board, err := boards.WaitFor(ctx, ends)
	require.NoError(t, err)
	assertMemory(t, heat)
	assert.Empty(t, want.CompareBoard(board), "the board")
	tally, err := want.ComparePages(ctx, heat)
	require.NoError(t, err)
	assert.Empty(t, tally.Wrong, "pages")
	require.NoError(t, heat.Stop())
}

// mostMemory is what an instance may take at most, with few pages, whatever
// waits for it.
const mostMemory = 512 << 20

// assertMemory looks at the most memory that an instance has taken.
func assertMemory(t *testing.T, in *harness.Instance) {
	t.Helper()
	_, most, err := in.Memory()
	require.NoError(t, err)
	t.Logf("%s has taken %d MiB at most", in.Name(), most>>20)
	assert.Less(t, most, uint64(mostMemory), in.Name())
}

// fill writes a given number of messages to the input, a few over and over again, past the
// proxies, and returns what they are to become.
func fill(t *testing.T, site *harness.Site, messages int) *harness.Recount {
	t.Helper()
	const different = 1000
	random := rand.New(rand.NewPCG(7, 7))
	want := harness.NewRecount()
	values := make([][]byte, different)
	for i := range values {
		values[i] = fmt.Appendf(nil, "/page/%d|%d|%d.%02d|%d", random.IntN(loadPages), random.IntN(6), random.IntN(5), random.IntN(100), random.IntN(3)-1)
		require.NoError(t, want.Add(values[i], int64(messages/different)))
	}
	client := kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(100_000), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerLinger(10*time.Millisecond))
	for i := range messages / different * different {
		client.Produce(t.Context(), &kgo.Record{Topic: site.Input, Partition: int32(i / different % inputPartitions), Value: values[i%different]},
			func(_ *kgo.Record, err error) { assert.NoError(t, err) })
	}
	require.NoError(t, client.Flush(t.Context()))
	return want
}
