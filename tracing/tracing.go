// Package tracing follows single behaviours through the pipeline with OpenTelemetry. It is off
// unless the environment configures an exporter (OTEL_*). docs/tracing.md describes the spans.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// Header is the header of HTTP requests and records that has the trace and the span that they
// belong to, as the W3C defines it.
const Header = "traceparent"

// MostSpans is the maximum number of spans that one record passes on, and so of the behaviours
// of a range that are followed.
const MostSpans = 4

const (
	// mostStarted is how many spans a process begins per second; others are not followed.
	mostStarted = 100
	// exportWithin bounds the export of what is left when the process ends.
	exportWithin = 2 * time.Second
)

// Tracer begins spans. A nil Tracer begins none. It is safe for concurrent use.
type Tracer struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
	limit    *rate.Limiter
}

// Open returns a tracer with the exporter that the environment configures, or nil if it
// configures none. Standard output is the commands': the exporter "console" writes to standard
// error. The caller closes the tracer.
func Open(ctx context.Context, log *slog.Logger) (*Tracer, error) {
	exporter, err := exporter(ctx, os.Getenv)
	if exporter == nil || err != nil {
		return nil, err
	}
	attributes, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "pageheat")), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return New(trace.NewTracerProvider(trace.WithBatcher(logging{exporter, log}), trace.WithResource(attributes))), nil
}

// New returns a tracer with a provider, which it closes.
func New(provider *trace.TracerProvider) *Tracer {
	return &Tracer{provider: provider, tracer: provider.Tracer("pageheat"), limit: rate.NewLimiter(mostStarted, mostStarted)}
}

// exporter is what the environment configures, nil for none.
func exporter(ctx context.Context, env func(string) string) (trace.SpanExporter, error) {
	const setting = "OTEL_TRACES_EXPORTER"
	endpoint := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") + env("OTEL_EXPORTER_OTLP_ENDPOINT")
	switch kind := env(setting); {
	case strings.EqualFold(env("OTEL_SDK_DISABLED"), "true"), kind == "none", kind == "" && endpoint == "":
		return nil, nil //nolint:nilnil // off
	case kind == "console":
		return stdouttrace.New(stdouttrace.WithWriter(os.Stderr))
	case kind != "otlp" && kind != "":
		return nil, fmt.Errorf("%s: %q: must be otlp, console or none", setting, kind)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := env(name); protocol != "" && protocol != "http/protobuf" {
			return nil, fmt.Errorf("%s: %q: must be http/protobuf", name, protocol)
		}
	}
	client, err := newCollector(env)
	if err != nil {
		return nil, err
	}
	return otlptrace.New(ctx, client)
}

// logging logs what an exporter cannot export, which is lost.
type logging struct {
	trace.SpanExporter
	log *slog.Logger
}

// ExportSpans implements trace.SpanExporter.
func (l logging) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if err := l.SpanExporter.ExportSpans(ctx, spans); err != nil {
		l.log.Warn("traces cannot be exported", "component", "opentelemetry", "error", err, "hint", "check the OTEL_EXPORTER_OTLP_* variables")
	}
	return nil
}

// Close exports what is left, for two seconds at most.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportWithin)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter logs its errors
}

// Span is the time that a behaviour spends at one place. A nil Span is not followed.
type Span struct{ span api.Span }

// Start begins a span whose parent is in the value of a [Header]. It returns nil if that is no
// parent, or one that is not sampled: whoever begins a trace decides.
func (t *Tracer) Start(parent, name string, began time.Time, attributes ...attribute.KeyValue) *Span {
	if t == nil || parent == "" {
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{Header: parent})
	if !api.SpanContextFromContext(ctx).IsSampled() || !t.limit.Allow() {
		return nil
	}
	_, span := t.tracer.Start(ctx, name, api.WithTimestamp(began), api.WithAttributes(attributes...))
	return &Span{span}
}

// Parent is the value of a [Header] for what follows from the span; empty if it is not followed.
func (s *Span) Parent() string {
	if s == nil || !s.span.SpanContext().IsSampled() {
		return ""
	}
	c := s.span.SpanContext()
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String()
}

// End ends the span.
func (s *Span) End() {
	if s != nil {
		s.span.End()
	}
}

// At are the attributes of a span for a record.
func At(topic string, partition int32, offset int64) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("messaging.system", "kafka"), attribute.String("messaging.destination.name", topic),
		attribute.Int("messaging.destination.partition.id", int(partition)), attribute.Int64("messaging.kafka.offset", offset)}
}

// Spans are spans of what is gathered and of what is on its way. The zero value has none. It
// belongs to one goroutine.
type Spans struct{ gathered, sent []*Span }

// Full reports whether no more spans are kept.
func (s *Spans) Full() bool { return len(s.gathered) >= MostSpans }

// Add keeps a span, unless it is nil or there are too many: then it ends.
func (s *Spans) Add(span *Span) {
	switch {
	case span == nil:
	case s.Full():
		span.End()
	default:
		s.gathered = append(s.gathered, span)
	}
}

// Send is called when what is gathered is sent, and returns its spans.
func (s *Spans) Send() []*Span {
	if len(s.gathered) == 0 {
		return nil
	}
	spans := s.gathered
	s.sent, s.gathered = append(s.sent, spans...), nil
	return spans
}

// Arrived ends the spans of what was sent.
func (s *Spans) Arrived() {
	for _, span := range s.sent {
		span.End()
	}
	s.sent = nil
}

// End ends all spans.
func (s *Spans) End() {
	s.Send()
	s.Arrived()
}

// parentKey is that of a parent in a context.
type parentKey struct{}

// WithParent returns a context with the value of a [Header], which may be empty.
func WithParent(ctx context.Context, parent string) context.Context {
	if parent == "" && ParentOf(ctx) == "" {
		return ctx
	}
	return context.WithValue(ctx, parentKey{}, parent)
}

// ParentOf is the value of a [Header] for what is done with a context, empty if there is none.
func ParentOf(ctx context.Context) string {
	parent, _ := ctx.Value(parentKey{}).(string)
	return parent
}
