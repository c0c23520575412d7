package tracing

import (
	"compress/gzip"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectors "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// answers is a collector that gives one answer after the other, and then the last again.
type answers struct {
	statuses []int
	body     []byte
	got      []*http.Request
	spans    []*traces.ResourceSpans
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := a.statuses[min(len(a.got), len(a.statuses)-1)]
	a.got = append(a.got, r)
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	text, _ := io.ReadAll(body)
	var request collectors.ExportTraceServiceRequest
	if proto.Unmarshal(text, &request) == nil {
		a.spans = request.ResourceSpans
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "0")
	}
	w.WriteHeader(status)
	_, _ = w.Write(a.body)
}

func send(t *testing.T, env map[string]string) error {
	t.Helper()
	c, err := newCollector(func(name string) string { return env[name] })
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Stop(t.Context())) }()
	require.NoError(t, c.Start(t.Context()))
	return c.UploadTraces(t.Context(), []*traces.ResourceSpans{{SchemaUrl: "of a span"}})
}

func TestSpansAreSent(t *testing.T) {
	rejecting, err := proto.Marshal(&collectors.ExportTraceServiceResponse{PartialSuccess: &collectors.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "too old"}})
	require.NoError(t, err)
	warning, err := proto.Marshal(&collectors.ExportTraceServiceResponse{PartialSuccess: &collectors.ExportTracePartialSuccess{ErrorMessage: "use another port"}})
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		statuses []int
		body     []byte
		env      map[string]string // besides the endpoint
		tries    int
		says     string // what is wrong
	}{
		{name: "accepted", statuses: []int{200}, tries: 1},
		{name: "compressed", statuses: []int{202}, env: map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, tries: 1},
		{name: "overloaded at first", statuses: []int{503, 503, 200}, tries: 3},
		{name: "refused", statuses: []int{401}, tries: 1, says: "401 Unauthorized"},
		{name: "rejected", statuses: []int{200}, body: rejecting, tries: 1, says: "rejected 3 spans: too old"},
		{name: "warned", statuses: []int{200}, body: warning, tries: 1},
		{name: "no protobuf", statuses: []int{200}, body: []byte("\xff\xff"), tries: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			collector := &answers{statuses: c.statuses, body: c.body}
			server := httptest.NewServer(collector)
			defer server.Close()
			env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL + "/base/", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization=Bearer%20a, X-Tenant = b"}
			maps.Copy(env, c.env)
			err := send(t, env)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.says)
			}
			require.Len(t, collector.got, c.tries)
			for _, r := range collector.got {
				assert.Equal(t, "/base/v1/traces", r.URL.Path)
				assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
				assert.Equal(t, "Bearer a", r.Header.Get("Authorization"))
				assert.Equal(t, "b", r.Header.Get("X-Tenant"))
			}
			require.Len(t, collector.spans, 1)
			assert.Equal(t, "of a span", collector.spans[0].SchemaUrl)
		})
	}
}

func TestSendingSpansEnds(t *testing.T) {
	server := httptest.NewServer(&answers{statuses: []int{http.StatusTooManyRequests}})
	defer server.Close()
	began := time.Now()
	err := send(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_TIMEOUT": "100"})
	require.ErrorContains(t, err, server.URL)
	require.Less(t, time.Since(began), defaultTimeout)
}

func TestSpansAreSentWithTLS(t *testing.T) {
	collector := &answers{statuses: []int{200}}
	server := httptest.NewTLSServer(collector)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, send(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE": file}))
	require.Len(t, collector.got, 1)
	require.Error(t, send(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_TIMEOUT": "100"}))
	require.Len(t, collector.got, 1)
}

func TestWrongSettingsOfACollectorAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":           "collector:4318",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":    "grpc://collector",
		"OTEL_EXPORTER_OTLP_HEADERS":            "a secret",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT":     "10s",
		"OTEL_EXPORTER_OTLP_COMPRESSION":        "zstd",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":        "/does/not/exist",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/does/not/exist",
	} {
		_, err := newCollector(func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestSecretsOfTheEndpointStay: headers do not follow a redirect, and no error has a password.
func TestSecretsOfTheEndpointStay(t *testing.T) {
	other := &answers{statuses: []int{200}}
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	err := send(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=canary"})
	require.ErrorContains(t, err, "307 Temporary Redirect")
	assert.Empty(t, other.got)

	server.Close()
	err = send(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": strings.Replace(server.URL, "//", "//me:canary@", 1), "OTEL_EXPORTER_OTLP_TIMEOUT": "100"})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "canary")
	for _, wrong := range []string{"ftp://me:canary@localhost", "http://me:canary@local host", "http://me:canary@localhost:port"} {
		_, err := endpointOf(wrong, true)
		require.ErrorContains(t, err, "must be a URL")
		assert.NotContains(t, err.Error(), "canary")
	}
}
