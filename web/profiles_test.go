package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/secret"
)

// Operators can take profiles and traces from every instance, under the rules for their
// addresses.
func TestProfilesAreForOperators(t *testing.T) {
	paths := []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=0.01"}
	hosts, err := NewHosts(nil)
	require.NoError(t, err)
	checked, err := Handler(Config{Hosts: hosts})
	require.NoError(t, err)
	guarded, err := Handler(Config{Hosts: hosts, Token: secret.Hold(token)})
	require.NoError(t, err)
	for _, path := range paths {
		assert.Equal(t, http.StatusMisdirectedRequest, ask(checked, "GET", "http://evil.example"+path).Code, path)
		assert.Equal(t, http.StatusUnauthorized, ask(guarded, "GET", path).Code, path)
		assert.Equal(t, http.StatusMethodNotAllowed, ask(guarded, "POST", path).Code, path)
		assert.Equal(t, http.StatusOK, ask(checked, "GET", "http://localhost"+path).Code, path)
		w := ask(guarded, "GET", path, "Authorization", "Bearer "+token)
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Positive(t, w.Body.Len(), path)
	}
	// A flag of the command line may be the token.
	assert.Equal(t, http.StatusNotFound, ask(guarded, "GET", "/debug/pprof/cmdline", "Authorization", "Bearer "+token).Code)

	_, _, cfg := served()
	routes, err := Routes(cfg)
	require.NoError(t, err)
	public := handlerOf(Config{}, public(routes), false)
	for _, path := range paths {
		assert.Equal(t, http.StatusNotFound, ask(public, "GET", path).Code, path)
	}
}

// A profile arrives complete, although other responses have less time than it takes.
func TestProfileOverAConnection(t *testing.T) {
	handler, err := Handler(Config{Prefix: "/heat"})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.Config.WriteTimeout = 100 * 1e6
	server.Start()
	defer server.Close()
	for path, begin := range map[string]string{"trace?seconds=0.5": "go 1.", "profile?seconds=1": "\x1f\x8b"} {
		answer, err := http.Get(server.URL + "/heat/debug/pprof/" + path)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err, path)
		require.NoError(t, answer.Body.Close())
		assert.True(t, bytes.HasPrefix(body, []byte(begin)), "%s: %q", path, strings.ToValidUTF8(string(body[:min(20, len(body))]), "?"))
	}
}
