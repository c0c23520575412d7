package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/webserver"
)

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func get(t *testing.T, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	pages, err := Forum()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h := webserver.Handler(webserver.Config{Routes: append(Routes(), pages...), Token: "of the operator"})
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	h.ServeHTTP(w, r)
	return w
}

// The scripts are loaded by each page of a site: what goes over the wire must be
// small. README and docs/collect.md name these numbers.
func TestScriptsAreSmallAndStandAlone(t *testing.T) {
	for path, most := range map[string]int{"/pageheat.js": 2000, "/widget.js": 3500} {
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

		source, err := scripts.ReadFile(path[1:])
		require.NoError(t, err)
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "document.cookie", "localStorage", "import ", "import("} {
			assert.NotContains(t, string(source), never, path)
		}
	}
}

func TestForum(t *testing.T) {
	front := get(t, "/forum/")
	require.Equal(t, http.StatusOK, front.Code)
	assert.Equal(t, "text/html; charset=utf-8", front.Header().Get("Content-Type"))
	for _, thread := range Threads() {
		assert.Contains(t, front.Body.String(), `<li><a href="`+thread.Path+`">`)
		for part := range 3 {
			thread := thread.Part(part)
			w := get(t, thread.Path)
			require.Equal(t, http.StatusOK, w.Code, thread.Path)
			assert.Contains(t, w.Body.String(), "<h1>"+html.EscapeString(thread.Title)+"</h1>")
			assert.Contains(t, w.Body.String(), `data-pageheat-like="-1"`)
		}
	}
	// What they are made of is allowed by the policy of all pages.
	for _, path := range []string{"/forum/", Threads()[0].Path, Threads()[99].Part(123456).Path} {
		body := get(t, path).Body.String()
		assert.Contains(t, body, "pageheat-board")
		assert.NotRegexp(t, `<script>| style=|<style| on[a-z]+=|https?:|src="/`, body)
	}
	first := Threads()[0].Path
	for _, path := range []string{"/forum/page1", first + "x", first + "-part-", first + "-part-1", first + "-part-02", first + "-part-2-part-3",
		first + "-part-x", first + "-part-99999999999", "/forum/%3Cb%3E"} {
		w := get(t, path)
		assert.Equal(t, http.StatusNotFound, w.Code, path)
		assert.NotContains(t, w.Body.String(), "<b>")
	}
	w := get(t, "/forum")
	assert.Equal(t, "forum/", w.Header().Get("Location"))
	assert.Equal(t, http.StatusPermanentRedirect, w.Code)
	assert.True(t, strings.HasPrefix(get(t, "/forum/forum.css").Header().Get("Content-Type"), "text/css"))

	var titles map[string]string
	require.NoError(t, json.Unmarshal(get(t, "/forum/titles.json").Body.Bytes(), &titles))
	for _, thread := range Threads() {
		assert.Equal(t, thread.Title, titles[thread.Path])
	}
}

// Threads are what the simulator of the demo visits: their paths are names of pages.
func TestThreads(t *testing.T) {
	seen := map[string]bool{}
	for _, thread := range Threads() {
		for part := range 3 {
			thread := thread.Part(part)
			assert.Regexp(t, `^/forum/[a-z0-9]+(-[a-z0-9]+)*$`, thread.Path)
			assert.NotEmpty(t, thread.Title)
			assert.NotEmpty(t, thread.Section)
			assert.False(t, seen[thread.Path], thread.Path)
			seen[thread.Path] = true
		}
	}
	assert.Len(t, seen, 300)
	assert.Equal(t, Threads()[0], Threads()[0].Part(0))
}
