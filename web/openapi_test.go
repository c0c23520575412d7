package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/collect"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/overview"
	"pageheat/secret"
	"pageheat/topology"
	"pageheat/views"
)

const token = "of the operator"

// everything is a handler for all routes, on fakes that fail on request.
type everything struct {
	world  *world
	routes []Route
	http.Handler
}

func serveEverything(t *testing.T) everything {
	t.Helper()
	w := &world{boards: map[string]views.Board{}, pages: map[string]heat.Totals{}}
	cfg := Config{Token: secret.Hold(token),
		Serve:   Serve{Boards: w, Pages: pages{w}, Weights: heat.DefaultWeights(), MaxStreams: 2, MaxStreamsPerClient: 1},
		Collect: Collect{MaxBytes: 2000, Rate: 1, Burst: 1000, Key: secret.Hold("key")},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = w.Write([]byte("up 1\n"))
		}),
	}
	var err error
	cfg.Origins, err = NewOrigins([]string{"https://forum.example"})
	require.NoError(t, err)
	cfg.Proxies, err = NewProxies([]string{"192.0.2.0/24"})
	require.NoError(t, err)
	cfg.Collect.Collector = collect.New(collect.Config{Writer: w, Limits: heat.DefaultLimits(), MaxPageBytes: 100, Timeout: time.Second})
	w.cluster = kafkatest.Embedded(t)
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	for _, spec := range topo.Specs(3, 1) {
		kafkatest.CreateTopic(t, w.cluster, spec.Name, int32(spec.Partitions))
	}
	kafkatest.CreateTopic(t, w.cluster, topo.Input, 2)
	kafkatest.Produce(t, w.cluster, topo.DeadLetter, "nonsense")
	clients := kafka.New(kafka.Config{Brokers: w.cluster.Brokers(), ClientID: "web"})
	t.Cleanup(clients.Close)
	cfg.Serve.Cluster = overview.New(clients, topo, func(kafka.Resource, string) bool { return false })
	routes, err := Routes(cfg)
	require.NoError(t, err)
	return everything{w, routes, handlerOf(cfg, routes, false)}
}

// readDescription reads the OpenAPI document, which must be valid.
func readDescription(t *testing.T) (libopenapi.Document, validator.Validator) {
	t.Helper()
	text, err := descriptions.ReadFile(openAPI)
	require.NoError(t, err)
	// The validator needs paths from the root.
	text = bytes.Replace(text, []byte("- url: ../../"), []byte("- url: /"), 1)
	document, err := libopenapi.NewDocument(text)
	require.NoError(t, err)
	v, errs := validator.NewValidator(document)
	require.Empty(t, errs)
	valid, wrong := v.ValidateDocument()
	require.True(t, valid, "%v", wrong)
	return document, v
}

// TestReasonsAreDescribed: the description lists all reasons for a refusal.
func TestReasonsAreDescribed(t *testing.T) {
	text, err := descriptions.ReadFile(openAPI)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "enum: [empty,")
	list, _, _ := strings.Cut(rest, "]")
	described := []string{"empty"}
	for reason := range strings.SplitSeq(list, ",") {
		described = append(described, strings.TrimSpace(reason))
	}
	want := []string{collect.ReasonPageNotAllowed}
	for _, code := range codec.Codes() {
		want = append(want, string(code))
	}
	assert.ElementsMatch(t, want, described)
}

// TestAnswersAreAsDescribed sends requests of every kind to every route, and compares requests and
// responses with the description. It must see every path, method and status in the description, so
// the description has nothing that does not exist.
func TestAnswersAreAsDescribed(t *testing.T) {
	document, v := readDescription(t)
	s := serveEverything(t)
	seen := map[string]bool{}
	operator := []string{"Authorization", "Bearer " + token}
	ask := func(method, target, body string, status int, headers ...string) {
		t.Helper()
		build := func() *http.Request {
			r := httptest.NewRequest(method, target, strings.NewReader(body))
			for pair := range slices.Chunk(headers, 2) {
				r.Header.Set(pair[0], pair[1])
			}
			return r
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, build())
		require.Equal(t, status, w.Code, "%s %s: %s", method, target, w.Body)
		path, _, _ := strings.Cut(target, "?")
		path = strings.NewReplacer("/boards/all-time", "/boards/{board}", "/boards/nothing", "/boards/{board}",
			"/boards/day/2026-01-01", "/boards/{board}/{part}", "/boards/day/x", "/boards/{board}/{part}").Replace(path)
		seen[fmt.Sprintf("%s %s %d", method, path, status)] = true
		if status == http.StatusNotModified {
			return
		}
		valid, wrong := v.ValidateHttpResponse(build(), w.Result())
		assert.True(t, valid, "%s %s %d: %v\n%s", method, target, status, texts(wrong), w.Body)
		if status < 300 { // a successful request must be valid
			valid, wrong = v.ValidateHttpRequest(build())
			assert.True(t, valid, "%s %s: %v", method, target, texts(wrong))
		}
	}

	const in = "/api/v1/behaviours"
	asText, asJSON := []string{"Content-Type", "text/plain"}, []string{"Content-Type", "application/json"}
	ask("POST", in+"?key=key", "a|1|0|0\nb|1|0.5|1", 202, asText...)
	ask("POST", in+"?key=key", `{"page":"a","clicks":1,"minutes":0.5}`, 202, asJSON...)
	ask("POST", in+"?key=key", `[{"page":"a","clicks":1,"minutes":0.5,"like":-1}]`, 202, asJSON...)
	ask("POST", in+"?key=key", "{\"page\":\"a\",\"clicks\":1,\"minutes\":0}\n", 202, "Content-Type", "application/x-ndjson")
	ask("POST", in+"?key=key", "a|1|0|0\nb|1|0.5", 400, asText...)
	ask("POST", in+"?key=key", "", 400, asText...)
	for _, message := range refusedMessages() {
		ask("POST", in+"?key=key", message, 400, asText...)
	}
	ask("POST", in, "a|1|0|0", 401, asText...)
	ask("POST", in+"?key=key", "a|1|0|0", 403, append(asText, "Origin", "https://evil.example")...)
	ask("POST", in+"?key=key", strings.Repeat("a|1|0|0\n", 1000), 413, asText...)
	ask("POST", in+"?key=key", strings.Repeat("\na", 999)+"\nb\nc", 413, asText...) // short, but many
	ask("POST", in+"?key=key", "a|1|0|0", 415, "Content-Type", "text/html")
	ask("POST", in+"?key=key", "a|1|0|0", 415, append(asText, "Content-Encoding", "br")...)
	s.world.err = errors.New("away")
	ask("POST", in+"?key=key", "a|1|0|0", 503, asText...)
	s.world.err = nil
	ask("POST", in+"?key=key", "a|1|0|0", 202, asText...) // makes the role ready again
	ask("POST", in+"?key=key", strings.Repeat("x\n", 1000), 400, append(asText, "X-Forwarded-For", "198.51.100.7")...)
	ask("POST", in+"?key=key", "a|1|0|0", 429, append(asText, "X-Forwarded-For", "198.51.100.7")...)

	const board, boards = "/api/v1/boards/all-time", "/api/v1/boards"
	s.world.unready = views.ErrRecovering
	ask("GET", boards, "", 503)
	s.world.unready = nil
	ask("GET", boards, "", 200)
	ask("GET", boards, "", 304, "If-None-Match", "*")
	ask("GET", boards, "", 403, "Origin", "https://evil.example")
	ask("GET", board, "", 404)
	s.world.unready = views.ErrRecovering
	ask("GET", board, "", 503)
	ask("GET", "/readyz", "", 503, operator...)
	ask("GET", "/api/v1/page?page=x", "", 503, operator...)
	s.world.unready = nil
	for _, b := range []*codec.Board{aBoard(), windowBoard("other", 43), trendingBoard(), dayBoard("2026-01-01")} {
		s.world.publish(t, b)
	}
	time.Sleep(listInterval)
	ask("GET", boards, "", 200)
	ask("GET", boards+"/trending", "", 200)
	delete(seen, "GET /api/v1/boards/trending 200")
	const day, noDay = "/api/v1/boards/day/2026-01-01", "/api/v1/boards/day/x"
	for _, path := range []string{board, day} {
		other := strings.NewReplacer("all-time", "nothing", day, noDay).Replace(path)
		for _, form := range []string{"", "/feed.atom", "/feed.rss", "/list.html"} {
			ask("GET", path+form, "", 200)
			ask("GET", path+form, "", 304, "If-None-Match", `"42"`)
			ask("GET", path+form, "", 403, "Origin", "https://evil.example")
			ask("GET", other+form, "", 404)
			s.world.unready = views.ErrRecovering
			ask("GET", other+form, "", 503)
			s.world.unready = nil
		}
		ask("GET", path+"/events", "", 403, "Origin", "https://evil.example")
		ask("GET", other+"/events", "", 404)
		s.streamOnce(t, v, path+"/events")
	}
	for _, client := range []string{"198.51.100.1", "198.51.100.2"} {
		s.follow(t, board+"/events", client)
		if client == "198.51.100.1" {
			ask("GET", board+"/events", "", 429, "X-Forwarded-For", client)
			ask("GET", day+"/events", "", 429, "X-Forwarded-For", client)
		}
	}
	ask("GET", board+"/events", "", 503)
	ask("GET", day+"/events", "", 503)
	seen["GET /api/v1/boards/{board}/events 200"] = true
	seen["GET /api/v1/boards/{board}/{part}/events 200"] = true

	s.world.pages["a"] = heat.Totals{Clicks: heat.Uint128{Lo: 3}, Behaviours: 1}
	ask("GET", "/api/v1/page?page=a", "", 200, operator...)
	ask("GET", "/api/v1/page?page=", "", 400, operator...)
	ask("GET", "/api/v1/page?page=b", "", 404, operator...)
	s.world.unready = errors.New("damaged")
	ask("GET", "/api/v1/page?page=a", "", 500, operator...)
	s.world.unready = nil
	for _, path := range []string{"/api/v1/page?page=a", "/api/v1/settings", "/api/v1/overview", "/readyz", "/metrics"} {
		ask("GET", path, "", 401)
	}
	for _, path := range []string{"/api/v1/settings", "/api/v1/overview", "/readyz", "/metrics", "/healthz", "/api/v1/" + openAPI, "/api/v1/" + boardSchema, "/api/v1/" + behaviourSchema} {
		ask("GET", path, "", 200, operator...)
	}

	require.NoError(t, s.world.cluster.Close())
	time.Sleep(2100 * time.Millisecond) // until the cached response has expired
	ask("GET", "/api/v1/overview", "", 503, operator...)

	model, err := document.BuildV3Model()
	require.NoError(t, err)
	described := map[string]bool{}
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		described[path] = true
		for method, operation := range item.GetOperations().FromOldest() {
			for status := range operation.Responses.Codes.FromOldest() {
				key := fmt.Sprintf("%s %s %s", strings.ToUpper(method), path, status)
				assert.True(t, seen[key], "%s is described, and was not seen", key)
				delete(seen, key)
			}
		}
	}
	assert.Empty(t, seen, "seen, and not described")
	for _, route := range s.routes {
		if strings.HasPrefix(route.Path, "/api/") {
			assert.True(t, described[route.Path], "%s is served, and not described", route.Path)
		}
	}
}

// schema compiles a schema.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := descriptions.ReadFile(name)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(name, value))
	compiled, err := compiler.Compile(name)
	require.NoError(t, err)
	return compiled
}

// TestBehaviourSchemaJudgesAsTheCodecDoes, for all messages with as many bytes as characters.
func TestBehaviourSchemaJudgesAsTheCodecDoes(t *testing.T) {
	compiled := schema(t, behaviourSchema)
	for _, message := range []string{
		`{"page":"page37","clicks":5,"minutes":1.5119122,"like":-1}`,
		`{"page":"a","clicks":0,"minutes":0}`,
		`{"page":"a","clicks":5.0,"minutes":1440,"like":1,"other":[]}`,
		`{"page":"a","clicks":1000001,"minutes":0}`,
		`{"page":"a","clicks":-1,"minutes":0}`,
		`{"page":"a","clicks":1.5,"minutes":0}`,
		`{"page":"a","clicks":"1","minutes":0}`,
		`{"page":"a","clicks":1,"minutes":1441}`,
		`{"page":"a","clicks":1,"minutes":-0.1}`,
		`{"page":"a","clicks":1,"minutes":0,"like":2}`,
		`{"page":"a","clicks":1,"minutes":0,"like":0.5}`,
		`{"page":"a","clicks":1,"minutes":0,"like":null}`,
		`{"page":"a|b","clicks":1,"minutes":0}`,
		`{"page":"a\u0085b","clicks":1,"minutes":0}`,
		`{"page":"a\nb","clicks":1,"minutes":0}`,
		`{"page":"","clicks":1,"minutes":0}`,
		`{"page":"` + strings.Repeat("x", 1024) + `","clicks":1,"minutes":0}`,
		`{"page":"` + strings.Repeat("x", 1025) + `","clicks":1,"minutes":0}`,
		`{"clicks":1,"minutes":0}`, `{"page":"a","minutes":0}`, `{"page":"a","clicks":1}`,
		`{"page":7,"clicks":1,"minutes":0}`,
		`{}`, `{"page":"a"}`, `{"page":"a","like":-1}`, `{"page":"a","clicks":null,"minutes":null,"like":null}`,
		`{"page":"a","clicks":null,"minutes":1}`, `{"page":"a","clicks":1,"minutes":"x"}`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(message))
		require.NoError(t, err)
		_, refusal := codec.ParseBehaviour([]byte(message), heat.DefaultLimits())
		err = compiled.Validate(value)
		assert.Equal(t, refusal == nil, err == nil, "%.80s: codec: %v; schema: %v", message, refusal, err)
	}
}

func TestBoardSchemaTakesWhatIsPublished(t *testing.T) {
	compiled := schema(t, boardSchema)
	// The schema has everything that is published.
	var document struct {
		Properties map[string]json.RawMessage
	}
	raw, err := descriptions.ReadFile(boardSchema)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &document))
	for _, board := range []*codec.Board{aBoard(), windowBoard("hours", 43), groupBoard("sport"), trendingBoard(), dayBoard(""), dayBoard("2026-01-01")} {
		text, err := codec.EncodeBoard(board)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, compiled.Validate(value))
		members, ok := value.(map[string]any)
		require.True(t, ok)
		for name := range members {
			assert.Contains(t, document.Properties, name)
		}
		delete(members, "version")
		require.Error(t, compiled.Validate(value))
	}
}
