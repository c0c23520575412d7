package site_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

func TestFilesAreCompressed(t *testing.T) {
	text := strings.Repeat("const answer = 42;\n", 100)
	file := site.NewFile("a.js", []byte(text))
	for _, accept := range []string{"gzip", "br, gzip;q=0.5", "*", "GZIP", "deflate, gzip ; q=1.0"} {
		w := ask(file, "GET", "/", "Accept-Encoding", accept, "Range", "bytes=0-9")
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, "gzip", w.Header().Get("Content-Encoding"), accept)
		assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
		assert.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
		assert.Less(t, w.Body.Len(), 100)
		unpacked, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		whole, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		assert.Equal(t, text, string(whole))
		again := ask(file, "GET", "/", "Accept-Encoding", accept, "If-None-Match", w.Header().Get("ETag"))
		assert.Equal(t, http.StatusNotModified, again.Code)
		assert.Equal(t, "Accept-Encoding", again.Header().Get("Vary"))
	}
	for _, accept := range []string{"", "identity", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "br"} {
		w := ask(file, "GET", "/", "Accept-Encoding", accept)
		assert.Empty(t, w.Header().Get("Content-Encoding"), accept)
		assert.Equal(t, text, w.Body.String())
	}
	assert.Equal(t, http.StatusPartialContent, ask(file, "GET", "/", "Range", "bytes=0-9").Code)
	assert.Empty(t, ask(site.NewFile("a.js", []byte("1")), "GET", "/", "Accept-Encoding", "gzip").Header().Get("Content-Encoding"), "which would be longer")
}

// TestFilesCostNothingBeforeTheyAreServed: an instance that nobody visits does not read and pack them.
func TestFilesCostNothingBeforeTheyAreServed(t *testing.T) {
	var before, made, served runtime.MemStats
	runtime.ReadMemStats(&before)
	file := site.Dashboard("app.js")
	runtime.ReadMemStats(&made)
	w := ask(file, "GET", "/", "Accept-Encoding", "gzip")
	runtime.ReadMemStats(&served)
	assert.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	assert.Less(t, made.TotalAlloc-before.TotalAlloc, (served.TotalAlloc-made.TotalAlloc)/10)
}
