package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/web"
)

// TestHealthcheck asks the routes of an instance that becomes ready, with a token and a prefix.
func TestHealthcheck(t *testing.T) {
	var notReady error
	t.Setenv("PAGEHEAT_TOKEN", "geheim")
	t.Setenv("PAGEHEAT_HTTP_PREFIX", "/heat")
	settings := web.DefaultSettings()
	settings.Token, settings.HTTPPrefix = "geheim", "/heat"
	cfg, err := settings.Config()
	assert.NoError(t, err)
	cfg.Checks = []web.Check{{Part: "ingest", Ready: func() error { return notReady }}}
	handler, err := web.Handler(cfg)
	assert.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	check := func(args ...string) (int, string) {
		var out, log bytes.Buffer
		code := run(t.Context(), append([]string{"healthcheck"}, args...), strings.NewReader(""), &out, &log)
		return code, out.String() + log.String()
	}
	for _, listen := range []string{":" + port, "0.0.0.0:" + port, "127.0.0.1:" + port, "localhost:" + port} {
		code, said := check("--listen", listen)
		assert.Equal(t, exitDone, code, said)
		assert.Equal(t, "ready\n", said)
	}
	notReady = errors.New("restarting")
	code, said := check("--listen", ":"+port)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "Not ready")
	assert.Contains(t, said, "ingest: restarting")

	t.Setenv("PAGEHEAT_TOKEN", "wrong")
	code, said = check("--listen", ":"+port)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "needs the token")

	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	code, said = check("--listen", silent.Listener.Addr().String(), "--timeout", "20ms")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "deadline exceeded")
}
