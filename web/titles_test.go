package web

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/views"
)

// A title stands in feeds and lists, as text.
func TestTitlesInFeedsAndLists(t *testing.T) {
	list, err := newList()
	require.NoError(t, err)
	s := &service{listTemplate: list}
	b := &codec.Board{Board: "all-time", UpdatedAt: time.Unix(0, 0), Pages: []codec.BoardPage{
		{Rank: 1, Page: "/a", Title: `<script>alert("1")</script>`, URL: "https://x.example/a?b&c"}, {Rank: 2, Page: "/b", URL: "javascript:alert(1)"}}}
	var atom, rss, html bytes.Buffer
	require.NoError(t, s.atom(&atom, b))
	require.NoError(t, s.rss(&rss, b))
	require.NoError(t, s.html(&html, b))
	for _, text := range []string{atom.String(), rss.String(), html.String()} {
		require.Contains(t, text, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;")
		require.NotContains(t, text, "<script>")
		require.Contains(t, text, "/b")
		require.Contains(t, text, "https://x.example/a?b&amp;c")
		require.NotContains(t, text, "javascript")
	}
}

func TestTitleOfAPage(t *testing.T) {
	s := &codec.PageState{Label: &codec.StampedLabel{Label: codec.Label{Title: "A", URL: "/a"}}}
	p := views.NewPageHeat("/a", s, heat.DefaultWeights())
	require.Equal(t, "A", p.Title)
	require.Equal(t, "/a", p.URL)
}
