package web

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/collect"
	"pageheat/heat"
	"pageheat/secret"
)

// memory is a collect.Writer that keeps what is written, or fails.
type memory struct {
	mu       sync.Mutex
	messages []string
	err      error
	block    bool // until the context is done
}

func (m *memory) Write(ctx context.Context, messages [][]byte) error {
	if m.block {
		<-ctx.Done()
		return ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for _, message := range messages {
		m.messages = append(m.messages, string(message))
	}
	return nil
}

// taken returns what was written, and forgets it.
func (m *memory) taken() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.messages
	m.messages = nil
	return out
}

// collecting is what is set of the role collect.
type collecting struct {
	collect.Config
	Collect
	Origins Origins
}

// config is generous.
func config(w collect.Writer) collecting {
	return collecting{
		Config:  collect.Config{Writer: w, Limits: heat.DefaultLimits(), MaxPageBytes: 1024, Timeout: time.Second},
		Collect: Collect{MaxBytes: 64 << 10, Rate: 1e6, Burst: 1e6},
	}
}

func collector(t testing.TB, cfg collecting) (*intake, http.Handler) {
	t.Helper()
	cfg.Collector = collect.New(cfg.Config)
	s, err := newService(Config{Collect: cfg.Collect, Origins: cfg.Origins, Registerer: cfg.Registerer})
	require.NoError(t, err)
	return s.intake, handlerOf(Config{Token: secret.Hold("of the operator")}, s.routes(), false)
}

// counter is the value of a counter, with the value of its one label, if it has one.
func counter(t *testing.T, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s of %q", name, label)
	return 0
}

const behavioursPath = "/api/v1/behaviours"

// request is what a client sends.
type request struct {
	body    string
	headers []string
	from    string
	query   string
	method  string
}

func send(h http.Handler, q request) *httptest.ResponseRecorder {
	if q.method == "" {
		q.method = http.MethodPost
	}
	r := httptest.NewRequest(q.method, behavioursPath+q.query, strings.NewReader(q.body))
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	for pair := range slices.Chunk(q.headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func requireRefused(t *testing.T, w *httptest.ResponseRecorder, status int, speaksOf string) refused {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p refused
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, status, p.Status)
	require.Contains(t, p.Detail, speaksOf)
	return p
}

func TestBehavioursAreTakenInEveryForm(t *testing.T) {
	kept := &memory{}
	_, h := collector(t, config(kept))
	for name, c := range map[string]struct {
		contentType, body string
		want              []string
	}{
		"a beacon":             {"text/plain;charset=UTF-8", "/a|1|0.5|1", []string{"/a|1|0.5|1"}},
		"ASCII":                {"text/plain; charset=US-ASCII", "/a|1|0.5|1", []string{"/a|1|0.5|1"}},
		"no type":              {"", "/a|1|0.5|1\n", []string{"/a|1|0.5|1"}},
		"lines":                {"text/plain", "/a|1|0.50|1\r\n\n /b | 2.0|1e0|-1\n", []string{"/a|1|0.5|1", "/b|2|1|-1"}},
		"an object":            {"application/json", `{"page":"/a","clicks":1,"minutes":0.5,"like":1,"who":"me"}`, []string{"/a|1|0.5|1"}},
		"an object on lines":   {"application/json", "{\n\"page\": \"/ü\",\n\"clicks\": 1, \"minutes\": 0}\n", []string{"/ü|1|0|0"}},
		"an array":             {"application/json; charset=utf-8", ` [{"page":"a","clicks":1,"minutes":0},` + "\n" + `{"page":"b","clicks":2,"minutes":0}]`, []string{"a|1|0|0", "b|2|0|0"}},
		"NDJSON":               {"application/x-ndjson", "{\"page\":\"a\",\"clicks\":1,\"minutes\":0}\n{\"page\":\"b\",\"clicks\":2,\"minutes\":0}\n", []string{"a|1|0|0", "b|2|0|0"}},
		"an object as text":    {"text/plain", `{"page":"a","clicks":1,"minutes":0}`, []string{"a|1|0|0"}},
		"pages like brackets":  {"text/plain", "[a]|1|0|0\n{b}|1|0|0", []string{"[a]|1|0|0", "{b}|1|0|0"}},
		"hostile pages":        {"text/plain", "\"><script>alert(1)</script>|1|0|0\njavascript:alert(1)|1|0|0", []string{"\"><script>alert(1)</script>|1|0|0", "javascript:alert(1)|1|0|0"}},
		"a page of 1024 bytes": {"text/plain", strings.Repeat("ü", 512) + "|1|0|0", []string{strings.Repeat("ü", 512) + "|1|0|0"}},
	} {
		w := send(h, request{body: c.body, headers: []string{"Content-Type", c.contentType}})
		require.Equal(t, http.StatusAccepted, w.Code, "%s: %s", name, w.Body)
		assert.Equal(t, c.want, kept.taken(), name)
		assert.JSONEq(t, fmt.Sprintf(`{"accepted":%d}`, len(c.want)), w.Body.String())
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
}

func TestRefusedBehavioursAreNamedAndGoodOnesKept(t *testing.T) {
	kept := &memory{}
	cfg := config(kept)
	registry := prometheus.NewRegistry()
	cfg.Registerer = registry
	_, h := collector(t, cfg)
	w := send(h, request{body: "/a|1|0|0\nnonsense\n\n/b|-1|0|0\n/c|1|0|1\n"})
	p := requireRefused(t, w, http.StatusBadRequest, "2 of 4 behaviours were refused and 2 kept; the first refused is number 2 (field-count)")
	assert.Equal(t, []string{"/a|1|0|0", "/c|1|0|1"}, kept.taken())
	assert.Equal(t, 2, p.Accepted)
	assert.Equal(t, 2, p.RefusedInAll)
	require.Len(t, p.Refused, 2)
	assert.Equal(t, 2, p.Refused[0].Line)
	assert.Equal(t, "field-count", p.Refused[0].Reason)
	assert.Equal(t, 4, p.Refused[1].Line)
	assert.Equal(t, "clicks-out-of-range", p.Refused[1].Reason)
	assert.NotEmpty(t, p.Refused[1].Detail)

	p = requireRefused(t, send(h, request{body: `[{"page":"a","clicks":1,"minutes":0}, "a|1|0|0", [], {"page":"b"}]`}), http.StatusBadRequest, "number 2 (json-type)")
	assert.Equal(t, []string{"a|1|0|0"}, kept.taken())
	assert.Equal(t, []int{2, 3, 4}, []int{p.Refused[0].Line, p.Refused[1].Line, p.Refused[2].Line})
	assert.Equal(t, "field-count", p.Refused[2].Reason)

	p = requireRefused(t, send(h, request{body: strings.Repeat("x\n", 1000)}), http.StatusBadRequest, "1000 of 1000")
	assert.Len(t, p.Refused, 100)
	assert.Equal(t, 1000, p.RefusedInAll)
	for _, empty := range []string{"", "\n \n", "[]"} {
		requireRefused(t, send(h, request{body: empty}), http.StatusBadRequest, "no behaviour")
	}
	assert.Empty(t, kept.taken())
	assert.InDelta(t, 3, counter(t, registry, "pageheat_collect_behaviours_total", ""), 0)
	assert.InDelta(t, 1002, counter(t, registry, "pageheat_collect_refused_total", "field-count"), 0)
	assert.InDelta(t, 6, counter(t, registry, "pageheat_collect_requests_total", "400"), 0)
}

func TestPagesAreKeptInBounds(t *testing.T) {
	kept := &memory{}
	cfg := config(kept)
	var err error
	cfg.AllowPages, err = collect.PagePattern(`/t/[0-9]+|/|/about`)
	require.NoError(t, err)
	cfg.MaxPageBytes = 8
	_, h := collector(t, cfg)
	p := requireRefused(t, send(h, request{body: "/t/12|1|0|0\n/|1|0|0\n/about|1|0|0\n/t/1x|1|0|0\nx/t/1|1|0|0\n/aboutx|1|0|0\n/t/123456|1|0|0\n/t/1\u2028|1|0|0"}),
		http.StatusBadRequest, "5 of 8")
	assert.Equal(t, []string{"/t/12|1|0|0", "/|1|0|0", "/about|1|0|0"}, kept.taken())
	for i, reason := range []string{collect.ReasonPageNotAllowed, collect.ReasonPageNotAllowed, collect.ReasonPageNotAllowed, "page-too-long", collect.ReasonPageNotAllowed} {
		assert.Equal(t, reason, p.Refused[i].Reason)
	}
	_, err = collect.PagePattern("(")
	require.Error(t, err)
	_, err = collect.PagePattern("a)|(?:b") // whole only when wrapped
	require.Error(t, err)
}

func TestWhatIsTooLargeOrOfAnotherType(t *testing.T) {
	kept := &memory{}
	_, h := collector(t, config(kept))
	requireRefused(t, send(h, request{body: strings.Repeat("/a|1|0|0\n", 10_000)}), http.StatusRequestEntityTooLarge, "65536 bytes")
	for _, contentType := range []string{"application/x-www-form-urlencoded", "text/html", "multipart/form-data; boundary=x", ";",
		"text/plain; charset=utf-16", "text/plain; charset=ISO-8859-1", `application/json; charset="utf-16le"`} {
		requireRefused(t, send(h, request{body: "/a|1|0|0", headers: []string{"Content-Type", contentType}}), http.StatusUnsupportedMediaType, "text/plain")
	}
	w := send(h, request{method: http.MethodGet})
	requireRefused(t, w, http.StatusMethodNotAllowed, "GET")
	assert.Equal(t, "POST, OPTIONS", w.Header().Get("Allow"))
	assert.Empty(t, kept.taken())
}

// TestALengthThatIsTooLargeIsRefusedAtOnce: the body is not waited for.
func TestALengthThatIsTooLargeIsRefusedAtOnce(t *testing.T) {
	_, h := collector(t, config(&memory{}))
	r := httptest.NewRequest(http.MethodPost, behavioursPath, iotest.ErrReader(errors.New("the body is read")))
	r.ContentLength = 1 << 40
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	requireRefused(t, w, http.StatusRequestEntityTooLarge, "65536 bytes")
}

func TestOtherSitesAreAllowedByName(t *testing.T) {
	kept := &memory{}
	cfg := config(kept)
	var err error
	cfg.Origins, err = NewOrigins([]string{"https://forum.example"})
	require.NoError(t, err)
	_, h := collector(t, cfg)
	requireRefused(t, send(h, request{body: "/a|1|0|0", headers: []string{"Origin", "https://evil.example"}}), http.StatusForbidden, "--allow-origins")
	requireRefused(t, send(h, request{method: http.MethodOptions, headers: []string{"Origin", "https://evil.example"}}), http.StatusForbidden, "--allow-origins")
	assert.Empty(t, kept.taken())
	w := send(h, request{body: "/a|1|0|0", headers: []string{"Origin", "https://forum.example"}})
	assert.Equal(t, http.StatusAccepted, w.Code)
	assert.Equal(t, "https://forum.example", w.Header().Get("Access-Control-Allow-Origin"))
	w = send(h, request{method: http.MethodOptions, headers: []string{"Origin", "https://forum.example", "Access-Control-Request-Method", "POST"}})
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "POST", w.Header().Get("Access-Control-Allow-Methods"))
}

func TestWriteKey(t *testing.T) {
	kept := &memory{}
	cfg := config(kept)
	cfg.Key = secret.Hold("k&y")
	_, h := collector(t, cfg)
	requireRefused(t, send(h, request{body: "/a|1|0|0"}), http.StatusUnauthorized, "write key")
	requireRefused(t, send(h, request{body: "/a|1|0|0", query: "?key=k"}), http.StatusUnauthorized, "write key")
	requireRefused(t, send(h, request{body: "/a|1|0|0", headers: []string{"Authorization", "Bearer k&"}}), http.StatusUnauthorized, "write key")
	assert.Empty(t, kept.taken())
	assert.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", query: "?key=k%26y"}).Code)
	assert.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", headers: []string{"Authorization", "Bearer k&y"}}).Code)
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

func TestPackedBehaviours(t *testing.T) {
	kept := &memory{}
	_, h := collector(t, config(kept))
	whole := packed(t, "/a|1|0|0\n/b|1|0|0")
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip"} {
		require.Equal(t, http.StatusAccepted, send(h, request{body: whole, headers: []string{"Content-Encoding", encoding}}).Code)
		assert.Equal(t, []string{"/a|1|0|0", "/b|1|0|0"}, kept.taken())
	}
	require.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", headers: []string{"Content-Encoding", "identity"}}).Code)
	kept.taken()
	bomb := 100 << 20
	if testing.Short() {
		bomb = 8 << 20
	}
	requireRefused(t, send(h, request{body: packed(t, strings.Repeat("x", bomb)), headers: []string{"Content-Encoding", "gzip"}}),
		http.StatusRequestEntityTooLarge, "65536 bytes")
	for _, bad := range []string{"/a|1|0|0", whole[:len(whole)-5], whole + "x", ""} {
		requireRefused(t, send(h, request{body: bad, headers: []string{"Content-Encoding", "gzip"}}), http.StatusBadRequest, "is incomplete")
	}
	for _, encoding := range []string{"br", "deflate", "zstd", "gzip, gzip", "compress"} {
		w := send(h, request{body: whole, headers: []string{"Content-Encoding", encoding}})
		requireRefused(t, w, http.StatusUnsupportedMediaType, "gzip")
		assert.Equal(t, "gzip", w.Header().Get("Accept-Encoding"))
	}
	assert.Empty(t, kept.taken())
}

func TestByteOrderMarkIsNoPartOfABody(t *testing.T) {
	kept := &memory{}
	_, h := collector(t, config(kept))
	for _, body := range []string{"/a|1|0|0", `{"page":"/a","clicks":1,"minutes":0}`, `[{"page":"/a","clicks":1,"minutes":0}]`} {
		require.Equal(t, http.StatusAccepted, send(h, request{body: "\uFEFF" + body}).Code)
		assert.Equal(t, []string{"/a|1|0|0"}, kept.taken())
	}
}

// All counters exist before anything happens.
func TestMetricsAreThereFromTheStart(t *testing.T) {
	registry := prometheus.NewRegistry()
	cfg := config(&memory{})
	cfg.Registerer = registry
	collector(t, cfg)
	for name, least := range map[string]int{"pageheat_collect_requests_total": 8, "pageheat_collect_refused_requests_total": 14, "pageheat_collect_refused_total": 16} {
		n, err := testutil.GatherAndCount(registry, name)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, n, least, name)
	}
}

func TestKafkaThatDoesNotTakeThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &memory{err: errors.New("secret detail")}
		c, h := collector(t, config(kept))
		require.NoError(t, c.Collector.Ready())
		w := send(h, request{body: "/a|1|0|0"})
		p := requireRefused(t, w, http.StatusServiceUnavailable, "Kafka")
		require.NotContains(t, p.Detail, "secret")
		require.Zero(t, p.Accepted)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.ErrorContains(t, c.Collector.Ready(), "secret detail")
		kept.err = collect.ErrBusy
		requireRefused(t, send(h, request{body: "/a|1|0|0"}), http.StatusServiceUnavailable, "too many messages wait")

		// It must be ready to find out that it works again.
		time.Sleep(6 * time.Second)
		require.NoError(t, c.Collector.Ready())
		kept.err = nil
		require.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0"}).Code)
		require.NoError(t, c.Collector.Ready())
	})
}

// What a page sends when a visitor leaves it is written, although no client waits for the
// response.
func TestClientThatIsGone(t *testing.T) {
	kept := &memory{}
	_, h := collector(t, config(kept))
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, behavioursPath, strings.NewReader("/a|1|0|0"))
	cancel()
	h.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, []string{"/a|1|0|0"}, kept.taken())
}
