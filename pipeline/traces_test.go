package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
	"pageheat/tracing"
)

const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func newTracer(t testing.TB) (*tracing.Tracer, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	tracer := tracing.New(trace.NewTracerProvider(trace.WithSyncer(exporter)))
	t.Cleanup(tracer.Close)
	return tracer, exporter
}

// TestSpansFindTheirRange: they wait for the one that has their offset, and few fit into one.
func TestSpansFindTheirRange(t *testing.T) {
	tracer, exporter := newTracer(t)
	all := newTraces(tracer)
	begin := func(input int32, offset int64) tracedRecord {
		return tracedRecord{span: tracer.Start(sampled, "ingest", time.Now()), input: input, offset: offset}
	}
	value := func(input int32, to int64) []byte {
		return codec.AppendRangeHeader(nil, codec.RangeHeader{Input: codec.TopicID{7}, Partition: input, Targets: 2, From: to - 10, To: to, Limits: heat.DefaultLimits()}, 0)
	}
	first, second := begin(3, 20), begin(3, 25)
	all.put("ranges", "1", first, second)
	assert.Empty(t, all.headers("ranges", "0", value(3, 30)), "another heat partition")
	assert.Empty(t, all.headers("ranges", "1", value(2, 30)), "another input partition")
	assert.Empty(t, all.headers("ranges", "1", value(3, 19)), "an earlier range")
	assert.Equal(t, []sarama.RecordHeader{{Key: []byte("traceparent"), Value: []byte(first.span.Parent())}}, all.headers("ranges", "1", value(3, 20)))
	assert.Len(t, all.headers("ranges", "1", value(3, 30)), 1)
	assert.Empty(t, all.headers("ranges", "1", value(3, 40)), "each once")
	for range 2 * mostTraced {
		all.put("ranges", "1", begin(3, 1))
	}
	assert.LessOrEqual(t, len(all.waiting[topicKey{"ranges", "1"}]), mostTraced)
	assert.Len(t, all.headers("ranges", "1", value(3, 40)), tracing.MostSpans)
	assert.Empty(t, all.headers("ranges", "1", value(3, 40)))
	assert.Empty(t, exporter.GetSpans(), "the drivers end them")
	assert.Nil(t, newTraces(nil).headers("ranges", "1", nil), "off")
}

// bundleOf is a message of records.
func bundleOf(records int, headers ...codec.Header) []byte {
	bundle := codec.AppendSegmentHeader([]byte{byte(codec.FeedRecords)}, codec.SegmentHeader{})
	for n := range records {
		bundle = codec.AppendBundleRecord(bundle, 0, codec.Record{Offset: int64(n), Value: fmt.Appendf(nil, "/forum/thread/%d|3|1.5|1", n)}, headers...)
	}
	codec.EndSegment(bundle, 1)
	return bundle
}

// TestSpansOfABundle: a few records with a sampled parent are followed.
func TestSpansOfABundle(t *testing.T) {
	tracer, exporter := newTracer(t)
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	d := &ingestDriver{Ingest: &Ingest{config: IngestConfig{Settings: Settings{Tracer: tracer, Topology: topo, Partitions: 1}}}, topic: "input", part: 3}
	d.producer = &producer{traces: newTraces(tracer)}
	d.trace(bundleOf(5), time.Now())
	d.trace(bundleOf(5, codec.Header{Name: "traceparent", Value: []byte("nonsense")}), time.Now())
	assert.Empty(t, d.spans.Send())
	d.trace(bundleOf(50, codec.Header{Name: "a"}, codec.Header{Name: "traceparent", Value: []byte(sampled)}), time.Now())
	assert.Len(t, d.spans.Send(), tracing.MostSpans)
	d.spans.End()
	require.Len(t, exporter.GetSpans(), tracing.MostSpans)
	assert.Equal(t, "b7ad6b7169203331", exporter.GetSpans()[0].Parent.SpanID().String())
}

// BenchmarkTraceBundle measures what tracing adds to a bundle of 512 records none of which is
// followed.
func BenchmarkTraceBundle(b *testing.B) {
	tracer, _ := newTracer(b)
	message := bundleOf(512)
	for name, t := range map[string]*tracing.Tracer{"off": nil, "on": tracer} {
		b.Run(name, func(b *testing.B) {
			d := &ingestDriver{Ingest: &Ingest{config: IngestConfig{Settings: Settings{Tracer: t}}}}
			now := time.Now()
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				d.trace(message, now)
			}
		})
	}
}
