package web

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/views"
)

// feeding is a handler that serves one board, with links.
func feeding(t *testing.T, board *codec.Board, template string, origins ...string) http.Handler {
	t.Helper()
	boards, _, cfg := served()
	var err error
	cfg.Serve.PageLink, err = NewPageLink(template)
	require.NoError(t, err)
	cfg.Origins, err = NewOrigins(origins)
	require.NoError(t, err)
	value, err := codec.EncodeBoard(board)
	require.NoError(t, err)
	boards.publish(views.Board{Key: board.Board, Version: board.Version, Value: value})
	return handler(t, cfg)
}

// oddBoard has pages whose names mean something in XML, HTML and addresses.
func oddBoard() *codec.Board {
	b := aBoard()
	at := b.UpdatedAt.Add(-time.Hour)
	for i, name := range []string{`<b>&"']]>`, "a/b?c=d#e f", "javascript:alert(1)", "日本\u202e"} {
		b.Pages = append(b.Pages, codec.BoardPage{Rank: i + 3, RankSince: at, Page: name, Heat: "1", Clicks: "1", Minutes: "0", Likes: "0"})
	}
	return b
}

func TestAtomFeed(t *testing.T) {
	w := ask(feeding(t, oddBoard(), "https://forum.example/t/{page}"), "GET", "/api/v1/boards/all-time/feed.atom")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/atom+xml; charset=utf-8", w.Header().Get("Content-Type"))
	var feed struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Title   string   `xml:"title"`
		Updated string   `xml:"updated"`
		Author  string   `xml:"author>name"`
		Entries []struct {
			ID      string `xml:"id"`
			Title   string `xml:"title"`
			Updated string `xml:"updated"`
			Content string `xml:"content"`
			Link    struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &feed), w.Body)
	assert.Equal(t, "urn:pageheat:all-time", feed.ID)
	assert.Equal(t, "Hottest pages", feed.Title)
	assert.Equal(t, "pageheat", feed.Author)
	assert.Equal(t, "2026-01-02T03:04:05Z", feed.Updated)
	require.Len(t, feed.Entries, 6)
	for i, p := range oddBoard().Pages {
		assert.Equal(t, p.Page, feed.Entries[i].Title)
		assert.Equal(t, p.RankSince.Format(time.RFC3339), feed.Entries[i].Updated)
		assert.True(t, strings.HasPrefix(feed.Entries[i].ID, "urn:pageheat:all-time:"), feed.Entries[i].ID)
		assert.True(t, strings.HasPrefix(feed.Entries[i].Link.Href, "https://forum.example/t/"), feed.Entries[i].Link.Href)
	}
	assert.Equal(t, "https://forum.example/t/a%2Fb%3Fc%3Dd%23e%20f", feed.Entries[3].Link.Href)
	assert.Equal(t, "Rank 1 with a heat of 302.08829876: 112 clicks, 250.61037345 minutes, 12 likes.", feed.Entries[0].Content)
}

func TestRSSFeed(t *testing.T) {
	w := ask(feeding(t, oddBoard(), "https://news.example{page}"), "GET", "/api/v1/boards/all-time/feed.rss")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/rss+xml; charset=utf-8", w.Header().Get("Content-Type"))
	var feed rssFeed
	require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &feed), w.Body)
	assert.Equal(t, "2.0", feed.Version)
	assert.Equal(t, "https://news.example/", feed.Channel.Link)
	require.Len(t, feed.Channel.Items, 6)
	for i, p := range oddBoard().Pages {
		assert.Equal(t, p.Page, feed.Channel.Items[i].Title)
		assert.False(t, feed.Channel.Items[i].GUID.IsPermaLink)
		assert.Empty(t, feed.Channel.Items[i].Link, "without a slash the name would be a part of the host")
		_, err := time.Parse(time.RFC1123Z, feed.Channel.Items[i].Published)
		assert.NoError(t, err)
	}
}

// TestList: the list has the pages in their order, and names stay text.
func TestList(t *testing.T) {
	w := ask(feeding(t, oddBoard(), "https://forum.example/t/{page}"), "GET", "/api/v1/boards/all-time/list.html")
	require.Equal(t, http.StatusOK, w.Code)
	body := w.Body.String()
	assert.Contains(t, body, `<a href="https://forum.example/t/page37" target="_top">page37</a> <small>302.08829876</small>`)
	assert.NotContains(t, body, "<script")
	assert.NotContains(t, body, "<b>")
	assert.NotContains(t, body, `href="javascript`)
	assert.Equal(t, 6, strings.Count(body, "<li>"))

	w = ask(feeding(t, aBoard(), ""), "GET", "/api/v1/boards/all-time/list.html")
	assert.Contains(t, w.Body.String(), `<li>page37 <small>`)
	assert.NotContains(t, w.Body.String(), "<a ")

	empty := aBoard()
	empty.Pages = nil
	w = ask(feeding(t, empty, ""), "GET", "/api/v1/boards/all-time/list.html")
	assert.Contains(t, w.Body.String(), "There is no page yet.")
}

// TestListInFrames: only sites that may read boards may show one in a frame.
func TestListInFrames(t *testing.T) {
	for _, c := range []struct {
		origins []string
		frames  string
	}{
		{nil, "frame-ancestors 'self'"},
		{[]string{"https://forum.example"}, "frame-ancestors 'self' https://forum.example"},
		{[]string{"*"}, "frame-ancestors *"},
	} {
		header := ask(feeding(t, aBoard(), "", c.origins...), "GET", "/api/v1/boards/all-time/list.html").Header()
		assert.True(t, strings.HasSuffix(header.Get("Content-Security-Policy"), c.frames), header)
		assert.Empty(t, header.Get("X-Frame-Options"))
	}
}

// TestFeedThatIsKnown: a reader that has the version gets no body.
func TestFeedThatIsKnown(t *testing.T) {
	h := feeding(t, aBoard(), "")
	for _, form := range []string{"feed.atom", "feed.rss", "list.html"} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/boards/all-time/"+form, nil)
		r.Header.Set("If-None-Match", `"41", W/"42"`)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, http.StatusNotModified, w.Code)
		assert.Empty(t, w.Body.String())
	}
}

// TestPageLink: the cases of the element's attribute link (site/widget_test.go) whose templates
// are complete addresses give the same here.
func TestPageLink(t *testing.T) {
	for _, c := range []struct{ template, page, want string }{
		{"", "a", ""},
		{"https://forum.example/t/{page}", "/t/42", "https://forum.example/t/42"},
		{"https://forum.example/t/{page}", "/t/日", "https://forum.example/t/%E6%97%A5"},
		{"https://forum.example/t/{page}", "/t/%e6%97%a5", "https://forum.example/t/%e6%97%a5"},
		{"https://forum.example/t/{page}", "/other/42", "https://forum.example/t/other/42"},
		{"https://forum.example/t/{page}", "42", "https://forum.example/t/42"},
		{"https://forum.example/t/{page}", "a/b?c#d", "https://forum.example/t/a%2Fb%3Fc%23d"},
		{"https://forum.example/t/{page}", "100% ä", "https://forum.example/t/100%25%20%C3%A4"},
		{"https://forum.example/t/{page}", "a%2Fb", "https://forum.example/t/a%2Fb"},
		{"https://forum.example/t/{page}", "../x", "https://forum.example/t/..%2Fx"},
		{"https://forum.example/t/{page}", "/../x", ""},
		{"https://forum.example/t/{page}", "..", ""},
		{"https://forum.example/t/{page}", "javascript:alert(1)", "https://forum.example/t/javascript%3Aalert(1)"},
		{"https://forum.example/t{page}", "/42", "https://forum.example/t/42"},
		{"https://forum.example/go?to={page}&x=1", "/t/4&2", "https://forum.example/go?to=/t/4%262&x=1"},
		{"https://forum.example/{page}/comments", "/t/42", "https://forum.example/t/42/comments"},
		{"https://forum.example/{page}", "/t/42", "https://forum.example/t/42"},
		{"https://forum.example{page}", "/t/42", "https://forum.example/t/42"},
		{"https://forum.example{page}", "/t/42?a=b", "https://forum.example/t/42?a=b"},
		{"https://forum.example{page}", ".evil.example", ""},
		{"https://forum.example{page}", "@evil.example", ""},
		{"https://forum.example{page}", ":8080", ""},
	} {
		link, err := NewPageLink(c.template)
		require.NoError(t, err, c.template)
		assert.Equal(t, c.want, link.To(c.page), "%s of %s", c.page, c.template)
	}
	for _, template := range []string{"/t/{page}", "javascript:{page}", "{page}", "https://{page}/", "https://forum.example/t/", "https://me:secret@forum.example/{page}"} {
		_, err := NewPageLink(template)
		assert.ErrorContains(t, err, "such as https://forum.example/t/{page}", template)
	}
}

// TestPageLinkAndURL: what a behaviour said is a link where it may be one, and the operator's template
// comes first.
func TestPageLinkAndURL(t *testing.T) {
	for _, c := range []struct{ template, page, url, want string }{
		{"", "a", "https://x.example/a", "https://x.example/a"},
		{"", "/a", "/a", ""},
		{"", "a", "javascript:alert(1)", ""},
		{"", "a", "https://me@x.example/", ""},
		{"https://forum.example/t/{page}", "42", "https://x.example/a", "https://forum.example/t/42"},
		{"https://forum.example/t/{page}", "42", "/t/42-tomatoes", "https://forum.example/t/42"},
		// The name makes none.
		{"https://forum.example{page}", "42", "", ""},
		{"https://forum.example{page}", "42", "/t/42-tomatoes", "https://forum.example/t/42-tomatoes"},
		{"https://forum.example{page}", "42", "https://forum.example/t/42", "https://forum.example/t/42"},
		{"https://forum.example{page}", "42", "https://x.example/t/42", ""},
		{"https://forum.example{page}", "42", "http://forum.example/t/42", ""},
		{"https://forum.example{page}", "42", "//x.example/t/42", ""},
		{"https://forum.example{page}", "42", "javascript:alert(1)", ""},
		{"https://forum.example/t/{page}", "..", "/other", ""},
		{"https://forum.example/t/{page}", "..", "/t/../other", ""},
	} {
		link, err := NewPageLink(c.template)
		require.NoError(t, err)
		assert.Equal(t, c.want, link.Of(&codec.BoardPage{Page: c.page, URL: c.url}), "%+v", c)
	}
}

// TestPageLinkStaysOnItsSite: no name leads to another site or out of the template's path.
func TestPageLinkStaysOnItsSite(t *testing.T) {
	below, err := NewPageLink("https://forum.example/t/{page}")
	require.NoError(t, err)
	bare, err := NewPageLink("https://forum.example{page}")
	require.NoError(t, err)
	parts := rapid.SampledFrom([]string{"/", "//", `\`, "..", ".", "%2e%2E", "%2f", "@", ":", ":80", "evil.example", "t", "?", "#", "\t", "%", "日", "javascript:", "https://"})
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOf(parts).Draw(t, "name"), "") + rapid.String().Draw(t, "end")
		if to := below.To(name); to != "" {
			require.True(t, strings.HasPrefix(to, "https://forum.example/t/"), to)
		}
		said := rapid.SampledFrom([]string{"/", "//", "https://forum.example/", "https://evil.example/", "javascript:", ""}).Draw(t, "url") + name
		if to := below.Of(&codec.BoardPage{Page: "..", URL: said}); to != "" {
			require.True(t, strings.HasPrefix(to, "https://forum.example/t/"), to)
		}
		if to := bare.To(name); to != "" {
			u, err := url.Parse(to)
			require.NoError(t, err)
			require.Equal(t, "forum.example", u.Host)
		}
	})
}
