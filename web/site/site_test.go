package site_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/js"

	"pageheat/secret"
	"pageheat/web"
)

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// serve returns a handler of some routes.
func serve(t *testing.T, cfg web.Config) http.Handler {
	t.Helper()
	h, err := web.Handler(cfg)
	require.NoError(t, err)
	return h
}

func get(t *testing.T, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(serve(t, web.Config{Routes: web.Scripts(), Token: secret.Hold("of the operator")}), http.MethodGet, path, headers...)
}

var update = flag.Bool("update", false, "minify the scripts again")

func TestScriptsAreMinified(t *testing.T) {
	for _, name := range []string{"pageheat.js", "widget.js"} {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		var small bytes.Buffer
		require.NoError(t, js.Minify(minify.New(), &small, bytes.NewReader(source), nil))
		to := filepath.Join("minified", name)
		if *update {
			require.NoError(t, os.WriteFile(to, small.Bytes(), 0o600))
		}
		minified, err := os.ReadFile(to)
		require.NoError(t, err)
		require.Equal(t, small.String(), string(minified), "%s has changed: go test ./web/site -run TestScriptsAreMinified -update", name)
	}
}

// Every page of a site loads the scripts, so they must be small when compressed. README and
// docs/collect.md state these numbers.
func TestScriptsAreSmallAndStandAlone(t *testing.T) {
	for path, most := range map[string]int{"/pageheat.js": 2300, "/widget.js": 3500} {
		plain := get(t, path)
		require.Equal(t, http.StatusOK, plain.Code)
		assert.Empty(t, plain.Header().Get("Content-Encoding"))
		packed := get(t, path, "Accept-Encoding", "br, gzip;q=0.9")
		assert.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
		t.Logf("%s: %d bytes, %d packed", path, plain.Body.Len(), packed.Body.Len())
		assert.Less(t, packed.Body.Len(), most, path)
		z, err := gzip.NewReader(bytes.NewReader(packed.Body.Bytes()))
		require.NoError(t, err)
		unpacked, err := io.ReadAll(z)
		require.NoError(t, err)
		assert.Equal(t, plain.Body.String(), string(unpacked))
		assert.NotEqual(t, plain.Header().Get("ETag"), packed.Header().Get("ETag"))
		for _, w := range []*httptest.ResponseRecorder{plain, packed} {
			assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
			assert.Equal(t, "cross-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
			assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"), "for crossorigin, integrity and modules")
			assert.Contains(t, w.Header().Values("Vary"), "Accept-Encoding")
		}
		again := get(t, path, "Accept-Encoding", "gzip", "If-None-Match", packed.Header().Get("ETag"))
		assert.Equal(t, http.StatusNotModified, again.Code)
		assert.Empty(t, get(t, path, "Accept-Encoding", "gzip;q=0").Header().Get("Content-Encoding"))

		source, err := os.ReadFile(path[1:])
		require.NoError(t, err)
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "document.cookie", "localStorage", "import ", "import("} {
			assert.NotContains(t, string(source), never, path)
		}
	}
}
