package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/secret"
	"pageheat/web/site"
)

func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func routes() []Route {
	return []Route{
		{Path: "/secret", Handler: say("secret")},
		{Path: "/open", Handler: say("open"), Public: true},
		{Path: "/in", Methods: []string{http.MethodPost, http.MethodOptions}, Handler: say("in"), Public: true},
		{Path: "/script.js", Handler: site.NewFile("script.js", []byte("1")), Public: true, Embedded: true},
	}
}

func TestTokenGuardsAllThatIsNotPublic(t *testing.T) {
	h := handlerOf(Config{Token: secret.Hold("a token")}, routes(), false)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer a toke", "Bearer a token ", "bearer a token", "Basic YTo=", "Basic eDphIHRva2Vu="} {
		w := ask(h, "GET", "/secret", "Authorization", authorization)
		require.Equal(t, http.StatusUnauthorized, w.Code, authorization)
		assert.NotContains(t, w.Body.String(), "secret")
		assert.Len(t, w.Header().Values("WWW-Authenticate"), 2)
		assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	}
	assert.Equal(t, "secret", ask(h, "GET", "/secret", "Authorization", "Bearer a token").Body.String())
	assert.Equal(t, "secret", ask(h, "GET", "/secret", "Authorization", "Basic eDphIHRva2Vu").Body.String(), "as the password of x")
	assert.Equal(t, http.StatusUnauthorized, ask(h, "HEAD", "/secret").Code)
	assert.Equal(t, "open", ask(h, "GET", "/open").Body.String())
	assert.Equal(t, "in", ask(h, "POST", "/in").Body.String())
	assert.Equal(t, "secret", ask(handlerOf(Config{}, routes(), false), "GET", "/secret").Body.String(), "without a token nothing is guarded")
}

func TestPublicRoutesAlone(t *testing.T) {
	h := handlerOf(Config{}, public(routes()), false)
	assert.Equal(t, http.StatusNotFound, ask(h, "GET", "/secret").Code)
	assert.Equal(t, "open", ask(h, "GET", "/open").Body.String())
}

func TestMethods(t *testing.T) {
	h := handlerOf(Config{Prefix: "/below"}, routes(), false)
	for target, allow := range map[string]string{"/below/open": "GET, HEAD", "/below/in": "POST, OPTIONS"} {
		w := ask(h, "DELETE", target)
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, allow, w.Header().Get("Allow"))
		var p problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		assert.Equal(t, http.StatusMethodNotAllowed, p.Status)
		assert.Contains(t, p.Detail, "DELETE")
	}
	assert.Equal(t, "in", ask(h, "OPTIONS", "/below/in").Body.String())
}

func TestOnlyWhatIsEmbeddedIsForOtherSites(t *testing.T) {
	h := handlerOf(Config{}, routes(), false)
	assert.Equal(t, "same-origin", ask(h, "GET", "/open").Header().Get("Cross-Origin-Resource-Policy"))
	w := ask(h, "GET", "/script.js")
	assert.Equal(t, "cross-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
	assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"), "as a module, or with an integrity attribute")
	assert.Empty(t, ask(h, "GET", "/open").Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, http.StatusNotModified, ask(h, "GET", "/script.js", "If-None-Match", w.Header().Get("ETag")).Code)
}

func TestOrigins(t *testing.T) {
	listed, err := NewOrigins([]string{"https://forum.example", " http://localhost:3000"})
	require.NoError(t, err)
	all, err := NewOrigins([]string{"*"})
	require.NoError(t, err)
	for _, c := range []struct {
		origins Origins
		headers []string
		allowed bool
		header  string // Access-Control-Allow-Origin
	}{
		{Origins{}, nil, true, ""},
		{Origins{}, []string{"Origin", "http://example.com"}, true, ""}, // asked for at example.com
		{Origins{}, []string{"Origin", "https://example.com"}, true, ""},
		{Origins{}, []string{"Origin", "https://behind.example", "Sec-Fetch-Site", "same-origin"}, true, ""},
		{Origins{}, []string{"Origin", "https://forum.example", "Sec-Fetch-Site", "same-site"}, false, ""},
		{Origins{}, []string{"Origin", "null"}, false, ""},
		{listed, []string{"Origin", "https://forum.example"}, true, "https://forum.example"},
		{listed, []string{"Origin", "https://FORUM.example"}, true, "https://FORUM.example"},
		{listed, []string{"Origin", "http://localhost:3000"}, true, "http://localhost:3000"},
		{listed, []string{"Origin", "http://forum.example"}, false, ""},
		{listed, []string{"Origin", "https://forum.example.evil.example"}, false, ""},
		{listed, []string{"Origin", "https://a.forum.example"}, false, ""},
		{all, []string{"Origin", "https://anybody.example"}, true, "*"},
		{all, []string{"Origin", "null"}, true, "*"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
		for pair := range slices.Chunk(c.headers, 2) {
			r.Header.Set(pair[0], pair[1])
		}
		w := httptest.NewRecorder()
		assert.Equal(t, c.allowed, c.origins.Allow(w, r), c.headers)
		assert.Equal(t, c.header, w.Header().Get("Access-Control-Allow-Origin"), c.headers)
		assert.Equal(t, "Origin", w.Header().Get("Vary"))
	}
	for _, bad := range []string{"", "forum.example", "https://", "https://forum.example/", "https://forum.example/path", "ftp://x", "https://a@b", "https://forum.example?x", "%"} {
		_, err := NewOrigins([]string{bad})
		require.ErrorContains(t, err, "is not an origin", bad)
	}
}

func TestPreflight(t *testing.T) {
	origins, err := NewOrigins([]string{"https://forum.example"})
	require.NoError(t, err)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { origins.preflight(w, r, "POST", "Content-Type") })
	w := ask(h, "OPTIONS", "/", "Origin", "https://forum.example")
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "POST", w.Header().Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "Content-Type", w.Header().Get("Access-Control-Allow-Headers"))
	w = ask(h, "OPTIONS", "/", "Origin", "https://evil.example")
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
}
