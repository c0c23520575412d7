package site

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/webserver"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	pages, err := Forum()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h := webserver.Handler(webserver.Config{Routes: append(Routes(), pages...), Token: "of the operator"})
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// The script is loaded by each page of a site: it must be small.
func TestScriptsAreSmallAndStandAlone(t *testing.T) {
	for path, most := range map[string]int{"/pageheat.js": 3000, "/widget.js": 5000} {
		w := get(t, path)
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
		assert.Equal(t, "cross-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write(w.Body.Bytes())
		require.NoError(t, err)
		require.NoError(t, z.Close())
		assert.Less(t, packed.Len(), most, path)
		assert.Greater(t, w.Body.Len(), 1000)
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "document.cookie", "localStorage", "import ", "import("} {
			assert.NotContains(t, w.Body.String(), never, path)
		}
	}
}

func TestForum(t *testing.T) {
	front := get(t, "/forum/")
	require.Equal(t, http.StatusOK, front.Code)
	assert.Equal(t, "text/html; charset=utf-8", front.Header().Get("Content-Type"))
	links := regexp.MustCompile(`<li><a href="([^"]+)"`).FindAllStringSubmatch(front.Body.String(), -1)
	require.Len(t, links, listed)
	for _, link := range links {
		w := get(t, "/forum/"+link[1])
		require.Equal(t, http.StatusOK, w.Code, link[1])
		assert.Contains(t, w.Body.String(), `data-page="`+link[1]+`"`)
		assert.Contains(t, w.Body.String(), `data-pageheat-like="-1"`)
	}
	// What they are made of is allowed by the policy of all pages.
	for _, path := range []string{"/forum/", "/forum/page1", "/forum/page123456"} {
		body := get(t, path).Body.String()
		assert.Contains(t, body, "pageheat-board")
		assert.NotRegexp(t, `<script>| style=|<style| on[a-z]+=|https?:|href="/|src="/`, body)
	}
	for _, path := range []string{"/forum/page0", "/forum/page01", "/forum/page", "/forum/page-1", "/forum/page1x", "/forum/%3Cb%3E", "/forum/page99999999999"} {
		w := get(t, path)
		assert.Equal(t, http.StatusNotFound, w.Code, path)
		assert.NotContains(t, w.Body.String(), "<b>")
	}
	w := get(t, "/forum")
	assert.Equal(t, "forum/", w.Header().Get("Location"))
	assert.Equal(t, http.StatusPermanentRedirect, w.Code)
	assert.True(t, strings.HasPrefix(get(t, "/forum/forum.css").Header().Get("Content-Type"), "text/css"))
}
