package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"pageheat/integration/kafkatest"
	"pageheat/topology"
	"pageheat/tracing"
)

// span is what a collector of OpenTelemetry gets.
type span struct {
	name, trace, id, parent string
	topic                   string
	offset                  int64
	took                    time.Duration
}

// traceCollector is a collector of OpenTelemetry.
func traceCollector(t *testing.T) (url string, spans func() []span) {
	t.Helper()
	var mu sync.Mutex
	var all []span
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request coltrace.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &request) != nil || r.URL.Path != "/v1/traces" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					one := span{name: s.GetName(), trace: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()),
						parent: hex.EncodeToString(s.GetParentSpanId()), took: time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano())}
					for _, a := range s.GetAttributes() {
						switch a.GetKey() {
						case "messaging.destination.name":
							one.topic = a.GetValue().GetStringValue()
						case "messaging.kafka.offset":
							one.offset = a.GetValue().GetIntValue()
						}
					}
					all = append(all, one)
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []span {
		mu.Lock()
		defer mu.Unlock()
		return append([]span(nil), all...)
	}
}

// parentOf is a traceparent of a trace that is named by a digit.
func parentOf(digit string, flags string) string {
	return "00-" + strings.Repeat(digit, 32) + "-00000000000000ff-" + flags
}

// TestTracesReachTheBoard: a behaviour with a sampled parent is followed from HTTP or the input to
// the board, a few of many, and others are not.
func TestTracesReachTheBoard(t *testing.T) {
	url, spans := traceCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	cluster := kafkatest.Embedded(t)
	brokers := cluster.Bootstrap()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--partitions", "2", "--brokers", brokers}, strings.NewReader(""), &out, &out), "%s", &out)
	const many = 50
	records := []*kgo.Record{{Topic: topo.Input, Value: []byte("c|1|1|1"), Headers: []kgo.RecordHeader{{Key: tracing.Header, Value: []byte(parentOf("c", "00"))}}},
		{Topic: topo.Input, Value: []byte("b|1|1|1"), Headers: []kgo.RecordHeader{{Key: "other"}, {Key: tracing.Header, Value: []byte(parentOf("b", "01"))}}}}
	kafkatest.ProduceRecords(t, cluster, records...)
	i := start(t, "--brokers", brokers, "--roles", "ingest,heat,rank,serve,collect")
	counted := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool {
			_, body := i.status(t, "/api/v1/boards/all-time", "")
			return strings.Contains(body, fmt.Sprintf(`"counted":%d,`, n))
		}, 30*time.Second, 20*time.Millisecond, "%d counted: %s", n, i.log)
	}
	counted(2)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+i.address+"/api/v1/behaviours", strings.NewReader("a|1|1|1\na2|1|1|1\n"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "text/plain")
	request.Header.Set("Traceparent", parentOf("a", "01"))
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	counted(4)
	records = nil
	for n := range many {
		records = append(records, &kgo.Record{Topic: topo.Input, Value: fmt.Appendf(nil, "d%d|1|1|1", n),
			Headers: []kgo.RecordHeader{{Key: tracing.Header, Value: []byte(parentOf("d", "01"))}}})
	}
	kafkatest.ProduceRecords(t, cluster, records...)
	counted(4 + many)
	i.stop()
	require.Equal(t, exitDone, <-i.ended, "%s", i.log)

	byTrace, ranges := make(map[string][]span), make(map[string]int)
	for _, s := range spans() {
		byTrace[s.trace[:1]] = append(byTrace[s.trace[:1]], s)
		assert.Less(t, s.took, 10*time.Second, "%+v", s)
		if s.name == "heat" {
			assert.Equal(t, topo.Behavior, s.topic)
			ranges[fmt.Sprint(s.trace, s.offset)]++
		}
	}
	assert.Empty(t, byTrace["c"], "it is not sampled")
	assert.Equal(t, []string{"collect", "ingest", "heat", "rank"}, chain(byTrace["a"]), "%+v", byTrace["a"])
	assert.Equal(t, []string{"ingest", "heat", "rank"}, chain(byTrace["b"]), "%+v", byTrace["b"])
	require.NotEmpty(t, byTrace["d"])
	for at, n := range ranges {
		assert.LessOrEqual(t, n, 2*tracing.MostSpans, "of one offset in two partitions: %s", at)
	}
	headers := 0
	for _, r := range kafkatest.Read(t, cluster, topo.Output, 3) {
		for _, h := range r.Headers {
			if h.Key == tracing.Header {
				headers++
			}
		}
	}
	assert.NotZero(t, headers, "boards have the span that published them")
}

// chain are the names of spans from the one whose parent is the sender's.
func chain(spans []span) (names []string) {
	for parent := "00000000000000ff"; ; {
		found := false
		for _, s := range spans {
			if s.parent == parent {
				names, parent, found = append(names, s.name), s.id, true
				break
			}
		}
		if !found {
			return names
		}
	}
}

// TestNothingIsTracedUnlessAsked: a sender's header is not passed on, and changes nothing.
func TestNothingIsTracedUnlessAsked(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing set": {},
		"none":        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
		"disabled":    {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range env {
				t.Setenv(k, v)
			}
			tracer, err := tracing.Open(t.Context(), nil)
			require.NoError(t, err)
			assert.Nil(t, tracer)
			assert.Nil(t, tracer.Start(parentOf("a", "01"), "collect", time.Now()))
			tracer.Close()
		})
	}
	for setting, value := range map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
		t.Run(setting, func(t *testing.T) {
			t.Setenv(setting, value)
			_, err := tracing.Open(t.Context(), nil)
			require.ErrorContains(t, err, setting)
		})
	}
}
