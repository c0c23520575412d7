package forum

import (
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/secret"
	"pageheat/web"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	pages, err := Routes()
	require.NoError(t, err)
	h, err := web.Handler(web.Config{Routes: pages, Token: secret.Hold("of the operator")})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
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
			assert.Contains(t, w.Body.String(), `<meta property="og:title" content="`+html.EscapeString(thread.Title)+`">`)
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
