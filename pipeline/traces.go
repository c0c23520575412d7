package pipeline

import (
	"bytes"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
	"pageheat/tracing"
)

// traces are spans for records that goka sends: drivers know them, and the producer adds them as
// headers. A nil one has none. It is safe for concurrent use.
type traces struct {
	mu      sync.Mutex
	waiting map[topicKey][]tracedRecord
}

// topicKey is what goka sends a record with.
type topicKey struct{ topic, key string }

// tracedRecord is a span for a record.
type tracedRecord struct {
	span *tracing.Span
	// Of a range: the input partition and the offset that it must have. input is -1 for others.
	input  int32
	offset int64
}

func newTraces(t *tracing.Tracer) *traces {
	if t == nil {
		return nil
	}
	return &traces{waiting: make(map[topicKey][]tracedRecord)}
}

// mostTraced bounds the spans that wait for records with the same key.
const mostTraced = 64

// put keeps spans for the next record that fits.
func (t *traces) put(topic, key string, records ...tracedRecord) {
	if t == nil || len(records) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := topicKey{topic, key}
	t.waiting[k] = append(t.waiting[k], records...)
	if more := len(t.waiting[k]) - mostTraced; more > 0 {
		t.waiting[k] = t.waiting[k][more:] // of sessions that ended before they sent
	}
}

// putAll keeps spans for the next record.
func (t *traces) putAll(topic, key string, spans []*tracing.Span) {
	for _, span := range spans {
		t.put(topic, key, tracedRecord{span: span, input: -1})
	}
}

// headers takes the headers of a record.
func (t *traces) headers(topic, key string, value []byte) []sarama.RecordHeader {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := topicKey{topic, key}
	waiting := t.waiting[k]
	if len(waiting) == 0 {
		return nil
	}
	delete(t.waiting, k)
	var header codec.RangeHeader
	var headers []sarama.RecordHeader
	for _, r := range waiting {
		if r.input >= 0 && header.Targets == 0 {
			var err error
			if header, err = codec.DecodeRangeHeader(value); err != nil {
				return nil
			}
		}
		switch {
		case r.input >= 0 && (r.input != header.Partition || r.offset > header.To):
			t.waiting[k] = append(t.waiting[k], r)
		case len(headers) < tracing.MostSpans:
			headers = append(headers, sarama.RecordHeader{Key: []byte(tracing.Header), Value: []byte(r.span.Parent())})
		}
	}
	return headers
}

// startSpans begins spans of a record that was received, at most as many as fit.
func startSpans(t *tracing.Tracer, spans *tracing.Spans, name string, m *sarama.ConsumerMessage, now time.Time) {
	if t == nil {
		return
	}
	for _, h := range m.Headers {
		if !spans.Full() && string(h.Key) == tracing.Header {
			spans.Add(t.Start(string(h.Value), name, now, tracing.At(m.Topic, m.Partition, m.Offset)...))
		}
	}
}

// trace begins spans for records of a bundle that have a parent: it is read only if one may have.
func (d *ingestDriver) trace(message []byte, now time.Time) {
	if d.config.Tracer == nil || d.spans.Full() || !bytes.Contains(message, []byte(tracing.Header)) {
		return
	}
	kind, body, err := codec.SplitFeed(message)
	if err != nil || kind != codec.FeedRecords {
		return
	}
	for bundle := codec.ReadBundle(body); bundle.More() && !d.spans.Full(); {
		r, err := bundle.Next()
		if err != nil {
			return // who counts the bundle reports it
		}
		if !bytes.Contains(r.RawHeaders(), []byte(tracing.Header)) {
			continue
		}
		behaviour, refusal := codec.ParseBehaviour(r.Value, heat.DefaultLimits())
		headers, err := codec.DecodeHeaders(r.RawHeaders())
		if refusal != nil || err != nil {
			continue
		}
		for _, h := range headers {
			if h.Name != tracing.Header {
				continue
			}
			span := d.config.Tracer.Start(string(h.Value), "ingest", now, tracing.At(d.topic, d.part, r.Offset)...)
			d.spans.Add(span)
			if span != nil {
				key := codec.PartitionKey(topology.Partition(behaviour.Page, d.config.Partitions))
				d.producer.traces.put(d.config.Topology.Behavior, key, tracedRecord{span: span, input: d.part, offset: r.Offset})
			}
			break
		}
	}
}
